"""What each conjunct of `accounting_inv` and `structural_inv` is worth: planted bugs without it.

A conjunct is left out of the oracle, one at a time, and every planted bug is looked for again: in
its stored traces, and in a hunt of so many steps with the same seed as with all conjuncts. A bug
that was not reported under the conjunct first is reported as before: the first broken clause of
the step decides, and no step before it broke any. So only bugs that were are looked for again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from vmfuzz.bench.trial import Quarry, Trial
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.registry import engine
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.finding import Finding
from vmfuzz.runner import run
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load
from vmfuzz.trace_text import parse
from vmstore.clauses import CLAUSES

CONJUNCTS: Final = tuple(
    c.id for c in CLAUSES if c.group == "invariants" and c.id.startswith(("ACCT.", "STRUCT."))
)
HUNT_STEPS: Final = 20_000
Change = Literal["renamed", "later", "escapes"]


@dataclass(frozen=True, slots=True)
class Effect:
    """A bug that is not reported as before once a conjunct is left out.

    `where` is `trace` or `hunt`. `renamed`: at the same step, under another clause; `later`: after
    more steps; `escapes`: not at all in this trace, or in so many steps. `after` is the clause
    then, None if it escapes. Units: `steps` and `steps_after` executed steps up to the report.
    """

    conjunct: str
    fault: str
    where: Literal["trace", "hunt"]
    change: Change
    after: str | None
    steps: int
    steps_after: int | None


@dataclass(frozen=True, slots=True)
class _Report:
    clause: str
    steps: int


def stored_traces(folder: Path) -> list[Trace]:
    """Return the traces with a planted bug in a folder, by name. Errors: VmfuzzError for none."""
    found = [load(path) for path in sorted(folder.glob("*.trace"))]
    if not any(trace.faults for trace in found):
        raise VmfuzzError(
            f"{shown(folder)}: no trace of a planted bug; name a folder such as"
            " corpora/regressions of a checkout with --traces"
        )
    return [trace for trace in found if len(trace.faults) == 1]


def found_traces(trials: Iterable[Trial]) -> list[Trace]:
    """Return the minimal traces of trials that found something."""
    return [parse(trial.trace) for trial in trials if trial.trace is not None]


def effects(
    faults: Sequence[str],
    traces: Sequence[Trace],
    *,
    seed: int = 0,
    steps: int = HUNT_STEPS,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[Effect]:
    """Yield what changes without each conjunct, bug by bug. Cost: two hunts per bug at most."""
    by_fault: dict[str, list[Trace]] = {}
    for trace in traces:
        by_fault.setdefault(trace.faults[0], []).append(trace)
    for number, fault in enumerate(faults, 1):
        seen: set[Effect] = set()
        for trace in by_fault.get(fault, []):
            seen.update(_in_trace(trace))
        seen.update(_in_hunt(fault, seed, steps))
        yield from sorted(seen, key=lambda e: (CONJUNCTS.index(e.conjunct), e.where, e.steps))
        say(f"{number} of {len(faults)}: {fault}")


def _in_trace(trace: Trace) -> Iterator[Effect]:
    before = _report(run(trace).finding)
    if before is None or before.clause not in CONJUNCTS:
        return
    after = _report(run(trace, without=frozenset({before.clause})).finding)
    yield _effect(trace.faults[0], "trace", before, after)


def _in_hunt(fault: str, seed: int, steps: int) -> Iterator[Effect]:
    rng_seed = Quarry(fault, "swarm", 0, seed, 0.0).rng_seed
    plan = Plan(steps=steps, rng_seed=rng_seed, faults=(fault,))
    before = _first(plan)
    if before is None or before.clause not in CONJUNCTS:
        return
    yield _effect(fault, "hunt", before, _first(replace(plan, without=frozenset({before.clause}))))


def _first(plan: Plan) -> _Report | None:
    """Return the clause of the first finding of a hunt, and the steps up to it."""
    progress = Progress()
    for found in engine("swarm").run(plan, progress, lambda: None):
        return _Report(found.finding.clause, progress.steps)
    return None


def _report(finding: Finding | None) -> _Report | None:
    return None if finding is None else _Report(finding.clause, finding.step + 1)


def _effect(
    fault: str, where: Literal["trace", "hunt"], before: _Report, after: _Report | None
) -> Effect:
    change: Change = "escapes"
    if after is not None:
        change = "later" if after.steps > before.steps else "renamed"
    return Effect(
        conjunct=before.clause,
        fault=fault,
        where=where,
        change=change,
        after=None if after is None else after.clause,
        steps=before.steps,
        steps_after=None if after is None else after.steps,
    )
