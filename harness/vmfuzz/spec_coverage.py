"""What of the specification a set of runs has reached, counted while they run.

A step counts once the oracle has accepted it: one that ends in a finding says nothing about what
the specification allows, and neither does one after a test hook overwrote a count.
"""

from dataclasses import dataclass, field
from functools import partial

from vmfuzz.counting_session import CountingSession, RecordedSession
from vmfuzz.replayer import Replayer
from vmfuzz.runner import not_produced, run
from vmfuzz.trace import Trace
from vmfuzz.vectors import Vector
from vmstore.clauses.check import CLAUSES
from vmstore.clauses.own import OWN_CLAUSES
from vmstore.goals import GOALS
from vmstore.possible import POSSIBLE
from vmstore.world import World

Word = tuple[str, str]  # an op and what it came to
Truth = tuple[str, ...]  # the conjuncts of a precondition that were false


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
        default_factory=lambda: {clause.id: ClauseCount() for clause in (*CLAUSES, *OWN_CLAUSES)}
    )
    goals: dict[str, int] = field(default_factory=lambda: dict.fromkeys((g.id for g in GOALS), 0))
    worlds: dict[World, int] = field(default_factory=dict)

    def unlisted(self) -> list[Word]:
        """Return the cells that were reached although the list of possible ones has not got them.

        A list that is incomplete would make every gap doubtful.
        """
        known = {(cell.op, cell.word) for cells in POSSIBLE.values() for cell in cells}
        return sorted(self.cells.keys() - known)


def cover_trace(total: SpecCoverage, trace: Trace) -> None:
    """Run a trace with the faults that it names and count what it reaches.

    Errors: UnknownFault; HarnessError when the model's own counts drift.
    """
    found = run(trace, open_session=partial(CountingSession, total)).finding
    total.findings += found is not None


def cover_vector(total: SpecCoverage, vector: Vector) -> None:
    """Run a recorded trace up to the first step that the model does not know or does not allow."""
    session = RecordedSession(total, vector.world)
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
