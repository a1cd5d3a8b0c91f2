"""Breadth-first search over the states of a tiny world, every op of the alphabet in every state."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vmfuzz.exhaustive.alphabet import Alphabet
from vmfuzz.exhaustive.canonical import digest
from vmfuzz.exhaustive.graph import Expansion, Graph
from vmfuzz.exhaustive.moves import Moves
from vmfuzz.exhaustive.snapshot import Snapshot
from vmfuzz.finding import Finding
from vmfuzz.oracle import Session
from vmfuzz.outcome_text import outcome_word
from vmfuzz.runner import not_produced
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import OK

if TYPE_CHECKING:
    from vmstore.contracts.judge import Judge

_MAX_EAGER_PAGES: Final = 4096


@dataclass(slots=True)
class Found:
    """A finding and the ops that end in it."""

    finding: Finding
    ops: list[Op]


class NotThatState(Exception):
    """The trace that was kept for a state does not lead to it, in this version of the model."""


class Search:
    """A search in progress. `graph` is what it knows; `expand` goes on with the next state.

    One session serves every state: it goes back to where it was after each op. Outcomes, clauses
    and events are checked at every step, and everything in every state that was not met before.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        faults: tuple[str, ...] = (),
        *,
        checks: frozenset[str],
        strict: bool = False,
    ) -> None:
        self.alphabet = alphabet
        self.moves = Moves(alphabet)
        flags = Faults.of(faults)
        self.session = Session(alphabet.world, flags, checks=checks, strict=strict)
        self.state = self.session.state
        _look_at_every_page(self.session)
        self._boot = self._here()
        self.graph = Graph(digest(self.state))

    def _here(self) -> "_Here":
        return _Here(Snapshot(self.state), self.session.contracts)

    def expand(self) -> tuple[Expansion, list[Found]]:
        """Try every op in the next state. Effect: `graph` has what it led to.

        Errors: as `look`.
        """
        expansion, found = self.look(self.graph.expanded)
        self.graph.add(expansion)
        return expansion, found

    def look(self, number: int) -> tuple[Expansion, list[Found]]:
        """Try every op in a state, which the graph does not get to know.

        Errors: HarnessError where the model's own counts drift; `NotThatState`.
        """
        path = self.graph.path(number)
        self._go_to(number, path)
        here = self._here()
        expansion = Expansion(number)
        self.session.quirks = expansion.quirks
        found: list[Found] = []
        reached: dict[bytes, int] = {}
        for op, amount in self.moves.of(self.state, path):
            finding = self._try(op, amount, here, expansion, reached)
            if finding is not None:
                signature = finding.signature
                expansion.signatures[signature] = expansion.signatures.get(signature, 0) + amount
                found.append(Found(replace(finding, step=len(path)), [*path, op]))
        return expansion, found

    def _go_to(self, number: int, path: list[Op]) -> None:
        """Run the ops that lead to a state. Errors: NotThatState where they lead elsewhere."""
        self._boot.restore()
        session = self.session
        session.is_over, session.steps = False, 0
        for op in path:
            reason = not_produced(session, op)
            if reason is not None or session.step(op) is not None or session.is_over:
                raise NotThatState(f"the trace to state {number} does not get there")
        if digest(self.state) != self.graph.keys[number]:
            raise NotThatState(f"the trace to state {number} leads to another state")

    def _try(
        self, op: Op, amount: int, here: "_Here", expansion: Expansion, reached: dict[bytes, int]
    ) -> Finding | None:
        """Run one op, note where it led, and go back."""
        session = self.session
        finding = session.step(op)
        expansion.steps += 1
        outcome = session.outcome
        pair = (DECLARATIONS[op.__class__].name, "ok" if outcome is OK else outcome_word(outcome))
        expansion.tally[pair] = expansion.tally.get(pair, 0) + 1
        if finding is None and not session.is_over:
            if here.holds():
                expansion.edges[expansion.state] = expansion.edges.get(expansion.state, 0) + amount
                return None
            finding = self._arrive(op, amount, expansion, reached)
        if session.is_over:
            expansion.over += amount
            session.is_over = False
        here.restore()
        return finding

    def _arrive(
        self, op: Op, amount: int, expansion: Expansion, reached: dict[bytes, int]
    ) -> Finding | None:
        """Note the state that an op led to; one that was not met before is checked whole.

        What was `reached` from here is no part of the graph before all of it is.
        """
        key = digest(self.state)
        target = self.graph.numbers.get(key, reached.get(key))
        if target is None:
            finding = self.session.check_everything(op)
            if finding is not None:
                return finding
            target = reached[key] = len(self.graph) + len(expansion.new)
            expansion.new.append((op, key))
        expansion.edges[target] = expansion.edges.get(target, 0) + amount
        return None

    def run(self, depth: int) -> Iterator[tuple[Expansion, list[Found]]]:
        """Expand state by state until every trace of up to `depth` ops was run."""
        graph = self.graph
        while graph.expanded < len(graph) and graph.depths[graph.expanded] < depth:
            yield self.expand()


class _Here:
    """A state to go back to, with what the contracts' judge knew of it."""

    __slots__ = ("_judge", "_mark", "_snapshot", "holds")

    def __init__(self, snapshot: Snapshot, judge: "Judge | None") -> None:
        self._snapshot, self._judge = snapshot, judge
        self._mark = judge.mark() if judge is not None else None
        self.holds = snapshot.holds

    def restore(self) -> None:
        """Make the state what it was."""
        self._snapshot.restore()
        if self._judge is not None and self._mark is not None:
            self._judge.back_to(self._mark)


def _look_at_every_page(session: Session) -> None:
    """Make slots and owners, which the model makes when somebody looks at them first."""
    for index in range(min(session.state.world.pages, _MAX_EAGER_PAGES)):
        session.machine.cells.slot(index)
        session.view.store.owner(index)
