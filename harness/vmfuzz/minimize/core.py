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
from vmfuzz.runner import run
from vmfuzz.trace import Trace

MAX_STEPS: Final = 3_000_000  # executed steps of one minimization: about half a minute

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
    max_steps: int = MAX_STEPS,
) -> Minimized:
    """Return the simplest trace found that ends in the same signature, ids numbered from 0.

    No op of the result can be deleted (`is_minimal`). The same trace gives the same result.
    Errors: NotFailing when the trace does not fail; UnknownFault; HarnessError.
    """
    shrinker = Shrinker(trace, checks=checks, strict=strict, max_steps=max_steps)
    is_minimal = True
    try:
        while True:
            before = shrinker.trace
            for apply in PASSES:
                apply(shrinker)
            if shrinker.trace == before:
                break
    except Exhausted:
        is_minimal = False
    result = _numbered(shrinker.trace)
    finding = run(result, checks=checks, strict=strict).finding
    assert finding is not None
    met = [e for e in trace.expect if e.clause == finding.clause] or trace.expect
    expect = tuple(replace(e, step=finding.step) for e in met[:1])
    result = replace(result, faults=trace.faults, comment=trace.comment, expect=expect)
    return Minimized(result, finding, shrinker.runs, shrinker.executed, is_minimal)


def _numbered(trace: Trace) -> Trace:
    """Number the ids from 0. A trace with a test hook, or with recorded outcomes, keeps its own."""
    if any(step.outcome is not None for step in trace.steps):
        return trace
    try:
        return replace(trace, steps=renumber(trace).steps)
    except VmfuzzError:
        return trace
