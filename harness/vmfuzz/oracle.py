"""The oracle: runs ops on a state and decides, after every step, whether it is a finding.

Per step and in this order: undefined behaviour, the outcome, the clauses (registration order, then
lowest slot), the events. Everything is decided from the footprint of the step; every
`FULL_EVERY`-th step and the end of a trace are checked whole, which guards the counters.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from vmfuzz.errors import VmfuzzError, closest
from vmfuzz.event_text import format_events
from vmfuzz.finding import Finding
from vmfuzz.handle_fields import ENDS
from vmfuzz.located import locate
from vmfuzz.recount import recount
from vmstore.clauses.check import Violation, everything, footprint, violations
from vmstore.clauses.fused import everything_holds, footprint_holds
from vmstore.clauses.own import OWN_CLAUSES, own_violations
from vmstore.clauses.registry import Clause
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import Abort, CallEnded, Diverges, Ok, Outcome, Panic
from vmstore.quirks import FATAL
from vmstore.step import STEPS, State
from vmstore.world import World

if TYPE_CHECKING:
    from vmstore.contracts.judge import Judge

CHECKS: Final = ("invariants", "extra", "outcome", "view")
FULL_EVERY: Final = 251  # a prime, so that it does not beat with the period of a generator
_USUAL: Final = frozenset(CHECKS)
_CLAUSE_GROUPS: Final = ("invariants", "extra", "view")
_AFTER_ABORT: Final = frozenset({"ACCT.3c", "XTRA.2"})  # the machine is off, only counts remain
_FRAMES: Final = "AnyFrameMeta::on_drop, GlobalFrameAllocator::dealloc"
_FLUSHES: Final = (
    "TLB.DISPATCH.POST.1",
    "each CPU that has the space active flushes what was queued, others before this one",
    "TlbFlusher::dispatch_tlb_flush",
)
_FLUSHED_LATE: Final = (
    "TLB.REQ.2",
    "a frame is freed only once no CPU may have a translation to it",
    "TlbFlusher, RcuDrop",
)
_EVENT_CLAUSES: Final = {
    "freed": ("VIEW.O6", "the allocator is told of each page exactly once, by a drop", _FRAMES),
    "on_drop": ("VIEW.O7", "each installed metadata value's hook runs exactly once", _FRAMES),
    "cr3": ("VMS.ACT.POST.1", "activating a space loads its root, once", "PageTable::activate"),
    "ipi": _FLUSHES,
    "tlb_all": _FLUSHES,
    "tlb_range": _FLUSHES,
    "tlb_addr": _FLUSHES,
}
_ENDS: Final = frozenset({Panic, Abort, Diverges})


def event_clauses() -> list[str]:
    """Return the ids of the clauses about events, which no registry has."""
    return sorted({clause for clause, *_ in (*_EVENT_CLAUSES.values(), _FLUSHED_LATE)})


def parse_checks(names: Iterable[str]) -> frozenset[str]:
    """Return the set of check names. Errors: VmfuzzError for an unknown one."""
    chosen = frozenset(names)
    for name in sorted(chosen - set(CHECKS)):
        raise VmfuzzError(f"unknown check {name!r}{closest(name, list(CHECKS))}")
    return chosen


class Session:
    """One run in progress. `step` runs an op whose handles are live and returns a finding or None.

    `without` are ids of clauses that are left out, to measure what each is worth: left out of what
    is reported, not of the fused decision, which only says where it is worth looking.
    `own` are clauses from outside that are checked, too, beside the registered ones.
    `is_over` after a panic, abort, divergence, fatal quirk or finding; `is_poked` once a test hook
    made the state something that no contract speaks of, so that nothing is checked any more.
    """

    __slots__ = (
        "checks",
        "contracts",
        "full_every",
        "groups",
        "has_more",
        "is_over",
        "is_poked",
        "machine",
        "outcome",
        "own",
        "quirks",
        "state",
        "steps",
        "strict",
        "view",
        "without",
    )

    def __init__(
        self,
        world: World,
        faults: Faults | None = None,
        *,
        checks: frozenset[str] = frozenset(CHECKS),
        full_every: int = FULL_EVERY,
        strict: bool = False,
        without: frozenset[str] = frozenset(),
        own: tuple[Clause, ...] = (),
    ) -> None:
        self.state = State(world, faults)
        self.machine = self.state.machine
        self.view = self.state.view
        self.checks = checks
        self.contracts = _judge(self.state, checks)
        self.groups = tuple(group for group in _CLAUSE_GROUPS if group in checks)
        clauses = (*OWN_CLAUSES, *own)
        self.own = [clause for clause in clauses if clause.group in checks] if clauses else []
        self.has_more = self.contracts is not None or bool(self.own)
        self.full_every = full_every
        self.strict = strict
        self.without = without
        self.steps = 0
        self.is_over = False
        self.is_poked = False
        self.outcome: Outcome | None = None
        self.quirks: dict[str, int] = {}

    def step(self, op: Op) -> Finding | None:
        """Run one op and check. Requires: its handles are live, its destinations fresh.

        Effect: `outcome` is what the op came to, whatever was found.
        """
        self.steps += 1
        try:
            state, machine, view = self.state, self.machine, self.view
            state.begin_step()
            kind = op.__class__
            handler, rule = STEPS[kind]
            try:
                outcome = handler(machine, op)
            except CallEnded as end:
                outcome = end.outcome
            self.outcome = outcome
            shape = outcome.__class__
            if rule is None or self.is_poked:
                self.is_poked = True
                self.is_over = shape in _ENDS
                return None
            if machine.quirks or machine.hazards:
                unsafe = self._safety(op)
                if unsafe is not None:
                    return unsafe
            allowed = rule(view, op, outcome)
            if allowed is not None:
                return self._outcome_finding(op, outcome, allowed)
            if shape is not Ok:
                if shape in _ENDS:
                    return self._after_end(op, outcome)
                self._give_back(op)
            found: Finding | None = None
            if self.steps % self.full_every == 0:
                found = self.check_everything(op)
            elif self.groups and not footprint_holds(state):
                found = self._clause_finding(op, violations(state, footprint(state), self.groups))
            if found is None and (machine.events or view.events):
                found = self._event_finding(op)
            return self._more(op, outcome) if self.has_more and found is None else found
        except Exception as error:
            locate(error, self.steps - 1, op)
            raise

    def _more(self, op: Op, outcome: Outcome) -> Finding | None:
        """Evaluate what most runs have not: clauses from outside, contracts."""
        found: Finding | None = None
        if self.own:
            state = self.state
            found = self._clause_finding(op, own_violations(state, footprint(state), self.own))
        if found is None and self.contracts is not None:
            found = self._contract_finding(self.contracts, op, outcome)
        return found

    def check_everything(self, op: Op | None) -> Finding | None:
        """Evaluate every clause on the whole state, and recompute the counts it relies on.

        Errors: HarnessError when the store's counts have drifted from its registries.
        """
        if self.is_poked:
            return None
        state, found = self.state, None
        try:
            recount(state)
            if self.groups and not everything_holds(state):
                found = self._clause_finding(op, violations(state, everything(state), self.groups))
            if self.own and found is None:
                found = self._clause_finding(op, own_violations(state, everything(state), self.own))
        except Exception as error:
            locate(error, self.steps - 1, op)
            raise
        return found

    def _safety(self, op: Op) -> Finding | None:
        machine = self.state.machine
        for quirk in machine.quirks:
            self.quirks[quirk] = self.quirks.get(quirk, 0) + 1
            self.is_over = self.is_over or quirk in FATAL
        codes = machine.hazards + (machine.quirks if self.strict else [])
        machine.quirks, machine.hazards = [], []
        if not codes:
            return None
        text = "undefined behaviour or a known upstream defect was reached"
        return self._finding(op, f"SAFETY.{codes[0]}", text, "quirks", ", ".join(codes))

    def _outcome_finding(self, op: Op, outcome: Outcome, allowed: Outcome) -> Finding | None:
        if "outcome" not in self.checks:
            self.is_over = True  # the view could not follow; nothing after this step means much
            return None
        name = DECLARATIONS[type(op)].name
        return self._finding(
            op,
            f"OUT.{name}",
            "the outcome is the one that the op's owners allow",
            f"view rule {name}",
            f"came to {outcome}, allowed was {allowed}",
        )

    def _give_back(self, op: Op) -> None:
        for name, kind, _ in ENDS[type(op)]:
            self.state.abandon(kind, getattr(op, name))

    def _after_end(self, op: Op, outcome: Outcome) -> Finding | None:
        """After a panic: slots and counts, known leaks declared. After an abort: counts only."""
        self.is_over = True
        found: list[Violation] = []
        if "invariants" in self.checks:
            found = violations(self.state, footprint(self.state, has_spaces=False), ("invariants",))
        if isinstance(outcome, Abort):
            found = [v for v in found if v.clause in _AFTER_ABORT]
        if self.contracts is not None and not found:
            return self._contract_finding(self.contracts, op, outcome)
        return self._clause_finding(op, found)

    def _contract_finding(self, contracts: "Judge", op: Op, outcome: Outcome) -> Finding | None:
        broken = contracts.after(op, outcome)
        if broken is None:
            return None
        clause, call = broken
        evidence = contracts.evidence(clause, call)
        return self._finding(op, clause.id, clause.text, clause.source, evidence)

    def _event_finding(self, op: Op) -> Finding | None:
        seen, expected = self.machine.events, self.view.events
        if seen == expected or "view" not in self.checks:
            return None
        longest = max(len(seen), len(expected))
        at = next(i for i in range(longest) if seen[i : i + 1] != expected[i : i + 1])
        name = str((expected[at : at + 1] or seen[at : at + 1])[0][0])
        if len(seen) > len(expected) and name == "on_drop" and at >= len(expected):
            name = str(seen[at][0])
        clause, text, source = _EVENT_CLAUSES[name]
        if clause == _FLUSHES[0] and at < len(seen) and seen[at][0] in {"on_drop", "freed"}:
            clause, text, source = _FLUSHED_LATE
        witness = f"seen {format_events(seen)}, expected {format_events(expected)}"
        return self._finding(op, clause, text, source, witness)

    def _clause_finding(self, op: Op | None, found: list[Violation]) -> Finding | None:
        if self.without:
            found = [violation for violation in found if violation.clause not in self.without]
        if not found:
            return None
        first = found[0]
        return self._finding(
            op, first.clause, first.text, first.source, first.witness, tuple(found[1:])
        )

    def _finding(
        self,
        op: Op | None,
        clause: str,
        text: str,
        source: str,
        witness: str,
        others: tuple[Violation, ...] = (),
    ) -> Finding:
        self.is_over = True
        name = DECLARATIONS[type(op)].name if op is not None else "end"
        return Finding(clause, name, self.steps - 1, text, source, witness, self.outcome, others)


def _judge(state: State, checks: frozenset[str]) -> "Judge | None":
    """Return what judges the contracts, None unless `checks` has more than the usual ones."""
    chosen = checks - _USUAL
    if not chosen:
        return None
    from vmstore.contracts.judge import Judge  # most runs have no use for it

    return Judge(state, chosen)
