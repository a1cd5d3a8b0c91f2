"""Bytes from strangers: every string decodes, within bounds, and mutation keeps to its room."""

from itertools import pairwise
from random import Random
from time import perf_counter

import pytest

from vmfuzz.byte_layout import LITERAL, RECORD
from vmfuzz.byte_target import ByteTarget
from vmfuzz.bytecode import MAX_OPS, decode, encode
from vmfuzz.fields import CODECS
from vmfuzz.liveness import Liveness
from vmfuzz.mutate import HEADER, cross, join, mutate, split
from vmfuzz.oracle import CHECKS
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_trace, parse
from vmstore.ids import MAX_PAYLOAD
from vmstore.ops import DECLARATIONS
from vmstore.world import World

WORLDS = [
    World(frames=16, pt_frames=8, entries=4),
    World(frames=1, pt_frames=0, cpus=1, rc_max=1, list_ids=1),
    World(frames=1 << 20, pt_frames=1 << 20, cpus=64),
    World(),
]
HOSTILE = [
    b"",
    b"\0",
    bytes([LITERAL]) * RECORD * 300,
    b"\0" * RECORD * 300,
    bytes(range(256)) * 8,
    b"\xff" * (RECORD - 1),
    bytes([LITERAL]) + b"\xff" * 15 + b"\0" + b"\xff" * 15,
]


def strange(rng: Random) -> bytes:
    """Return noise, or records of any opcode whose arguments are mostly small."""
    if rng.random() < 0.5:
        return rng.randbytes(rng.randint(0, 20 * RECORD))
    length = rng.randint(0, 20) * RECORD + rng.choice((0, 0, 1, RECORD - 1))
    data = bytearray(rng.choices((0, 1, 2, 3, 7, 0xFF, 0x80), k=length))
    data[::RECORD] = rng.randbytes(len(data[::RECORD]))
    return bytes(data)


def check_decoded(data: bytes, world: World) -> Trace:
    trace = decode(data, world)
    liveness = Liveness()
    for step in trace.steps:
        assert liveness.skip_reason(step.op) is None
        liveness.apply(step.op)
    assert len(trace.steps) <= len(data) // RECORD
    return trace


def check_values(trace: Trace) -> None:
    for op in trace.ops:
        for field in DECLARATIONS[type(op)].arguments:
            value = getattr(op, field.name)
            codec = CODECS[field.type]
            if codec.domain == "choice":
                assert value in codec.words
            elif codec.domain == "payload":
                assert len(value) <= MAX_PAYLOAD
            else:
                assert 0 <= value <= codec.top


def check_round_trips(trace: Trace) -> None:
    assert decode(encode(trace), trace.world) == trace
    assert parse(format_trace(trace)) == trace


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("world", WORLDS, ids=["small", "least", "largest", "default"])
def test_a_hostile_string_decodes_and_survives_both_forms(data: bytes, world: World) -> None:
    trace = check_decoded(data, world)

    check_values(trace)
    check_round_trips(trace)


def test_random_strings_decode_to_whole_traces() -> None:
    rng = Random(1)
    steps = 0
    for number in range(6_000):
        trace = check_decoded(strange(rng), WORLDS[number % len(WORLDS)])
        check_values(trace)
        if number % 10 == 0:
            check_round_trips(trace)
        steps += len(trace.steps)

    assert steps > 6_000


@pytest.mark.long
@pytest.mark.slow
def test_a_million_random_strings_decode_to_whole_traces() -> None:
    rng = Random(2)
    steps = 0
    for number in range(1_000_000):
        trace = check_decoded(strange(rng), WORLDS[number % len(WORLDS)])
        if number % 10 == 0:
            check_values(trace)
            check_round_trips(trace)
        steps += len(trace.steps)

    assert steps > 1_000_000


def test_an_endless_string_is_read_up_to_the_limit() -> None:
    started = perf_counter()
    data = Random(3).randbytes(64 << 20)

    trace = decode(data, WORLDS[0])

    assert 0 < len(trace.steps) <= MAX_OPS
    assert trace == decode(data[: MAX_OPS * RECORD], WORLDS[0])
    assert perf_counter() - started < 10


def test_a_flipped_byte_changes_at_most_the_handles_after_it() -> None:
    rng = Random(4)
    for _ in range(200):
        data = bytearray(rng.randbytes(6 * RECORD))
        at = rng.randrange(len(data))
        before = decode(bytes(data), WORLDS[0])
        data[at] ^= 1 << rng.randrange(8)
        after = decode(bytes(data), WORLDS[0])
        untouched = len(decode(bytes(data[: at - at % RECORD]), WORLDS[0]).steps)
        assert before.steps[:untouched] == after.steps[:untouched]


def test_mutation_is_a_function_of_its_seed_and_keeps_to_its_room() -> None:
    rng = Random(5)
    inputs = [*HOSTILE, *(strange(rng) for _ in range(200))]
    for seed, (first, second) in enumerate(pairwise(inputs)):
        for room in (HEADER, HEADER + RECORD, 4096):
            made = mutate(first, room, seed), cross(first, second, room, seed)
            assert made == (mutate(first, room, seed), cross(first, second, room, seed))
            assert all(HEADER <= len(data) <= max(room, HEADER) for data in made)
            assert all((len(data) - HEADER) % RECORD == 0 for data in made)
            assert all(join(*split(data), room) == data for data in made)


def test_the_target_runs_whatever_it_is_fed() -> None:
    rng = Random(6)
    target = ByteTarget(WORLDS[:2], (), frozenset(CHECKS))
    found = [target.run(data) for data in (*HOSTILE, *(strange(rng) for _ in range(1_000)))]

    assert [finding for finding in found if finding] == []
    assert target.inputs == len(HOSTILE) + 1_000
    assert target.steps > 1_000
