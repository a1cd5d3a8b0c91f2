"""The byte form: every byte string is a trace, and every trace survives it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmfuzz.byte_layout import LITERAL, RECORD, address_pool
from vmfuzz.bytecode import MAX_OPS, decode, encode, renumber
from vmfuzz.errors import VmfuzzError
from vmfuzz.fields import CODECS
from vmfuzz.liveness import Liveness
from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_text import parse
from vmstore.arch import PAGE_SIZE
from vmstore.ids import MetaVal
from vmstore.ops import DECLARATIONS, GENERATED
from vmstore.ops.frame import FrameFromInUse, FrameFromUnused, FrameInfo
from vmstore.ops.linked_list import ListNew
from vmstore.ops.segment import SegmentFromUnused
from vmstore.outcome import OK
from vmstore.world import World

WORLD = World(frames=16, pt_frames=8, entries=4)


def swarm_trace(seed: int, length: int = 120) -> Trace:
    rng = Random(seed)
    session = Session(WORLD)
    source = SwarmTrace(rng, SwarmConfig(rng, WORLD), session.state)
    steps: list[Step] = []
    while len(steps) < length and not session.is_over:
        op = source.next_op()
        steps.append(Step(op))
        session.step(op)
        source.settle(op)
    return Trace(WORLD, steps)


@given(st.binary(max_size=40 * RECORD))
@settings(deadline=None)
def test_every_byte_string_decodes_to_a_trace_without_skipped_steps(data: bytes) -> None:
    trace = decode(data, WORLD)

    liveness = Liveness()
    for step in trace.steps:
        assert liveness.skip_reason(step.op) is None
        liveness.apply(step.op)
    assert len(trace.steps) <= len(data) // RECORD


@pytest.mark.parametrize("seed", range(20))
def test_swarm_traces_survive_the_round_trip_up_to_ids(seed: int) -> None:
    trace = swarm_trace(seed)

    assert len(trace.steps) > 1
    assert decode(encode(trace), WORLD) == renumber(trace)


def test_a_byte_flip_changes_one_op_when_the_op_makes_and_ends_no_handle() -> None:
    text = """#vmfuzz-trace 1
world frames=16 pt_frames=8 entries=4
f0 = frame_from_unused(paddr=0x1000)
f1 = frame_from_in_use(paddr=0x1000)
frame_info(frame=f0)
frame_info(frame=f1)
"""
    data = bytearray(encode(parse(text)))
    data[2 * RECORD + 1] ^= 1

    before, after = parse(text).ops, decode(bytes(data), WORLD).ops
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, True]


def test_opcodes_never_move() -> None:
    """A stored byte corpus means the same for ever: new ops go to the end of the alphabet."""
    names = ",".join(declaration.name for declaration in GENERATED)

    assert hashlib.sha256(names.encode()).hexdigest()[:16] == "3353caee76a4e376"


OPCODES = {declaration.op: code for code, declaration in enumerate(GENERATED)}
MAKERS = [code for code, declaration in enumerate(GENERATED) if not declaration.handles]


def random_bytes(rng: Random, records: int = 30) -> bytes:
    """Return random records; every other one makes a handle from nothing, so that ops find some."""
    data = bytearray(rng.randbytes(records * RECORD))
    for at in range(0, len(data), 2 * RECORD):
        data[at] = rng.choice(MAKERS)
    return bytes(data)


def varied(trace: Trace, rng: Random) -> Trace:
    """Return the trace with other numbers, and with ids that are scattered and used again."""
    names: dict[tuple[str, int], int] = {}
    live: set[tuple[str, int]] = set()
    steps = []
    for step in trace.steps:
        changes: dict[str, Any] = {}
        declaration = DECLARATIONS[type(step.op)]
        for field in declaration.fields:
            value = getattr(step.op, field.name)
            if field.is_alternative and value is None:
                continue
            if field.kind and not field.is_destination:
                changes[field.name] = names[field.kind.name, value]
            elif field.kind:
                free = [i for i in range(40) if (field.kind.name, i) not in live]
                changes[field.name] = names[field.kind.name, value] = rng.choice(free or [10**6])
                live.add((field.kind.name, changes[field.name]))
            elif isinstance(value, int) and CODECS[field.type].domain == "number":
                near = rng.choice(address_pool(trace.world)) + rng.randint(-200, 200)
                changes[field.name] = rng.choice([near % 2**64, rng.getrandbits(64), value])
        steps.append(Step(replace(step.op, **changes)))
        for field in declaration.handles:
            if field.kind and field.is_consumed:
                live.discard((field.kind.name, changes[field.name]))
    return Trace(trace.world, steps)


@given(st.integers(0, 2**64), st.sampled_from([WORLD, World(), World(frames=1, pt_frames=0)]))
@settings(deadline=None)
def test_any_numbers_and_any_ids_survive_the_round_trip(seed: int, world: World) -> None:
    rng = Random(seed)
    decoded = decode(random_bytes(rng), world)
    trace = varied(decoded, rng)

    canonical = renumber(trace)

    assert decode(encode(decoded), world) == renumber(decoded) == decoded
    assert decode(encode(trace), world) == canonical
    assert renumber(canonical) == canonical
    assert encode(canonical) == encode(trace)


def test_random_bytes_reach_every_op() -> None:
    reached = {
        type(op) for seed in range(40) for op in decode(random_bytes(Random(seed), 250), WORLD).ops
    }

    assert reached == set(OPCODES)


@given(st.binary(max_size=20 * RECORD))
@settings(deadline=None)
def test_decoding_depends_on_bytes_and_world_alone(data: bytes) -> None:
    assert decode(data, WORLD) == decode(data, replace(WORLD))
    assert decode(data + b"x" * (RECORD - 1 - len(data) % RECORD), WORLD) == decode(data, WORLD)


@given(st.integers(0, 2**64), st.data())
@settings(deadline=None)
def test_an_ignored_byte_changes_nothing(seed: int, data: st.DataObject) -> None:
    record = bytearray(random_bytes(Random(seed), 1))
    before = decode(bytes(record), WORLD)
    used = 1 + 2 * max(len(d.fields) - len(d.destinations) for d in GENERATED)

    record[data.draw(st.integers(used, RECORD - 1))] ^= data.draw(st.integers(1, 255))

    assert decode(bytes(record), WORLD) == before


def test_every_op_fits_into_a_record_and_ends_one_handle_of_a_kind_at_most() -> None:
    for declaration in GENERATED:
        ended = [field.kind for field in declaration.handles if field.is_consumed]

        assert 1 + 2 * (len(declaration.fields) - len(declaration.destinations)) <= RECORD
        assert len(ended) == len(set(ended))


def record(op: type, *fields: int) -> bytes:
    return bytes([OPCODES[op], *fields]).ljust(RECORD, b"\xaa")


def literal(value: int) -> bytes:
    return (bytes([LITERAL]) + value.to_bytes(8, "little")).ljust(RECORD, b"\xaa")


@pytest.mark.parametrize(
    ("data", "paddrs"),
    [
        (record(FrameFromInUse, 3, 0), [0x3000]),
        (record(FrameFromInUse, 3, 0x7F), [0x307F]),
        (record(FrameFromInUse, 3, 0x80), [0x2F80]),
        (record(FrameFromInUse, 0, 0xFF), [2**64 - 1]),
        (record(FrameFromInUse, 0xFF, 9), [0]),
        (literal(77) + record(FrameFromInUse, 0xFF, 9), [77]),
        (literal(77) + record(FrameFromInUse, 1, 0) + record(FrameFromInUse, 0xFF, 0), [0x1000, 0]),
        (literal(77) + record(FrameInfo, 0, 0) + record(FrameFromInUse, 0xFF, 0), [0]),
        (literal(1) + literal(2) + record(FrameFromInUse, 0xFF, 0), [1]),
    ],
)
def test_a_number_is_pool_value_plus_offset_or_the_next_literal(
    data: bytes, paddrs: list[int]
) -> None:
    ops = decode(data, WORLD).ops

    assert [op.paddr for op in ops if isinstance(op, FrameFromInUse)] == paddrs
    assert len(ops) == len(paddrs)


def test_literals_are_taken_in_field_order() -> None:
    data = literal(10) + literal(20) + record(SegmentFromUnused, 0xFF, 0, 0xFF, 0, 1, 0, 0xFF, 0)
    (op,) = decode(data, WORLD).ops

    assert isinstance(op, SegmentFromUnused)
    assert (op.start, op.end, op.meta, op.val) == (10, 20, "umeta", 0)


def test_a_handle_is_an_index_modulo_the_live_ids_low_byte_first() -> None:
    made = record(FrameFromInUse, 0, 0) * 3
    data = made + record(FrameInfo, 5, 0) + record(FrameInfo, 0, 1)
    *_, first, second = decode(data, WORLD).ops

    assert isinstance(first, FrameInfo)
    assert isinstance(second, FrameInfo)
    assert (first.frame, second.frame) == (5 % 3, 256 % 3)


@pytest.mark.parametrize("world", [WORLD, World(), World(frames=1, pt_frames=0)])
def test_the_pool_has_pages_odd_numbers_and_boundaries(world: World) -> None:
    pool = address_pool(world)
    top = world.max_paddr

    assert len(pool) == 255
    assert all(0 <= value < 2**64 for value in pool)
    assert pool[:200] == tuple(page * PAGE_SIZE for page in range(200))
    assert {1, 3, top - PAGE_SIZE, top, top + PAGE_SIZE, 2**63, 2**64 - 0x1000, 2**64 - 1} <= {
        *pool
    }


def test_outcomes_comment_faults_and_expectations_are_outside_of_the_byte_form() -> None:
    text = """#vmfuzz-trace 1
# a comment
world
fault segment-clone-misses-last
expect ACCT.3c at 0
l0 = list_new() => ok
"""
    trace = parse(text)

    assert trace.steps[0].outcome == OK
    assert (
        decode(encode(trace), trace.world)
        == renumber(trace)
        == parse("#vmfuzz-trace 1\nworld\nl0 = list_new()\n")
    )


def build(op: type, **fields: Any) -> Step:
    return Step(DECLARATIONS[op].make(fields))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (build(FrameFromInUse, dst=0, paddr=-1), "paddr=-1 does not fit into 64 bits"),
        (build(FrameFromInUse, dst=0, paddr=2**64), f"paddr={2**64} does not fit into 64 bits"),
        (build(FrameFromUnused, dst=0, paddr=0, val=MetaVal(-3)), "val=-3 does not fit into"),
        (build(FrameFromUnused, dst=0, paddr=0, meta="x"), "meta='x': allowed are unit, umeta"),
    ],
)
def test_a_value_that_its_field_cannot_have_has_no_byte_form(step: Step, message: str) -> None:
    with pytest.raises(VmfuzzError) as raised:
        encode(Trace(steps=[step]))

    assert str(raised.value).startswith(f"step 0 has no byte form: {message}")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("frame_drop(frame=f0)", "f0 is not live"),
        ("host_poke_ref_count(paddr=0x0, value=MAX)", "HostPokeRefCount has no opcode"),
    ],
)
@pytest.mark.parametrize("convert", [encode, renumber])
def test_a_skipped_step_and_a_test_hook_have_no_byte_form(
    convert: Callable[[Trace], object], line: str, reason: str
) -> None:
    with pytest.raises(VmfuzzError, match=f"step 0 has no byte form: {reason}"):
        convert(parse(f"#vmfuzz-trace 1\nworld\n{line}\n"))


def test_a_trace_fills_the_byte_form_and_not_one_record_more() -> None:
    steps = [build(ListNew, dst=at) for at in range(MAX_OPS + 1)]
    full = Trace(steps=steps[:-1])

    assert decode(encode(full), full.world) == full
    assert decode(encode(full) + encode(full), full.world) == full
    with pytest.raises(VmfuzzError, match=f"step {MAX_OPS} has no byte form: .* {MAX_OPS} records"):
        encode(Trace(steps=steps))
