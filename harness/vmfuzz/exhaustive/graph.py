"""The states that a search has met, and how many traces they stand for."""

from array import array
from dataclasses import dataclass, field
from typing import Final

from vmstore.ops import Op

ROOT: Final = 0


@dataclass(slots=True)
class Expansion:
    """What became of every op in one state.

    Shape: `new` are the states that were met first here, by the op that leads there and their
    digest; `edges` says how many traces of one op lead to which state; `over` how many end here,
    in a panic, an abort, a divergence or a finding. `tally` counts (op, outcome word) of the
    `steps` ops that were run, `signatures` the findings and `quirks` the known upstream defects
    among them.
    """

    state: int
    new: list[tuple[Op, bytes]] = field(default_factory=list)
    edges: dict[int, int] = field(default_factory=dict)
    over: int = 0
    steps: int = 0
    tally: dict[tuple[str, str], int] = field(default_factory=dict)
    signatures: dict[str, int] = field(default_factory=dict)
    quirks: dict[str, int] = field(default_factory=dict)


class Graph:
    """States by number, in the order they were met: breadth first, so that depths ascend.

    Shape: `keys` (digests), `parents`, `ops` and `depths` have an entry per state; the first
    `expanded` states have all their edges, which `targets` and `amounts` hold one after another,
    state `n` those from `starts[n]` on. `over` counts the traces of one more op that end in each.
    """

    __slots__ = ("amounts", "depths", "keys", "numbers", "ops", "over", "parents", "starts",
                 "steps", "targets")  # fmt: skip

    def __init__(self, root: bytes) -> None:
        self.keys = [root]
        self.numbers: dict[bytes, int] = {root: ROOT}
        self.parents = array("L", [ROOT])
        self.ops: list[Op | None] = [None]
        self.depths = array("B", [0])
        self.starts = array("Q", [0])
        self.targets = array("L")
        self.amounts = array("Q")
        self.over: list[int] = []
        self.steps = 0

    def __len__(self) -> int:
        return len(self.parents)

    @property
    def expanded(self) -> int:
        """How many states have been expanded; the next one has this number."""
        return len(self.over)

    def add(self, expansion: Expansion) -> None:
        """Add what the next state led to. Requires: it is that of state `expanded`."""
        depth = self.depths[expansion.state] + 1
        for op, key in expansion.new:
            self.numbers[key] = len(self)
            self.keys.append(key)
            self.parents.append(expansion.state)
            self.ops.append(op)
            self.depths.append(depth)
        self.targets.extend(expansion.edges)
        self.amounts.extend(expansion.edges.values())
        self.starts.append(len(self.targets))
        self.over.append(expansion.over)
        self.steps += expansion.steps

    def path(self, state: int) -> list[Op]:
        """Return the ops that lead to a state: a shortest trace of it."""
        ops: list[Op] = []
        while state != ROOT:
            op = self.ops[state]
            assert op is not None, "only the root has no op"
            ops.append(op)
            state = self.parents[state]
        return ops[::-1]

    def at_depth(self) -> list[int]:
        """Return how many states were met first at each depth."""
        amounts = [0] * (self.depths[-1] + 1)
        for depth in self.depths:
            amounts[depth] += 1
        return amounts

    def complete_depth(self) -> int | None:
        """Return up to which length every trace was run; None where no trace can get longer."""
        if self.expanded == len(self):
            return None
        return self.depths[self.expanded]

    def traces(self, longest: int) -> list[int]:
        """Return how many traces of each length 1 to `longest` there are, whichever state they met.

        Requires: every state nearer than `longest` is expanded.
        """
        amounts = {ROOT: 1}
        result = []
        for length in range(1, longest + 1):
            result.append(sum(ways * self._degree(state) for state, ways in amounts.items()))
            if length < longest:
                amounts = self._after(amounts)
        return result

    def _degree(self, state: int) -> int:
        return sum(self.amounts[self.starts[state] : self.starts[state + 1]]) + self.over[state]

    def _after(self, amounts: dict[int, int]) -> dict[int, int]:
        later: dict[int, int] = {}
        for state, ways in amounts.items():
            for at in range(self.starts[state], self.starts[state + 1]):
                target = self.targets[at]
                later[target] = later.get(target, 0) + ways * self.amounts[at]
        return later
