"""Abstract state as coverage: bounded, blind to addresses; what is different looks different."""

from random import Random

import pytest

from vmfuzz.byte_layout import RECORD
from vmfuzz.bytecode import decode
from vmfuzz.features import CELLS, StateMap, _outcome_class
from vmfuzz.oracle import Session
from vmfuzz.runner import not_produced
from vmfuzz.trace_text import parse
from vmstore.ops import DECLARATIONS
from vmstore.outcome import ERRORS, Abort, Outcome, Panic
from vmstore.world import World

WORLD = World(frames=16, pt_frames=8, entries=4)


def cells_of(*lines: str, world: str = "world frames=16") -> dict[int, int]:
    """The cells, with their counters, of a trace in which every step runs."""
    trace = parse("\n".join(["#vmfuzz-trace 1", world, *lines, ""]))
    session = Session(trace.world)
    state_map = StateMap()
    state_map.begin()
    for step in trace.steps:
        assert session.step(step.op) is None
        state_map.note(session, step.op)
    return {at: count for at, count in enumerate(state_map.cells) if count}


MADE = "f0 = frame_from_unused(paddr=0x1000)"
ALIKE = [
    ([MADE], ["f9 = frame_from_unused(paddr=0x7000)"]),
    ([MADE, "frame_drop(frame=f0)"], ["f3 = frame_from_unused(paddr=0x0)", "frame_drop(frame=f3)"]),
    (
        ["s0 = segment_from_unused(start=0x1000, end=0x3000)", "s1 = segment_clone(segment=s0)"],
        ["s4 = segment_from_unused(start=0x8000, end=0xa000)", "s2 = segment_clone(segment=s4)"],
    ),
    (["f0 = frame_from_in_use(paddr=0x1)"], ["f0 = frame_from_in_use(paddr=0x2003)"]),
]
UNLIKE = [
    ([MADE], ["u0 = unique_from_unused(paddr=0x1000)"]),
    ([MADE], [MADE, MADE.replace("f0", "f1")]),
    ([MADE], [MADE, "f1 = frame_clone(frame=f0)"]),
    (["f0 = frame_from_in_use(paddr=0x1)"], ["f0 = frame_from_in_use(paddr=0x1000000)"]),
    (
        [
            "s0 = segment_from_unused(start=0x1000, end=0x2000)",
            "f0 = frame_from_in_use(paddr=0x1000)",
        ],
        [MADE.replace("f0", "f1"), "f0 = frame_from_in_use(paddr=0x1000)"],
    ),
    (
        [MADE, "f1 = frame_from_unused(paddr=0x2000)", "frame_drop(frame=f1)"],
        [MADE, "f1 = frame_clone(frame=f0)", "frame_drop(frame=f1)"],
    ),
]


@pytest.mark.parametrize(("first", "second"), ALIKE)
def test_the_same_situation_on_another_page_is_no_news(first: list[str], second: list[str]) -> None:
    assert cells_of(*first) == cells_of(*second)


@pytest.mark.parametrize(("first", "second"), UNLIKE)
def test_another_situation_is_news(first: list[str], second: list[str]) -> None:
    assert set(cells_of(*second)) - set(cells_of(*first))


def test_a_list_is_told_apart_by_its_length_up_to_a_few() -> None:
    lines = ["l0 = list_new()"]
    seen = []
    for number in range(9):
        lines.append(f"u{number} = unique_from_unused(paddr={number:#x}000, meta=link)")
        lines.append(f"list_push_back(list=l0, unique=u{number})")
        seen.append(frozenset(cells_of(*lines)))

    assert len(set(seen[:6])) == 6
    assert seen[7] == seen[8]


def test_counters_stop_at_255_and_the_map_at_its_size() -> None:
    lines = ["f0 = frame_from_in_use(paddr=0x1)", "f1 = frame_from_in_use(paddr=0x1)"] * 300
    trace = parse("\n".join(["#vmfuzz-trace 1", "world", *lines, ""]))
    session, state_map = Session(trace.world), StateMap()
    for step in trace.steps:
        session.step(step.op)
        state_map.note(session, step.op)

    assert max(state_map.cells) == 255
    assert len(state_map.cells) == CELLS


def test_any_trace_stays_within_the_map() -> None:
    state_map = StateMap()
    cells = state_map.cells
    for seed in range(60):
        session = Session(WORLD)
        state_map.begin()
        for step in decode(Random(seed).randbytes(60 * RECORD), WORLD).steps:
            if not_produced(session, step.op) is None and not session.is_over:
                session.step(step.op)
                state_map.note(session, step.op)

    assert state_map.cells is cells
    assert len(cells) == CELLS
    assert 100 < sum(map(bool, cells)) < CELLS // 4


def test_an_input_does_not_depend_on_the_one_before() -> None:
    trace = parse("\n".join(["#vmfuzz-trace 1", "world", MADE, "frame_drop(frame=f0)", ""]))
    state_map = StateMap()
    seen = []
    for _ in range(2):
        state_map.cells[:] = bytes(CELLS)
        state_map.begin()
        session = Session(trace.world)
        for step in trace.steps:
            session.step(step.op)
            state_map.note(session, step.op)
        seen.append(bytes(state_map.cells))

    assert seen[0] == seen[1]


def test_every_op_has_a_number_of_its_own() -> None:
    assert len(DECLARATIONS) < 256


def test_every_outcome_has_a_class_of_its_own() -> None:
    outcomes: list[Outcome | None] = [None, *ERRORS, Panic("x"), Abort("x")]
    classes = []
    for outcome in outcomes:
        session = Session(WORLD)
        session.outcome = outcome
        classes.append(_outcome_class(session))

    assert len(set(classes)) == len(outcomes)
    assert set(classes) <= set(range(32))
