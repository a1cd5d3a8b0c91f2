"""Why a trace did not end as it says, in a line."""

from typing import Final

from vmfuzz.finding import Finding
from vmfuzz.outcome_text import format_outcome
from vmfuzz.runner import Run
from vmfuzz.trace import Trace
from vmstore.ops import DECLARATIONS

_SHOWN: Final = 5  # skipped steps


def mismatch(trace: Trace, result: Run) -> str:
    """Return what the trace says and the run was not, nothing for a finding nobody expected.

    Requires: the run is not as expected.
    """
    if result.unrepeated:
        position = result.unrepeated[0]
        step = trace.steps[position]
        recorded = format_outcome(step.outcome) if step.outcome is not None else ""
        name = DECLARATIONS[type(step.op)].name
        reason = result.skipped[position]
        return f"step {position} ({name}) was skipped: {reason}; recorded was '{recorded}'"
    if not trace.expect:
        return ""
    wanted = ", ".join(f"{expect.clause} at {expect.step}" for expect in trace.expect)
    return f"expected {wanted}, found {_found(result.finding)}{_cut_off(trace)}"


def _found(finding: Finding | None) -> str:
    return f"{finding.signature} at {finding.step}" if finding is not None else "nothing"


def _cut_off(trace: Trace) -> str:
    last = max(expect.step for expect in trace.expect)
    return "" if last < len(trace.steps) else f"; the trace ends before step {last}, is it whole?"


def skipped_lines(result: Run) -> list[str]:
    """Return the first skipped steps, a line each, without the one that `mismatch` is about."""
    told = result.unrepeated[:1]
    left = [(position, why) for position, why in result.skipped.items() if position not in told]
    return [f"step {position} skipped: {why}" for position, why in left[:_SHOWN]]
