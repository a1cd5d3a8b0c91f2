"""A session that counts what its steps reach of the specification.

A module of its own, because an interpreted class cannot inherit from a compiled session.
"""

from typing import TYPE_CHECKING, Any, Final

from vmfuzz.finding import Finding
from vmfuzz.oracle import CHECKS, FULL_EVERY, Session
from vmfuzz.outcome_text import outcome_word
from vmstore.clauses.check import CLAUSES, Subjects, cases, everything, footprint
from vmstore.clauses.own import OWN_CLAUSES, applying
from vmstore.clauses.registry import SCOPES
from vmstore.faults import Faults
from vmstore.goals import GOALS_OF, Moment
from vmstore.ops import DECLARATIONS, GENERATED, Op
from vmstore.outcome import Outcome
from vmstore.preconditions import OP_PRE
from vmstore.step import State
from vmstore.world import World

if TYPE_CHECKING:
    from vmfuzz.spec_coverage import SpecCoverage, Truth

_COUNTED: Final = frozenset(d.op for d in GENERATED)
_CLAUSES_OF: Final = {
    scope: tuple(clause for clause in CLAUSES if clause.scope == scope) for scope in SCOPES
}


class _Before:
    """What was noted before a step: which conjuncts are false, what the goals want to know."""

    __slots__ = ("notes", "truth")

    def __init__(self, state: State, op: Op) -> None:
        precondition = OP_PRE.get(type(op))
        self.truth: Truth | None = (
            precondition.violated(state.view.store, op) if precondition is not None else None
        )
        self.notes: list[Any] = [goal.before(state, op) for goal in GOALS_OF[type(op)]]


class CountingSession(Session):
    """A session that counts what its steps reach into `total`."""

    __slots__ = ("total",)

    def __init__(
        self,
        total: "SpecCoverage",
        world: World,
        faults: Faults | None = None,
        *,
        checks: frozenset[str] = frozenset(CHECKS),
        full_every: int = FULL_EVERY,
        strict: bool = False,
        without: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(
            world, faults, checks=checks, full_every=full_every, strict=strict, without=without
        )
        self.total = total
        total.traces += 1
        total.worlds[world] = total.worlds.get(world, 0) + 1

    def step(self, op: Op) -> Finding | None:
        """Run one op, check, and count the step unless it is a finding."""
        is_counted = op.__class__ in _COUNTED and not self.is_poked
        before = _Before(self.state, op) if is_counted else None
        found = super().step(op)
        if before is not None and found is None and self.outcome is not None:
            self._count(op, self.outcome, before)
        return found

    def _count(self, op: Op, outcome: Outcome, before: _Before) -> None:
        total, name, word = self.total, DECLARATIONS[type(op)].name, outcome_word(outcome)
        total.steps += 1
        total.cells[name, word] = total.cells.get((name, word), 0) + 1
        if before.truth is not None:
            row = total.truths.setdefault((name, before.truth), {})
            row[word] = row.get(word, 0) + 1
        for goal, note in zip(GOALS_OF[type(op)], before.notes, strict=True):
            if goal.reached(Moment(self.state, op, outcome, note)):
                total.goals[goal.id] += 1
        if not self.is_over:  # after a panic only a few clauses are judged, on half a step
            self._count_clauses(footprint(self.state))

    def check_everything(self, op: Op | None) -> Finding | None:
        """Check everything, and count the clauses over everything."""
        found = super().check_everything(op)
        if found is None and not (self.is_over or self.is_poked):
            self._count_clauses(everything(self.state))
        return found

    def _count_clauses(self, subjects: Subjects) -> None:
        counts = self.total.clauses
        by_scope = cases(self.state, subjects)
        for scope, found in by_scope.items():
            if not found:
                continue
            for clause in _CLAUSES_OF[scope]:
                count = counts[clause.id]
                count.evaluated += len(found)
                count.nonvacuous += sum(map(bool, map(clause.when, found)))
        for clause in OWN_CLAUSES:
            counts[clause.id].evaluated += len(by_scope[clause.scope])
            counts[clause.id].nonvacuous += applying(clause, by_scope[clause.scope])


class RecordedSession(CountingSession):
    """A session over a recording, in which a handle that a failed op gives back keeps its name."""

    __slots__ = ()

    def _give_back(self, op: Op) -> None:
        """Leave the handle where it is."""
