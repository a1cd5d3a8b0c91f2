"""What of the specification a set of runs has reached, counted while they run.

A step counts once the oracle has accepted it: one that ends in a finding says nothing about what
the specification allows, and neither does one after a test hook overwrote a count.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from vmfuzz.finding import Finding
from vmfuzz.oracle import Session
from vmfuzz.outcome_text import outcome_word
from vmfuzz.replayer import Replayer
from vmfuzz.runner import not_produced, run
from vmfuzz.trace import Trace
from vmfuzz.vectors import Vector
from vmstore.clauses.check import CLAUSES, Subjects, cases, everything, footprint
from vmstore.clauses.registry import SCOPES
from vmstore.faults import Faults
from vmstore.goals import GOALS, GOALS_OF, Moment
from vmstore.ops import DECLARATIONS, GENERATED, Op
from vmstore.outcome import Outcome
from vmstore.possible import POSSIBLE
from vmstore.preconditions import OP_PRE
from vmstore.step import State
from vmstore.world import World

Word = tuple[str, str]  # an op and what it came to
Truth = tuple[str, ...]  # the conjuncts of a precondition that were false
_COUNTED: Final = frozenset(d.op for d in GENERATED)
_CLAUSES_OF: Final = {
    scope: tuple(clause for clause in CLAUSES if clause.scope == scope) for scope in SCOPES
}


@dataclass(slots=True)
class ClauseCount:
    """How often a clause was evaluated, and at how many of these subjects its guard was true."""

    evaluated: int = 0
    nonvacuous: int = 0


@dataclass(slots=True)
class SpecCoverage:
    """Counts over all runs so far.

    Shape: `cells` per (op, outcome word); `truths` per op with a precondition and the conjuncts
    that were false, none for a legal step, per word; `clauses` and `goals` by id, every one of
    them; `worlds` are those in which anything ran.
    """

    traces: int = 0
    steps: int = 0
    findings: int = 0
    cells: dict[Word, int] = field(default_factory=dict)
    truths: dict[tuple[str, Truth], dict[str, int]] = field(default_factory=dict)
    clauses: dict[str, ClauseCount] = field(
        default_factory=lambda: {clause.id: ClauseCount() for clause in CLAUSES}
    )
    goals: dict[str, int] = field(default_factory=lambda: dict.fromkeys((g.id for g in GOALS), 0))
    worlds: dict[World, int] = field(default_factory=dict)

    def unlisted(self) -> list[Word]:
        """Return the cells that were reached although the list of possible ones has not got them.

        A list that is incomplete would make every gap doubtful.
        """
        known = {(cell.op, cell.word) for cells in POSSIBLE.values() for cell in cells}
        return sorted(self.cells.keys() - known)


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
        self, total: SpecCoverage, world: World, faults: Faults | None = None, **settings: Any
    ) -> None:
        super().__init__(world, faults, **settings)
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
        for scope, found in cases(self.state, subjects).items():
            if not found:
                continue
            for clause in _CLAUSES_OF[scope]:
                count = counts[clause.id]
                count.evaluated += len(found)
                count.nonvacuous += sum(map(bool, map(clause.when, found)))


class _RecordedSession(CountingSession):
    """A session over a recording, in which a handle that a failed op gives back keeps its name."""

    __slots__ = ()

    def _give_back(self, op: Op) -> None:
        """Leave the handle where it is."""


def cover_trace(total: SpecCoverage, trace: Trace) -> None:
    """Run a trace with the faults that it names and count what it reaches.

    Errors: UnknownFault; HarnessError when the model's own counts drift.
    """
    found = run(trace, open_session=partial(CountingSession, total)).finding
    total.findings += found is not None


def cover_vector(total: SpecCoverage, vector: Vector) -> None:
    """Run a recorded trace up to the first step that the model does not know or does not allow."""
    session = _RecordedSession(total, vector.world)
    replayer = Replayer(vector.world, state=session.state)
    for recorded in vector.steps:
        op = replayer.build_op(recorded["op"], recorded["args"])
        if op is None or not_produced(session, op) is not None:
            return
        found = session.step(op)
        total.findings += found is not None
        if session.is_over or session.outcome is None:
            return
        replayer.recorder.count(op, session.outcome)
    total.findings += session.check_everything(None) is not None
