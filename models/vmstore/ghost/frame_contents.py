"""`FrameContents`: the bytes of one mapped run of physical memory, initialised or not."""

from dataclasses import dataclass, replace

from vmstore.ghost.mapping import MAX_PADDR

Byte = int | None  # None: not initialised


@dataclass(frozen=True, slots=True)
class FrameContents:
    """The bytes of `[start, end)` of physical memory. Source: vostd `FrameContents`."""

    contents: tuple[Byte, ...]
    size: int
    start: int
    end: int

    @classmethod
    def of(cls, paddr: int, data: bytes) -> "FrameContents":
        """Return initialised contents that begin at `paddr`."""
        return cls(tuple(data), len(data), paddr, paddr + len(data))

    @classmethod
    def uninit(cls, paddr: int, size: int) -> "FrameContents":
        """Return contents of which nothing is known."""
        return cls((None,) * size, size, paddr, paddr + size)

    def broken(self, max_paddr: int = MAX_PADDR) -> list[str]:
        """Return which of FC.1 to FC.4 are false.

        FC.1: there are `size` bytes. FC.2: the range is as long. FC.3: both ends are multiples of
        it. FC.4: `start <= end < max_paddr`; being strict, it excludes the last page of memory,
        which every other invariant allows (AX-42). Source: `FrameContents::inv`.
        """
        holds = {
            "FC.1": len(self.contents) == self.size,
            "FC.2": self.size == self.end - self.start,
            "FC.3": self.size > 0 and self.start % self.size == 0 and self.end % self.size == 0,
            "FC.4": self.start <= self.end < max_paddr,
        }
        return [clause for clause, is_true in holds.items() if not is_true]

    def write(self, offset: int, data: bytes) -> "FrameContents":
        """Return these contents with `data` at `offset`. Requires: it fits."""
        kept = self.contents
        return replace(self, contents=(*kept[:offset], *data, *kept[offset + len(data) :]))
