"""Which ops an agent is asked for: those that it lists and does not refuse."""

from collections.abc import Iterable
from typing import Final

from vmfuzz.sut.agent import Agent
from vmfuzz.sut.prediction import NAMES
from vmfuzz.sut.wire import UNRECORDED
from vmstore.ops import Declaration

_TOLERATED: Final = 10  # an op that was answered this many times per refusal stays


class Vocabulary:
    """What is known of an agent's ops so far. Names are those of the wire."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.answered: dict[str, int] = {}
        self.refusals: dict[str, int] = {}
        self.known: tuple[tuple[int, ...], frozenset[str]] | None = None

    def lists(self, declaration: Declaration) -> bool:
        """Return whether the agent says that it knows the op."""
        return self._knows(NAMES[declaration.op])

    def _knows(self, name: str) -> bool:
        ops = self.agent.ready.ops
        return name not in UNRECORDED if ops is None else name in ops

    def speaks(self, name: str) -> bool:
        """Return whether the op is worth asking for.

        Not if the agent does not list it, or refuses it: at first sight, or too often.
        """
        if not self._knows(name):
            return False
        return self.answered.get(name, 0) >= _TOLERATED * self.refusals.get(name, 0)

    @property
    def spoken(self) -> frozenset[str]:
        """The names of all ops worth asking for; worked out anew after a refusal."""
        state = tuple(self.refusals.values())
        if self.known is None or self.known[0] != state:
            self.known = (state, frozenset(filter(self.speaks, NAMES.values())))
        return self.known[1]

    def note(self, answered: Iterable[str], refused: str | None) -> None:
        """Take note of ops that were answered, and of one that was refused."""
        for name in answered:
            self.answered[name] = self.answered.get(name, 0) + 1
        if refused is not None:
            self.refusals[refused] = self.refusals.get(refused, 0) + 1
