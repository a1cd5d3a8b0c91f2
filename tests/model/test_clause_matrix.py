"""Each conjunct of `accounting_inv` and `structural_inv` is needed, or exempt for a reason."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vmfuzz import oracle
from vmfuzz.bench.clause_matrix import CONJUNCTS, Effect, effects, stored_traces
from vmfuzz.bench.exempt import EXEMPT
from vmfuzz.bench.tables import exempt_table, matrix_table
from vmfuzz.errors import VmfuzzError
from vmfuzz.oracle import Session
from vmfuzz.runner import run
from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.cells import Slot
from vmstore.clauses import CLAUSES, Clause
from vmstore.clauses.breakers import BREAKERS, WORLD, healthy
from vmstore.clauses.check import cases, everything, violations
from vmstore.clauses.registry import PageCase, SegmentCase, SlotCase
from vmstore.clauses.space_cases import PlaceCase
from vmstore.exec.machine import Machine
from vmstore.faults import PLANTED, Faults
from vmstore.step import State

REGRESSIONS = Path(__file__).parents[2] / "corpora" / "regressions"
EVERY = [fault.id for fault in PLANTED]
# No minimal trace of this bug is named by ACCT.1c, but what a hunt finds first is.
HUNTED = "segment-rollback-one-far"
BY_ID = {clause.id: clause for clause in CLAUSES}


@cache
def seen() -> tuple[Effect, ...]:
    """Return what changes in every stored trace, and in the hunt for one bug."""
    traces = stored_traces(REGRESSIONS)
    return (*effects(EVERY, traces, steps=0), *effects([HUNTED], [], steps=2_000))


def reported(conjunct: str, without: set[str], patch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids that the oracle reports of a state broken for a clause, in its order."""
    state = healthy()
    BREAKERS[conjunct](state)
    patch.setattr(oracle, "recount", lambda _state: None)  # a damaged store has drifted, of course
    session = Session(WORLD, without=frozenset(without))
    session.state, session.machine, session.view = state, state.machine, state.view
    finding = session.check_everything(None)
    return [] if finding is None else [finding.clause, *(v.clause for v in finding.others)]


@pytest.mark.pure  # replaces the recount by one that looks away
@pytest.mark.parametrize("conjunct", CONJUNCTS)
def test_its_breaker_is_reported_under_its_id_until_it_is_left_out(
    conjunct: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_on = reported(conjunct, set(), monkeypatch)
    without = reported(conjunct, {conjunct}, monkeypatch)

    assert conjunct in everything_on
    assert without == [id for id in everything_on if id != conjunct]


def test_a_conjunct_is_exempt_exactly_if_every_bug_is_reported_as_before_without_it() -> None:
    needed = {effect.conjunct for effect in seen()}

    assert set(EXEMPT) == set(CONJUNCTS) - needed
    assert needed == {"STRUCT.03'", "ACCT.1a", "ACCT.1c", "ACCT.2", "ACCT.3b", "ACCT.3c"}


@pytest.mark.slow
def test_no_hunt_needs_an_exempt_conjunct() -> None:
    assert {effect.conjunct for effect in effects(EVERY, [])}.isdisjoint(EXEMPT)


def test_bugs_escape_without_the_equation_and_without_its_owners() -> None:
    escaped = {(e.conjunct, e.fault) for e in seen() if e.change == "escapes"}

    assert ("ACCT.3c", "from-raw-counts-again") in escaped
    assert ("ACCT.2", "segment-split-panic-leaks") in escaped


@pytest.mark.parametrize("conjunct", CONJUNCTS)
def test_only_what_it_named_changes_without_it(conjunct: str) -> None:
    """The matrix skips the other bugs: every tenth of their traces shows that it may."""
    changed = {e.fault for e in seen() if e.conjunct == conjunct}
    others = [trace for trace in stored_traces(REGRESSIONS) if trace.faults[0] not in changed]

    for trace in others[::10]:
        before, after = run(trace).finding, run(trace, without=frozenset({conjunct})).finding
        assert before is not None
        assert after is not None
        assert (before.clause, before.step) == (after.clause, after.step)


def test_a_renamed_bug_is_reported_at_the_same_step_and_another_one_later() -> None:
    for effect in seen():
        assert (effect.after is None) == (effect.change == "escapes")
        assert effect.after != effect.conjunct
        if effect.steps_after is not None:
            assert (effect.steps_after > effect.steps) == (effect.change == "later")


COUNTS = (0, 1, 2, WORLD.rc_max, WORLD.rc_max + 1, REF_COUNT_UNIQUE, REF_COUNT_UNUSED)
OWNER = {
    "handles": (0, 1, 2),
    "covers": (0, 1),
    "uniques": (0, 1, 2),
    "parked": (False, True),
    "usage": ("Unused", "Frame", "PageTable", "Kernel"),
}
SLOT = {
    "ref_count": COUNTS,
    "stored": (False, True),
    "vtable": ("", "unit"),
    "in_list": (0, 1, 7),
}


def damaged(seed: int) -> State:
    """Return a state that one clause's breaker and some stray writes have damaged."""
    rng = Random(seed)
    state = healthy()
    BREAKERS[rng.choice(sorted(BREAKERS))](state)
    for _ in range(rng.randrange(6)):
        index = rng.randrange(12)
        target: Any = state.view.store.owner(index)
        name = rng.choice(sorted(OWNER))
        value: Any = rng.choice(OWNER[name])
        if rng.random() < 0.5:
            target = state.machine.cells.slot(index)
            name = rng.choice(sorted(SLOT))
            value = rng.choice(SLOT[name])
        setattr(target, name, value)
        if rng.random() < 0.2:
            owner = state.view.store.owner(index)
            owner.paths = rng.choice((frozenset(), frozenset({(WORLD.frames, 0)})))
            owner.mappings = len(owner.paths)
    return state


def subjects(state: State, clause: Clause) -> Iterator[Any]:
    yield from cases(state, everything(state))[clause.scope]


def is_false(clause: Clause, case: Any) -> bool:
    """Return whether a clause is false of a subject, or of the slot that the subject names."""
    at = case.at if clause.scope == "slot" and isinstance(case, PageCase) else case
    return clause.when(at) and not clause.holds(at)


@cache
def damaged_subjects() -> dict[str, list[tuple[Any, State]]]:
    """Return, by exempt conjunct, the subjects of which it is false in 400 damaged states."""
    found: dict[str, list[tuple[Any, State]]] = {id: [] for id in EXEMPT}
    for seed in range(400):
        state = damaged(seed)
        if state.machine.cells.slots.keys() - set(range(WORLD.pages)):
            continue  # a slot outside of memory has no clause but its own
        for id in EXEMPT:
            for case in subjects(state, BY_ID[id]):
                if is_false(BY_ID[id], case):
                    found[id].append((case, state))
    return found


@pytest.mark.parametrize("conjunct", [id for id, why in EXEMPT.items() if why.by])
def test_where_an_implied_conjunct_is_false_another_one_is(conjunct: str) -> None:
    broken = damaged_subjects()[conjunct]
    state = healthy()
    BREAKERS[conjunct](state)
    own = [c for c in subjects(state, BY_ID[conjunct]) if is_false(BY_ID[conjunct], c)]
    assert own

    for case in [*own, *(case for case, _ in broken)]:
        others = [id for id in EXEMPT[conjunct].by if is_false(BY_ID[id], case)]
        assert others, case.describe()


def test_the_damage_reaches_most_implied_conjuncts() -> None:
    reached = {id for id, broken in damaged_subjects().items() if broken}

    assert len(reached) >= len(EXEMPT) * 3 // 4


def forget_the_code(case: Any, state: State) -> None:
    """Replace everything that the code has in memory by what boot leaves there."""
    state.machine = Machine(state.world, Faults())
    if isinstance(case, PageCase):
        case.at.slot = Slot(case.at.slot.index, REF_COUNT_UNUSED, "")
        case.at.rc = case.at.slot.ref_count
    elif isinstance(case, PlaceCase):
        case.cursor = case.queue = None  # type: ignore[assignment]
    elif not isinstance(case, SlotCase | SegmentCase):
        case.held = None


@pytest.mark.pure  # takes parts of the code's state away
@pytest.mark.parametrize("conjunct", [id for id, why in EXEMPT.items() if not why.by])
@pytest.mark.parametrize("is_broken", [False, True])
def test_a_conjunct_of_the_store_reads_nothing_of_the_code(conjunct: str, is_broken: bool) -> None:
    state = healthy()
    if is_broken:
        BREAKERS[conjunct](state)
    clause = BY_ID[conjunct]
    found = list(subjects(state, clause))
    before = [is_false(clause, case) for case in found]
    assert any(before) == is_broken

    for case in found:
        forget_the_code(case, state)

    assert [is_false(clause, case) for case in found] == before


def test_the_first_broken_clause_is_what_counts() -> None:
    """What is left out is left out of the list, not only of the head."""
    state = healthy()
    BREAKERS["ACCT.3c"](state)

    assert [v.clause for v in violations(state, everything(state))] == ["ACCT.3c"]


def test_the_matrix_has_a_row_per_conjunct_and_bug() -> None:
    grid = matrix_table(seen())

    assert len(grid.rows) == len({(e.conjunct, e.fault) for e in seen()})
    assert all(len(row) == len(grid.headings) for row in [*grid.rows])
    assert ("ACCT.3c", "from-raw-counts-again", "escapes", "-") in grid.rows
    assert {row[0] for row in exempt_table().rows} == set(EXEMPT)


def test_a_folder_without_traces_of_bugs_is_named(tmp_path: Path) -> None:
    with pytest.raises(VmfuzzError, match="no trace of a planted bug"):
        stored_traces(tmp_path)
