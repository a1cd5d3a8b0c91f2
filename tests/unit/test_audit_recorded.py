"""Every expected violation has a recorded trace, and each still breaks its clause."""

from pathlib import Path

import pytest

import vmfuzz.audit
from vmfuzz.audit.judged import judged
from vmfuzz.audit.recorded import file_name, recorded
from vmfuzz.runner import run
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load
from vmstore.contracts.catalogue import CLAUSES
from vmstore.contracts.suspects import SUSPECT_BY_ID, SUSPECTS

TRACES = Path(vmfuzz.audit.__file__).parent / "traces"
BY_ID = {clause.id: clause for clause in CLAUSES}
RECORDED = list(recorded())


def test_a_trace_is_of_the_profile_that_its_name_says() -> None:
    for path in sorted(TRACES.iterdir()):
        assert load(path).world.profile == path.name.split(".")[-2], path.name


def test_there_is_a_trace_for_every_expected_violation_and_no_other() -> None:
    expected = {
        file_name(clause.known[profile], clause.id, profile)
        for clause in CLAUSES
        for profile in ("ostd", "vostd")
        if profile in clause.known
    }
    assert {path.name for path in TRACES.iterdir()} == expected
    assert len(expected) > 100


@pytest.mark.parametrize(("clause", "trace"), RECORDED, ids=[
    f"{clause}-{trace.world.profile}" for clause, trace in RECORDED
])  # fmt: skip
def test_a_recorded_trace_breaks_its_clause_with_its_last_step(clause: str, trace: Trace) -> None:
    finding = run(trace, checks=frozenset({clause, "outcome"})).finding
    assert finding is not None
    assert finding.clause == clause
    assert finding.step == len(trace.steps) - 1
    assert trace.world.profile in BY_ID[clause].known
    # Without its last step it breaks nothing that is not known, and not this clause.
    shorter = Trace(trace.world, trace.steps[:-1])
    assert run(shorter, checks=frozenset({clause, "outcome"})).finding is None


def test_a_trace_is_judged_step_by_step() -> None:
    trace = load(TRACES / "AX-09.OP.UNMAP.ENS.19--OLD.ostd.trace")
    broken = judged(trace)
    last = len(trace.steps) - 1
    assert (last, "OP.UNMAP.ENS.19/OLD", "AX-09") in [(s, c.id, ax) for s, c, ax, _ in broken]
    assert all(witness for _, _, _, witness in broken)
    assert [step for step, *_ in broken] == sorted(step for step, *_ in broken)


def test_the_suspects_are_numbered_and_say_why_they_cannot_be_shown() -> None:
    assert [suspect.id for suspect in SUSPECTS] == [f"AX-{n:02}" for n in range(1, 54)]
    for suspect in SUSPECTS:
        assert bool(suspect.reason) == (suspect.how == "none")
    known = {ax for clause in CLAUSES for ax in clause.known.values() if ax.startswith("AX")}
    assert known <= SUSPECT_BY_ID.keys()
