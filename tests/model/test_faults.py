"""Each planted bug is found under the clause that names it, by full and incremental checks."""

import pytest

from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.runner import run
from vmfuzz.trace_text import format_trace, parse
from vmstore.faults import FAULT_BY_ID, PLANTED

# The families of ops that a bug's component needs: the others only cost steps.
FAMILIES_OF = {
    fault.id: ("frame",)
    if fault.component in {"frame", "segment", "unique", "list"}
    else ("frame", "io")
    if fault.component == "io"
    else ("space", "table")
    for fault in PLANTED
}
BUDGET = 60_000  # steps per trial; about a second


def hunt(fault: str, trial: int) -> Found | None:
    plan = Plan(steps=BUDGET, rng_seed=trial, faults=(fault,), families=FAMILIES_OF[fault])
    return next(SwarmEngine().run(plan, Progress(), lambda: None), None)


@pytest.mark.parametrize("fault", [fault.id for fault in PLANTED])
def test_the_swarm_finds_the_bug_under_its_clause(fault: str) -> None:
    seen = []
    for trial in range(16):
        found = hunt(fault, trial)
        if found is not None:
            seen.append(found.finding.clause)
        if found is not None and found.finding.clause == FAULT_BY_ID[fault].clause:
            break

    assert seen
    assert seen[-1] == FAULT_BY_ID[fault].clause


@pytest.mark.parametrize("fault", [fault.id for fault in PLANTED])
def test_full_and_incremental_checks_find_the_same_at_the_same_step(fault: str) -> None:
    for trial in range(3):
        found = hunt(fault, trial)
        assert found is not None
        trace = parse(format_trace(cut(found)))

        full, incremental = run(trace, full=True).finding, run(trace).finding

        assert full is not None
        assert incremental is not None
        assert incremental.signature == found.finding.signature
        assert (full.signature, full.step) == (incremental.signature, incremental.step)


@pytest.mark.parametrize("fault", [fault.id for fault in PLANTED])
def test_the_same_trace_without_the_bug_is_clean(fault: str) -> None:
    found = hunt(fault, 0)
    assert found is not None
    trace = cut(found)
    trace.faults = ()

    assert run(trace, full=True).finding is None
