"""The minimizer: proposes simpler traces and keeps those that end in the same finding.

Every proposal is run from the start, so nothing has to be known about why a trace fails. A
proposal that fails is cut at its failing step and loses the steps that were skipped, which is how
an op takes its dependants with it. Passes run in turn until none of them gets any further.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from vmfuzz.bytecode import renumber
from vmfuzz.errors import VmfuzzError
from vmfuzz.finding import Finding
from vmfuzz.minimize import arguments, handles, sources, steps, worlds
from vmfuzz.minimize.shrinker import Exhausted, Shrinker
from vmfuzz.oracle import CHECKS
from vmfuzz.runner import MODEL, System
from vmfuzz.trace import Trace

Pass = Callable[[Shrinker], None]
PASSES: Final[tuple[Pass, ...]] = (
    steps.delete_chunks,
    worlds.simplify_world,
    worlds.lower_limits,
    handles.reuse_earlier_handles,
    handles.merge_handles,
    handles.switch_alternatives,
    sources.produce_directly,
    arguments.move_addresses,
    arguments.simplify_arguments,
    steps.delete_pairs,
    steps.delete_triples,
)


@dataclass(frozen=True, slots=True)
class Minimized:
    """The result. `is_minimal` is False when the work limit ended it early.

    Units: `runs` counts proposals that were run, `executed` their steps.
    """

    trace: Trace
    finding: Finding
    runs: int
    executed: int
    is_minimal: bool


def minimize(
    trace: Trace,
    *,
    checks: frozenset[str] = frozenset(CHECKS),
    strict: bool = False,
    max_steps: int | None = None,
    system: System = MODEL,
) -> Minimized:
    """Return the simplest trace found that ends in the same signature, ids numbered from 0.

    No op of the result can be deleted (`is_minimal`). The same trace gives the same result, unless
    a live `system` does not; then the result may be the trace that it started from. `max_steps` is
    the system's own where it is not given.
    Errors: NotFailing when the trace does not fail; UnknownFault; HarnessError.
    """
    limit = system.max_steps if max_steps is None else max_steps
    shrinker = Shrinker(trace, system=system, checks=checks, strict=strict, max_steps=limit)
    start, first = shrinker.trace, shrinker.finding
    with system.minimizing(first):
        is_minimal = _shrink(shrinker)
    result = _numbered(shrinker.trace)
    finding = system.run(result, checks=checks, strict=strict).finding
    if finding is None or finding.signature != first.signature:  # only a live system does that
        result, finding, is_minimal = start, first, False
    met = [e for e in trace.expect if e.clause == finding.clause] or trace.expect
    expect = tuple(replace(e, step=finding.step) for e in met[:1])
    result = replace(result, faults=trace.faults, comment=trace.comment, expect=expect)
    return Minimized(result, finding, shrinker.runs, shrinker.executed, is_minimal)


def _shrink(shrinker: Shrinker) -> bool:
    """Run the passes until none gets further; return False when the work limit ended it."""
    try:
        while True:
            before = shrinker.trace
            for apply in PASSES:
                apply(shrinker)
            if shrinker.trace == before:
                return True
    except Exhausted:
        return False


def _numbered(trace: Trace) -> Trace:
    """Number the ids from 0. A trace with a test hook, or with recorded outcomes, keeps its own."""
    if any(step.outcome is not None for step in trace.steps):
        return trace
    try:
        return replace(trace, steps=renumber(trace).steps)
    except VmfuzzError:
        return trace
