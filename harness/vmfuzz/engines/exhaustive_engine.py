"""The `exhaustive` engine: every trace up to a depth over an alphabet, shortest first."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from vmfuzz.amounts import counted
from vmfuzz.clause_counts import merge
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.swarm_engine import is_spent
from vmfuzz.errors import HarnessError, VmfuzzError, shown
from vmfuzz.exhaustive.alphabet import Alphabet
from vmfuzz.exhaustive.graph import Expansion
from vmfuzz.exhaustive.journal import Journal
from vmfuzz.exhaustive.scope import about, claim, digest_of
from vmfuzz.exhaustive.search import Found as Ended
from vmfuzz.exhaustive.search import NotThatState, Search
from vmfuzz.trace import Step, Trace

_COLLECT_EVERY: Final = 100_000  # objects; forms of states are many and hold no cycles


class ExhaustiveEngine:
    """Breadth-first search over the states of a tiny world. No seed decides anything."""

    name = "exhaustive"

    def run(self, plan: Plan, progress: Progress, tick: Callable[[], None]) -> Iterator[Found]:
        """Run until the depth or a limit of the plan is reached, yielding findings as they come.

        Effect: `progress.claim` says what was shown, however the run ends; what the search came to
        is in the plan's file, from which the next run goes on.
        Errors: VmfuzzError for a file that is not this search's; HarnessError.
        """
        alphabet = plan.scope.alphabet(plan.world, plan.pinned)
        search = Search(alphabet, plan.faults, checks=plan.checks, strict=plan.strict)
        with ExitStack() as stack:
            stack.enter_context(_rare_collections())
            journal, known = _open(plan, alphabet, search, progress, stack)
            started = monotonic()
            try:
                for ended in known:
                    yield self._found(plan, alphabet, ended)
                for expansion, found in _expansions(search, plan):
                    if journal is not None:
                        journal.write(expansion)
                    _count(progress, expansion)
                    progress.steps += expansion.steps
                    progress.traces += 1
                    progress.seconds = monotonic() - started
                    progress.stage = _stage(search)
                    tick()
                    for ended in found:
                        yield self._found(plan, alphabet, ended)
                    if is_spent(plan, progress, started):
                        break
            finally:
                progress.seconds = monotonic() - started
                progress.claim = claim(plan.scope, alphabet, search.graph)
                if search.session.contracts is not None:
                    merge(progress.contracts, search.session.contracts.tally())

    def _found(self, plan: Plan, alphabet: Alphabet, ended: Ended) -> Found:
        steps = [Step(op) for op in ended.ops]
        return Found(ended.finding, Trace(alphabet.world, steps, plan.faults), self.name)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for cycles seldom: a search makes and forgets tuples by the million."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _open(
    plan: Plan, alphabet: Alphabet, search: Search, progress: Progress, stack: ExitStack
) -> tuple[Journal | None, list[Ended]]:
    """Open the search's file, if it has one, and return what it knows already.

    Effect: the graph has the file's states. Findings are run again, one of each signature.
    """
    path = plan.scope.resume
    if path is None:
        return None, []
    facts = about(alphabet, plan.faults, plan.checks, strict=plan.strict)
    journal = Journal(path, digest_of(facts, search.graph.keys[0]), facts)
    stack.enter_context(journal)
    first: dict[str, int] = {}
    for expansion in journal.load(search.graph):
        _count(progress, expansion)
        for signature in expansion.signatures:
            first.setdefault(signature, expansion.state)
    known: list[Ended] = []
    try:
        for state in dict.fromkeys(first.values()):
            _, found = search.look(state)
            known += [ended for ended in found if first.get(ended.finding.signature) == state]
    except NotThatState as error:
        raise _foreign(path, error) from None
    return journal, known


def _expansions(search: Search, plan: Plan) -> Iterator[tuple[Expansion, list[Ended]]]:
    try:
        yield from search.run(plan.scope.depth)
    except NotThatState as error:
        if plan.scope.resume is not None:
            raise _foreign(plan.scope.resume, error) from None
        raise HarnessError(f"exhaustive: {error}") from None


def _foreign(path: Path, error: NotThatState) -> VmfuzzError:
    return VmfuzzError(f"--resume {shown(path)}: {error}; start again with another file")


def _count(progress: Progress, expansion: Expansion) -> None:
    rows = ((op, word, amount) for (op, word), amount in expansion.tally.items())
    progress.count(rows, expansion.quirks)


def _stage(search: Search) -> str:
    graph = search.graph
    if graph.expanded == len(graph):
        return "every state expanded"
    depth, left = graph.depths[graph.expanded], len(graph) - graph.expanded
    return f"after {counted(depth, 'op')}: {left:,} of {counted(len(graph), 'state')} to expand"
