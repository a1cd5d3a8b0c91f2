"""The byte form: every byte string is a trace, and every trace survives it."""

import hashlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmfuzz.bytecode import MAX_OPS, RECORD, decode, encode, renumber
from vmfuzz.errors import VmfuzzError
from vmfuzz.liveness import Liveness
from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_text import parse
from vmstore.ops import GENERATED
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


@given(st.binary(max_size=40 * RECORD))
@settings(deadline=None)
def test_decoded_traces_survive_the_round_trip(data: bytes) -> None:
    trace = decode(data, WORLD)

    assert decode(encode(trace), WORLD) == renumber(trace)


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


def test_literals_reach_any_64_bit_value() -> None:
    text = """#vmfuzz-trace 1
world
s0 = segment_from_unused(start=0x123456789abc, end=0xfedcba9876543210, meta=tmeta, val=999)
"""
    trace = parse(text)

    assert decode(encode(trace), trace.world) == trace


def test_decoding_stops_after_the_bound() -> None:
    trace = decode(bytes(RECORD * (MAX_OPS + 7)), WORLD)

    assert len(trace.steps) == MAX_OPS


def test_opcodes_never_move() -> None:
    """A stored byte corpus means the same for ever: new ops go to the end of the alphabet."""
    names = ",".join(declaration.name for declaration in GENERATED)

    assert hashlib.sha256(names.encode()).hexdigest()[:16] == "5777b3cdd61dc772"


def test_a_skipped_step_has_no_byte_form() -> None:
    trace = parse("#vmfuzz-trace 1\nworld\nframe_drop(frame=f0)\n")

    with pytest.raises(VmfuzzError, match="step 0 has no byte form: f0 is not live"):
        encode(trace)


def test_a_test_hook_has_no_byte_form() -> None:
    trace = parse("#vmfuzz-trace 1\nworld\nhost_poke_ref_count(paddr=0x0, value=MAX)\n")

    with pytest.raises(VmfuzzError, match="HostPokeRefCount has no opcode"):
        encode(trace)
