"""Which kinds of situation a shard has seen: the cells of `vmfuzz.features`, over many traces."""

from collections import defaultdict
from collections.abc import Iterable
from typing import cast

from vmfuzz.features import CELLS, StateMap


class NewsMap(StateMap):
    """A map that is never cleared. Shape: `seen` counts per cell, up to 255; most cells have none.

    A trace is news when `seen` has grown by it.
    """

    __slots__ = ("seen",)

    def __init__(self, known: Iterable[int] = ()) -> None:
        super().__init__()
        self.seen: defaultdict[int, int] = defaultdict(int)
        for cell in known:
            if 0 <= cell < CELLS:
                self.seen[cell] = 1
        self.cells = cast("bytearray", self.seen)  # `note` reads and writes single cells only

    def since(self, amount: int) -> list[int]:
        """Return the cells that were seen after the first `amount`, in the order they were."""
        return list(self.seen)[amount:]
