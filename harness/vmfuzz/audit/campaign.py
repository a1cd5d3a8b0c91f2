"""Runs the engines with the contracts as checks until every expected violation has its trace.

A known suspect is a finding as long as no trace of it is known, and is only counted from then on; a
clause that is false though nobody suspects it is a finding the first time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final

from vmfuzz.clause_counts import ClauseCounts, merge
from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.registry import engine
from vmfuzz.finding import Finding
from vmfuzz.minimize import minimize
from vmfuzz.runner import ModelSystem, Run, run
from vmfuzz.trace import Trace
from vmstore.contracts.catalogue import CLAUSES
from vmstore.contracts.judge import EVERY, QUIET
from vmstore.contracts.registry import ContractClause
from vmstore.world import World

# Small pools of everything: most suspects are about limits, which a large world does not reach.
WORLD: Final = World(frames=16, pt_frames=40, entries=4, rc_max=9, list_ids=9)
_KEEPS_GOING: Final = ("atheris", "exhaustive")  # not started anew: dear, or the same again
_SHORTEST: Final = 0.2  # seconds that are worth a start


@dataclass(frozen=True, slots=True)
class Evidence:
    """A trace whose last step breaks a clause, as short as it could be made."""

    trace: Trace
    finding: Finding


class UnderProfile(ModelSystem):
    """The model under one profile: a trace of another one shows nothing of it."""

    def __init__(self, profile: str) -> None:
        self.profile = profile

    def run(self, trace: Trace, *, checks: frozenset[str], strict: bool) -> Run:
        """Run a trace of the profile; any other has no finding."""
        if trace.world.profile != self.profile:
            return Run()
        return super().run(trace, checks=checks, strict=strict)


@dataclass(slots=True)
class Audited:
    """What is known of the clauses under one profile.

    Shape: `counts` per clause, `evidence` per violated clause.
    """

    profile: str
    clauses: tuple[ContractClause, ...]
    counts: ClauseCounts = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    steps: int = 0

    def pending(self) -> list[str]:
        """Return the clauses that are expected to fail and have no trace yet."""
        known = [clause.id for clause in self.clauses if self.profile in clause.known]
        return [clause for clause in known if clause not in self.evidence]

    def checks(self) -> frozenset[str]:
        """Return what a run is to check now."""
        quiet = {QUIET + clause for clause in self.evidence}
        quiet |= {QUIET + c.id for c in CLAUSES} - {QUIET + c.id for c in self.clauses}
        return frozenset({EVERY, "outcome", *self.pending(), *quiet})


def take_recorded(audited: Audited, traces: Iterable[tuple[str, Trace]]) -> None:
    """Replay recorded traces, each named with its clause; keep those that still break it."""
    chosen = {clause.id for clause in audited.clauses}
    for clause, trace in traces:
        if clause not in chosen or trace.world.profile != audited.profile:
            continue
        result = run(trace, checks=frozenset({clause, "outcome"}))
        audited.steps += result.executed
        if result.finding is not None and result.finding.clause == clause:
            audited.evidence[clause] = Evidence(trace, result.finding)


def drive(
    audited: Audited, name: str, plan: Plan, on_progress: Callable[[str, Progress], None]
) -> None:
    """Run one engine until the plan's limits; minimizing is paid from its time, not its steps.

    Effect: evidence and counts are added. The same plan without a limit of time does the same.
    """
    started, restarts, left = monotonic(), 0, plan.steps
    while True:
        seconds = None
        if plan.seconds is not None:
            seconds = plan.seconds - (monotonic() - started)
            if seconds < _SHORTEST:
                return
        if left is not None and left <= 0:
            return
        progress = Progress()
        seed = plan.rng_seed + restarts
        now = replace(plan, seconds=seconds, steps=left, rng_seed=seed, checks=audited.checks())
        found = _until_news(audited, name, now, progress, on_progress)
        audited.steps += progress.steps
        merge(audited.counts, progress.contracts)
        if left is not None:
            left -= max(1, progress.steps)
        restarts += 1
        if found is None:
            return
        _keep(audited, found, now)


def _until_news(
    audited: Audited,
    name: str,
    plan: Plan,
    progress: Progress,
    on_progress: Callable[[str, Progress], None],
) -> Found | None:
    """Run an engine until it finds what has no trace yet, and return that."""

    def tick() -> None:
        on_progress(name, progress)

    for found in engine(name).run(plan, progress, tick):
        if found.finding.clause in audited.evidence:
            continue
        if name not in _KEEPS_GOING:
            return found
        _keep(audited, found, plan)
    return None


def _keep(audited: Audited, found: Found, plan: Plan) -> None:
    """Keep a violation with its shortest trace."""
    clause = found.finding.clause
    checks = frozenset({clause, "outcome"})
    trace = cut(found)
    if run(trace, checks=checks).finding is None:
        return
    system = UnderProfile(audited.profile)
    result = minimize(trace, checks=checks, strict=plan.strict, system=system)
    audited.evidence[clause] = Evidence(result.trace, result.finding)
