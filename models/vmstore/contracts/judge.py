"""Judges every step of one state by the contracts, and counts which had something to say."""

from typing import Final

from vmstore.contracts.call import Call
from vmstore.contracts.catalogue import BY_OP, judge
from vmstore.contracts.observer import Mark, Observer
from vmstore.contracts.registry import ContractClause
from vmstore.contracts.values import changes
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import Outcome
from vmstore.step import State

Tally = dict[str, list[int]]  # clause -> how often evaluated, of these non-vacuous, of these false
EVERY: Final = "contracts"  # the check that stands for all clauses
QUIET: Final = "!"  # before an id: the clause is counted and not reported


_SHOWN: Final = 3  # slots that a witness describes


class Judge:
    """Judges the steps of one state.

    `checks` are `EVERY` and ids of clauses. Without `EVERY` only the clauses named are judged. A
    named clause is reported though it is a known suspect, one named with `QUIET` before its id is
    counted only. `broken` are the clauses that were false of the last step.
    """

    __slots__ = ("_call", "_calls", "_counts", "_is_whole", "_named", "_observer", "_profile",
                 "_quiet", "broken")  # fmt: skip

    def __init__(self, state: State, checks: frozenset[str]) -> None:
        self._is_whole = EVERY in checks
        self._named = checks - {EVERY}
        self._quiet = {check[1:] for check in checks if check.startswith(QUIET)}
        self._profile = state.world.profile
        self._observer = Observer(state)
        self._call: Call | None = None
        self._calls: dict[type[Op], int] = {}
        self._counts: dict[str, list[int]] = {}
        self.broken: list[ContractClause] = []

    def after(self, op: Op, outcome: Outcome) -> tuple[ContractClause, Call] | None:
        """Judge the step that was just made; return the first clause to be reported."""
        call = self._call = self._observer.after(op, outcome)
        kind = op.__class__
        self._calls[kind] = self._calls.get(kind, 0) + 1
        self.broken = []
        for clause, holds in judge(call):
            counts = self._counts.get(clause.id)
            if counts is None:
                counts = self._counts[clause.id] = [0, 0]
            counts[0] += 1
            if not holds:
                counts[1] += 1
                self.broken.append(clause)
        return next(((clause, call) for clause in self.broken if self._is_reported(clause)), None)

    def _is_reported(self, clause: ContractClause) -> bool:
        if clause.id in self._named:
            return True
        is_expected = self._profile in clause.known or clause.id in self._quiet
        return self._is_whole and not is_expected

    def mark(self) -> Mark:
        """Return what `back_to` needs for a return to the present state."""
        return self._observer.mark()

    def back_to(self, mark: Mark) -> None:
        """Follow the state back to where `mark` was taken. The counts stay."""
        self._observer.back_to(mark)

    def tally(self) -> Tally:
        """Return the counts of every clause that had a call to judge."""
        found: Tally = {}
        for kind, calls in self._calls.items():
            for clause in BY_OP[DECLARATIONS[kind].name]:
                row = found.setdefault(clause.id, [0, *self._counts.get(clause.id, (0, 0))])
                row[0] += calls
        return found

    def shown(self) -> list[tuple[ContractClause, str]]:
        """Return the clauses that are false of the last step, each with what shows it."""
        if self._call is None:
            return []
        return [(clause, self.evidence(clause, self._call)) for clause in self.broken]

    def evidence(self, clause: ContractClause, call: Call) -> str:
        """Return what shows that a clause is false of a call."""
        if clause.show is not None:
            return clause.show(call)
        shown = [changes(i, call.before(i), call.after(i)) for i in call.changed[:_SHOWN]]
        return "; ".join([f"came to {_word(call.outcome)}", *(shown or ["no slot changed"])])


def _word(outcome: Outcome) -> str:
    detail = getattr(outcome, "variant", None) or getattr(outcome, "code", None)
    name = type(outcome).__name__.lower()
    return f"{name} {detail}" if detail else name
