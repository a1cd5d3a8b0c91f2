"""A whole audit: recorded traces, engines, questions and probes, in one budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from time import monotonic
from typing import Final

from vmfuzz.audit.campaign import WORLD, Audited, drive, take_recorded
from vmfuzz.audit.ghost_questions import GHOST_QUESTIONS
from vmfuzz.audit.probes import PROBES
from vmfuzz.audit.questions import questions
from vmfuzz.audit.recorded import recorded
from vmfuzz.audit.report import Row, clause_rows, probe_rows, search_rows
from vmfuzz.audit.weak import WEAKNESSES
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.registry import installed_engines
from vmfuzz.swarm import FAMILIES
from vmstore.contracts.catalogue import CLAUSES
from vmstore.contracts.registry import ContractClause
from vmstore.ops import BY_NAME

PROFILES: Final = ("ostd", "vostd")
# How an audit's budget is shared out. Of a budget of steps atheris gets nothing: what libFuzzer
# does depends on the clock, and the table would not be the same twice.
SHARES: Final = {"swarm": 5, "hypothesis": 2, "exhaustive": 1, "atheris": 2}

_LEAST: Final = 0.25  # of the time is the engines', however long the searches took
# The family of an area's ops; those of the areas not named are about readers and writers.
_FAMILY_OF: Final = {
    **dict.fromkeys(("frame", "segment", "unique", "linked_list"), "frame"),
    **dict.fromkeys(("vm_space", "cursor", "mmu", "rcu"), "space"),
    **dict.fromkeys(("page_table", "pt_cursor"), "table"),
}
_PINNED: Final = frozenset({"profile"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What an audit may use, and the bugs planted. Units: seconds of wall time, executed ops."""

    seconds: float | None = None
    steps: int | None = None
    rng_seed: int = 0
    faults: tuple[str, ...] = ()


def identifiers() -> list[str]:
    """Return the ids of all clauses, questions and probes."""
    return [
        *(clause.id for clause in CLAUSES),
        *(question.id for question in questions()),
        *(question.id for question in GHOST_QUESTIONS),
        *(weakness.id for weakness in WEAKNESSES),
        *(probe.id for probe in PROBES),
    ]


@dataclass(slots=True)
class Audit:
    """An audit as far as it came: what was asked and tried, and the clauses under each profile."""

    asked: list[Row] = field(default_factory=list)
    audits: list[Audited] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """Return every row so far."""
        return [*self.asked, *(row for audited in self.audits for row in clause_rows(audited))]


def begin(result: Audit, profiles: Sequence[str], patterns: Sequence[str] = ()) -> None:
    """Ask and try what `patterns` name, everything without one, and replay the recorded traces.

    Effect: `result`, which the caller owns so that an interrupted audit still shows it, is filled.
    """
    wanted = frozenset(
        id
        for id in identifiers()
        if not patterns or any(fnmatchcase(id, pattern) for pattern in patterns)
    )
    clauses = tuple(clause for clause in CLAUSES if clause.id in wanted)
    result.asked += search_rows(wanted)
    result.asked += probe_rows(wanted)
    if not clauses:
        return
    known = list(recorded())
    for profile in profiles:
        audited = Audited(profile, clauses)
        take_recorded(audited, known)
        result.audits.append(audited)


def audit(
    result: Audit,
    limits: Limits,
    profiles: Sequence[str],
    patterns: Sequence[str],
    on_progress: Callable[[str, Progress], None],
) -> None:
    """Do all of `begin`, then drive the engines. The same `steps` and seed give the same rows."""
    started = monotonic()
    begin(result, profiles, patterns)
    left = limits
    if limits.seconds is not None:  # the engines get what the searches and replays have left
        spent = monotonic() - started
        left = replace(limits, seconds=max(limits.seconds - spent, limits.seconds * _LEAST))
    for audited in result.audits:
        for name, plan in _plans(left, audited, len(result.audits)):
            drive(audited, name, plan, on_progress)


def recorded_rows() -> list[Row]:
    """Return the rows without an engine: what the recorded traces, questions and probes show."""
    result = Audit()
    begin(result, PROFILES)
    return result.rows()


def _families(clauses: tuple[ContractClause, ...]) -> tuple[str, ...]:
    """Return the families of ops that the clauses are about, so that others waste no step."""
    areas = {BY_NAME[op].area for clause in clauses for op in clause.ops}
    wanted = {_FAMILY_OF.get(area, "io") for area in areas}
    return tuple(family for family in FAMILIES if family in wanted)


def _plans(limits: Limits, audited: Audited, parts: int) -> list[tuple[str, Plan]]:
    names = [
        name
        for name in SHARES
        if name != "atheris" or (limits.seconds is not None and name in installed_engines())
    ]
    total = sum(SHARES[name] for name in names) * parts
    plans = []
    for name in names:
        share = SHARES[name] / total
        seconds = limits.seconds * share if limits.seconds is not None else None
        steps = max(1, int(limits.steps * share)) if limits.steps is not None else None
        world = WORLD.changed(profile=audited.profile)
        plan = Plan(
            seconds,
            steps,
            limits.rng_seed,
            limits.faults,
            world=world,
            pinned=_PINNED,
            families=_families(audited.clauses),
        )
        plans.append((name, plan))
    return plans
