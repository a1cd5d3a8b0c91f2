"""Mutations of the byte form: total, bounded, a function of the seed, and every kind does work."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmfuzz.byte_layout import LITERAL, RECORD
from vmfuzz.bytecode import decode
from vmfuzz.mutate import _MUTATIONS, HEADER, Mutation, cross, join, mutate, split
from vmfuzz.runner import run
from vmstore.ops import GENERATED
from vmstore.world import World

WORLD = World(frames=16, pt_frames=8, entries=4)
SEEDS = st.integers(0, 2**32 - 1)
DATA = st.binary(max_size=20 * RECORD)
SIZES = st.integers(HEADER, 30 * RECORD)
KINDS = list(dict.fromkeys(_MUTATIONS))


def some_records(rng: Random, amount: int) -> list[bytes]:
    return [rng.randbytes(RECORD) for _ in range(amount)]


@given(DATA, SIZES, SEEDS)
@settings(deadline=None)
def test_any_bytes_mutate_to_a_header_and_whole_records_that_fit(
    data: bytes, max_size: int, seed: int
) -> None:
    result = mutate(data, max_size, seed)

    assert HEADER <= len(result) <= max_size
    assert (len(result) - HEADER) % RECORD == 0
    assert mutate(data, max_size, seed) == result


@given(DATA, DATA, SIZES, SEEDS)
@settings(deadline=None)
def test_any_two_inputs_cross_to_a_header_and_whole_records_that_fit(
    first: bytes, second: bytes, max_size: int, seed: int
) -> None:
    result = cross(first, second, max_size, seed)

    assert HEADER <= len(result) <= max_size
    assert (len(result) - HEADER) % RECORD == 0
    assert cross(first, second, max_size, seed) == result
    assert set(split(result)[1]) <= {*split(first)[1], *split(second)[1]}


@given(DATA)
@settings(deadline=None)
def test_splitting_and_joining_loses_only_what_is_no_whole_record(data: bytes) -> None:
    header, records = split(data)

    whole = HEADER + len(records) * RECORD
    assert join(header, records, 1 << 20) == (data[:whole] or b"\0")
    assert len(data) - whole < RECORD


@pytest.mark.parametrize("size", [0, 1, 2, RECORD, RECORD + 1, RECORD + 2, 5 * RECORD, 999])
def test_an_input_of_any_length_grows_shrinks_and_changes(size: int) -> None:
    data = Random(size).randbytes(size)
    records = len(split(data)[1])
    results = [mutate(data, 1 << 16, seed) for seed in range(200)]

    lengths = {len(split(result)[1]) for result in results}
    assert max(lengths) > records
    assert len(set(results)) > 100
    if records > 1:
        assert min(lengths) < records
        assert records in lengths


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("amount", [1, 2, 30])
def test_every_kind_of_mutation_is_a_function_of_the_seed_and_changes_something(
    kind: Mutation, amount: int
) -> None:
    before = some_records(Random(amount), amount)
    changed = 0
    for seed in range(40):
        first, second = list(before), list(before)
        kind(Random(seed), first)
        kind(Random(seed), second)
        assert first == second
        assert {len(record) for record in first} <= {RECORD}
        changed += first != before

    nothing_to_do = amount == 1 and kind.__name__ in {"_move", "_copy_arguments"}
    assert (changed == 0) if nothing_to_do else (changed > 10)


def test_the_world_changes_now_and_then() -> None:
    data = bytes([7]) + bytes(3 * RECORD)

    headers = [mutate(data, 1 << 16, seed)[0] for seed in range(2000)]

    assert 1900 < headers.count(7) < 2000
    assert len(set(headers)) > 10


def test_new_ops_are_of_every_kind_and_some_are_literals() -> None:
    opcodes = {record[0] for seed in range(3000) for record in split(mutate(b"", 1 << 16, seed))[1]}

    assert opcodes == {*range(len(GENERATED)), LITERAL}


def test_a_crossing_takes_from_both_and_begins_with_the_first() -> None:
    first = bytes([1]) + b"a" * (10 * RECORD)
    second = bytes([2]) + b"b" * (10 * RECORD)
    results = [cross(first, second, 1 << 16, seed) for seed in range(200)]

    assert {result[0] for result in results} == {1}
    assert sum(b"a" in result and b"b" in result for result in results) > 100
    assert not any(b"b" in result[: result.index(b"a")] for result in results if b"a" in result[:2])


@given(DATA, DATA, SEEDS)
@settings(deadline=None, max_examples=50)
def test_what_comes_out_decodes_and_runs(first: bytes, second: bytes, seed: int) -> None:
    crossed = cross(mutate(first, 500, seed), mutate(second, 500, seed), 1000, seed)
    trace = decode(crossed[HEADER:], WORLD)

    assert run(trace).finding is None
    assert len(trace.steps) <= len(crossed) // RECORD
