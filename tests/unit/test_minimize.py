"""The minimizer: what it keeps, what it may not leave, where it stops."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.errors import VmfuzzError
from vmfuzz.minimize import Minimized, minimize
from vmfuzz.runner import as_expected, run
from vmfuzz.trace import Expect, Trace
from vmfuzz.trace_file import load
from vmfuzz.trace_text import format_trace, parse
from vmstore.faults import FAULT_BY_ID, PLANTED, UnknownFault

REGRESSIONS = Path(__file__).parents[2] / "corpora" / "regressions"
SPACES = ("page_table", "cursor", "vmspace", "tlb")  # their traces take longer to find
IN_SPACES = {f.id for f in PLANTED if f.component in SPACES} | {"blog-os-table-frame-double-free"}
LUCK = "xsa-219-write-after-ref-drop"  # breaks any of 13 outcomes, and one of them is its clause
DRAWN = [
    pytest.param(fault.id, marks=pytest.mark.slow if fault.id == LUCK else ())
    for fault in PLANTED
    if fault.id not in IN_SPACES
]
MAX_RUNS = 1000  # three times what the worst bug takes
ANY = "segment-clone-misses-last"
DEEP = "take-current-keeps-links"


@cache
def found_traces(fault: str) -> tuple[Trace, ...]:
    """The first two traces of the swarm that end in the bug's clause, the longest first."""
    traces: list[Trace] = []
    for trial in range(64):
        families = ("frame", "io") if FAULT_BY_ID[fault].component == "io" else ("frame",)
        plan = Plan(steps=60_000, rng_seed=trial, faults=(fault,), families=families)
        found = next(SwarmEngine().run(plan, Progress(), lambda: None), None)
        if found is not None and found.finding.clause == FAULT_BY_ID[fault].clause:
            traces.append(cut(found))
        if len(traces) == 2:
            break
    assert traces
    return tuple(sorted(traces, key=lambda trace: -len(trace.steps)))


@cache
def minimized(fault: str) -> Minimized:
    return minimize(found_traces(fault)[0])


def signature(trace: Trace, *, strict: bool = False) -> str | None:
    finding = run(trace, strict=strict).finding
    return finding.signature if finding else None


def text(*lines: str) -> Trace:
    return parse("\n".join(["#vmfuzz-trace 1", *lines, ""]))


def failing(*, noise: int = 3) -> list[str]:
    """Lines of a trace that ends in a clause of the bug `ANY`, with ops that do not matter."""
    extra = [f"f{i} = frame_from_unused(paddr={0x3000 + 0x1000 * i:#x})" for i in range(noise)]
    made = ["s7 = segment_from_unused(start=0x8000, end=0xa000)", "s9 = segment_clone(segment=s7)"]
    return [*extra, *made]


@pytest.fixture(scope="module", params=DRAWN)
def fault(request: pytest.FixtureRequest) -> str:
    """Of the module, so that the tests of one bug follow each other and share what was found."""
    return str(request.param)


def test_the_result_is_nearly_as_short_as_the_stored_trace(fault: str) -> None:
    start, result = found_traces(fault)[0], minimized(fault)
    enough = len(load(REGRESSIONS / f"{fault}.trace").steps) + 2

    assert result.finding.signature == signature(start) == signature(result.trace)
    assert result.finding.clause == FAULT_BY_ID[fault].clause
    if len(result.trace.steps) > enough:  # no op can go: another start leads to a shorter trace
        assert len(result.trace.steps) <= enough + 4
        result = minimize(found_traces(fault)[-1])
    assert len(result.trace.steps) <= enough
    assert result.is_minimal
    assert result.runs <= MAX_RUNS


def test_no_step_of_the_result_can_be_deleted(fault: str) -> None:
    trace, wanted = minimized(fault).trace, minimized(fault).finding.signature

    for at in range(len(trace.steps)):
        shorter = replace(trace, steps=trace.steps[:at] + trace.steps[at + 1 :])
        assert signature(shorter) != wanted, f"step {at} is not needed"


def test_the_result_ends_in_its_finding_skips_nothing_and_is_clean_without_the_bug(
    fault: str,
) -> None:
    trace = minimized(fault).trace
    result = run(trace)

    assert result.finding == minimized(fault).finding
    assert result.finding is not None
    assert result.finding.step == len(trace.steps) - 1
    assert not result.skipped
    assert run(replace(trace, faults=())).finding is None


def test_every_trace_of_a_bug_shrinks_alike() -> None:
    lengths = {len(minimize(trace).trace.steps) for trace in found_traces(ANY)}

    assert lengths == {2}


@pytest.mark.parametrize("fault", [ANY, DEEP, "list-id-overflow"])
def test_the_same_trace_gives_the_same_result(fault: str) -> None:
    start = found_traces(fault)[0]
    before = format_trace(start)

    again = minimize(parse(before))

    assert again == minimized(fault)
    assert format_trace(start) == before


@pytest.mark.parametrize("fault", [ANY, DEEP])
def test_a_result_cannot_be_minimized_further(fault: str) -> None:
    result = minimized(fault)

    assert minimize(result.trace).trace == result.trace


def test_ids_are_numbered_from_0_and_arguments_and_world_are_simple() -> None:
    start = text("world frames=24 cpus=3 rc_max=9", f"fault {ANY}", *failing())

    assert format_trace(minimize(start).trace).splitlines()[1:] == [
        "world",
        f"fault {ANY}",
        "s0 = segment_from_unused(start=0x0, end=0x1000)",
        "s1 = segment_clone(segment=s0)",
    ]


def test_a_setting_that_the_finding_needs_stays() -> None:
    world = minimized("saturation-one-early").trace.world

    assert set(world.settings()) == {"rc_max"}


def test_a_trace_that_does_not_fail_is_refused() -> None:
    start = text("world", *failing())

    with pytest.raises(VmfuzzError) as raised:
        minimize(start)

    assert str(raised.value) == "the starting trace (5 ops) does not fail"


def test_a_trace_with_an_unknown_bug_is_refused() -> None:
    with pytest.raises(UnknownFault, match="nope"):
        minimize(Trace(faults=("nope",)))


@pytest.mark.parametrize("max_steps", [0, 1, 300, 1000])
def test_at_the_work_limit_the_best_trace_so_far_stands(max_steps: int) -> None:
    start = found_traces(DEEP)[0]

    result = minimize(start, max_steps=max_steps)

    assert not result.is_minimal
    assert signature(result.trace) == result.finding.signature == signature(start)
    assert len(minimized(DEEP).trace.steps) <= len(result.trace.steps) <= len(start.steps)
    assert result.executed < max_steps + len(start.steps) + 1


def test_a_recorded_outcome_stays_where_it_is_the_evidence() -> None:
    noise = [f"f{i} = frame_from_unused(paddr={i:#x}000) => ok" for i in range(4)]
    start = text("world", *noise, "f9 = frame_from_in_use(paddr=0x2000) => err Busy")

    result = minimize(start)

    assert result.finding.signature == "EXPECT/frame_from_in_use"
    assert result.finding.witness.endswith("recorded was 'err Busy'")
    (step,) = parse(format_trace(result.trace)).steps
    assert step.outcome == start.steps[-1].outcome
    assert signature(result.trace) == "EXPECT/frame_from_in_use"


def test_a_recorded_outcome_goes_where_a_clause_is_the_evidence() -> None:
    first, *rest = failing(noise=1)
    start = text("world", f"fault {ANY}", f"{first} => ok", *rest)

    assert {step.outcome for step in minimize(start).trace.steps} == {None}


def test_an_expect_line_follows_the_failing_step() -> None:
    start = text("world", f"fault {ANY}", "expect ACCT.3c at 4", *failing())

    result = minimize(start).trace

    assert result.expect == (Expect("ACCT.3c", 1),)
    assert as_expected(result, run(result))


def test_the_expect_line_that_was_met_is_the_one_that_stays() -> None:
    lines = ["expect XTRA.2 at 0", "expect ACCT.3c at 4"]
    start = text("world", f"fault {ANY}", *lines, *failing())
    assert as_expected(start, run(start))

    result = minimize(start).trace

    assert as_expected(result, run(result))


def test_a_finding_that_was_not_expected_does_not_become_so() -> None:
    start = text("world", f"fault {ANY}", "expect XTRA.2 at 4", *failing())

    result = minimize(start).trace

    assert not as_expected(result, run(result))


def test_without_an_expect_line_none_is_made_and_the_comment_stays() -> None:
    start = text("# why", "world", f"fault {ANY}", *failing())

    result = minimize(start).trace

    assert result.expect == ()
    assert result.comment == ("why",)
    assert result.faults == (ANY,)


def test_only_the_checks_that_were_asked_for_decide() -> None:
    start = text("world", f"fault {ANY}", *failing())

    with pytest.raises(VmfuzzError, match="does not fail"):
        minimize(start, checks=frozenset({"view"}))
    assert minimize(start, checks=frozenset({"invariants"})).finding.clause == "ACCT.3c"


def test_a_known_upstream_defect_is_minimized_when_strict() -> None:
    start = text(
        "world",
        *failing(),
        "s10 = segment_slice(segment=s7, start=0x1000, end=0x1000)",
        "segment_to_usegment(segment=s10)",
    )

    with pytest.raises(VmfuzzError, match="does not fail"):
        minimize(start)
    result = minimize(start, strict=True)

    assert result.finding.clause == "SAFETY.empty-segment-reads-foreign-frame"
    assert signature(result.trace, strict=True) == result.finding.signature
    assert len(result.trace.steps) == 3


def test_a_trace_with_a_test_hook_can_be_minimized() -> None:
    start = text(
        "world",
        "f3 = frame_from_unused(paddr=0x4000)",
        "f5 = frame_from_unused(paddr=0x2000)",
        "host_poke_ref_count(paddr=0x2000, value=MAX)",
        "f6 = frame_from_in_use(paddr=0x2000) => ok",
    )
    assert signature(start) == "EXPECT/frame_from_in_use"

    lines = format_trace(minimize(start).trace).splitlines()

    assert lines[1:] == ["world", "f6 = frame_from_in_use(paddr=0x0) => ok"]
