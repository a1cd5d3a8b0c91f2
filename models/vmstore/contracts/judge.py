"""Judges every step of one state by the contracts, and counts which of them had something to say."""

from typing import Final

from vmstore.contracts.call import Call
from vmstore.contracts.catalogue import BY_OP
from vmstore.contracts.observer import Observer
from vmstore.contracts.registry import ContractClause
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import Outcome
from vmstore.step import State

Tally = dict[str, list[int]]  # clause -> how often evaluated, of these non-vacuous, of these false
EVERY: Final = "contracts"  # the check that stands for all clauses
QUIET: Final = "!"  # before an id: the clause is counted and not reported


class Judge:
    """Judges the steps of one state.

    `checks` are `EVERY` and ids of clauses. Without `EVERY` only the clauses named are judged. A
    named clause is reported though it is a known suspect, one named with `QUIET` before its id is
    counted only. `broken` are the clauses that were false of the last step.
    """

    __slots__ = ("_by_op", "_named", "_observer", "_profile", "_quiet", "broken", "tally")

    def __init__(self, state: State, checks: frozenset[str]) -> None:
        self._quiet = {check[1:] for check in checks if check.startswith(QUIET)}
        self._named = checks - {EVERY}
        self._profile = state.world.profile
        self._observer = Observer(state)
        self._by_op = BY_OP if EVERY in checks else _chosen(self._named)
        self.tally: Tally = {}
        self.broken: list[ContractClause] = []

    def after(self, op: Op, outcome: Outcome) -> tuple[ContractClause, Call] | None:
        """Judge the step that was just made; return the first clause to be reported."""
        call = self._observer.after(op, outcome)
        self.broken = []
        for clause in self._by_op.get(DECLARATIONS[type(op)].name, ()):
            counts = self.tally.get(clause.id)
            if counts is None:
                counts = self.tally[clause.id] = [0, 0, 0]
            counts[0] += 1
            if not clause.when(call):
                continue
            counts[1] += 1
            if not clause.holds(call):
                counts[2] += 1
                self.broken.append(clause)
        return next(((clause, call) for clause in self.broken if self._is_reported(clause)), None)

    def _is_reported(self, clause: ContractClause) -> bool:
        if clause.id in self._named:
            return True
        return self._profile not in clause.known and clause.id not in self._quiet

    def evidence(self, clause: ContractClause, call: Call) -> str:
        """Return what shows that a clause is false of a call."""
        if clause.show is not None:
            return clause.show(call)
        shown = [f"slot {i}: {call.before(i)} became {call.after(i)}" for i in call.changed[:3]]
        return "; ".join([f"came to {call.outcome}", *(shown or ["no slot changed"])])


def _chosen(named: frozenset[str]) -> dict[str, tuple[ContractClause, ...]]:
    return {op: tuple(c for c in clauses if c.id in named) for op, clauses in BY_OP.items()}

