"""Each planted bug is found under the clause that names it, by full and incremental checks."""

from functools import cache
from pathlib import Path

import pytest

from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.runner import run
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load
from vmfuzz.trace_text import format_trace, parse
from vmstore.faults import FAULT_BY_ID, PLANTED

REGRESSIONS = Path(__file__).parents[2] / "corpora" / "regressions"
BUDGET = 60_000  # steps per trial; about a second
SPACES = ("page_table", "cursor", "vmspace", "tlb")
IN_SPACES = [f.id for f in PLANTED if f.component in SPACES] + ["blog-os-table-frame-double-free"]
LUCK = "xsa-219-write-after-ref-drop"  # breaks any of 13 outcomes, and one of them is its clause
SHALLOW = [
    pytest.param(f.id, marks=pytest.mark.slow if f.id == LUCK else ())
    for f in PLANTED
    if f.id not in IN_SPACES
]
FEW = 6_000  # steps on address spaces per bug: enough for most


def families(fault: str) -> tuple[str, ...]:
    """The families of ops that a bug's component needs: the others only cost steps."""
    if fault in IN_SPACES:
        return ("space", "table")
    return ("frame", "io") if FAULT_BY_ID[fault].component == "io" else ("frame",)


def hunt(fault: str, trial: int, steps: int = BUDGET) -> Found | None:
    plan = Plan(steps=steps, rng_seed=trial, faults=(fault,), families=families(fault))
    return next(SwarmEngine().run(plan, Progress(), lambda: None), None)


@cache
def found_by_swarm(fault: str) -> tuple[Found, ...]:
    """Return what 64 trials find until the bug is found under its clause, that finding last."""
    seen: list[Found] = []
    for trial in range(64):
        found = hunt(fault, trial)
        if found is not None:
            seen.append(found)
            if found.finding.clause == FAULT_BY_ID[fault].clause:
                break
    return tuple(seen)


@pytest.fixture(scope="module", params=SHALLOW)
def fault(request: pytest.FixtureRequest) -> str:
    """Of the module, so that the tests of one bug follow each other and share what was found."""
    return str(request.param)


def test_the_swarm_finds_the_bug_under_its_clause(fault: str) -> None:
    assert found_by_swarm(fault)[-1].finding.clause == FAULT_BY_ID[fault].clause


def test_full_and_incremental_checks_find_the_same_at_the_same_step(fault: str) -> None:
    for found in found_by_swarm(fault):
        trace = parse(format_trace(cut(found)))

        full, incremental = run(trace, full=True).finding, run(trace).finding

        assert full is not None
        assert incremental is not None
        assert incremental.signature == found.finding.signature
        assert (full.signature, full.step) == (incremental.signature, incremental.step)


def test_the_same_trace_without_the_bug_is_clean(fault: str) -> None:
    trace = cut(found_by_swarm(fault)[-1])
    trace.faults = ()

    assert run(trace, full=True).finding is None


@pytest.mark.parametrize("fault", [fault.id for fault in PLANTED])
def test_the_stored_trace_has_one_verdict_and_needs_every_step(fault: str) -> None:
    trace = load(REGRESSIONS / f"{fault}.trace")
    full, incremental = run(trace, full=True).finding, run(trace).finding

    assert full is not None
    assert incremental is not None
    assert (full.signature, full.step) == (incremental.signature, len(trace.steps) - 1)
    assert run(Trace(trace.world, trace.steps), full=True).finding is None
    for at in range(len(trace.steps)):
        shorter = Trace(trace.world, trace.steps[:at] + trace.steps[at + 1 :], trace.faults)
        found = run(shorter).finding
        assert found is None or found.signature != full.signature, f"step {at} is not needed"


@pytest.mark.parametrize("fault", IN_SPACES)
def test_what_is_found_on_spaces_has_one_verdict_and_is_clean_without_the_bug(fault: str) -> None:
    found = hunt(fault, 1, FEW)
    if found is None:
        return  # every bug is found, in time, in `test_faults_engines.py`
    trace = cut(found)
    full, incremental = run(trace, full=True).finding, run(trace).finding

    assert full is not None
    assert incremental is not None
    assert (full.signature, full.step) == (incremental.signature, incremental.step)
    assert run(Trace(trace.world, trace.steps), full=True).finding is None
