"""The shape of page tables in one world, and the three configurations they come in.

Sizes are bytes. Level 1 maps pages, level `levels` is the root. With levels=4 and entries=512 this
is x86-64; smaller fan-outs keep every rule and make deep trees cheap.
"""

from functools import lru_cache
from typing import Final

from vmstore.arch import PAGE_SIZE, U64_MASK

HIGHEST_TRANSLATION_LEVEL: Final = {"user": 2, "kernel": 2, "test": 3}


class Geometry:
    """Sizes, shifts and ranges that follow from `levels` and `entries`.

    Shape: `sizes[level]` is what one entry of that level covers, up to `levels + 1`, which is what
    the root covers, and one more; `shifts[level]` its logarithm. `user_end` is exclusive, and so is
    `io_end`, which readers and writers must not pass; the upper half begins at `kernel_start` and
    ends with the address space, at 2^64.
    """

    __slots__ = ("entries", "half", "index_mask", "io_end", "kernel_start", "levels",
                 "shifts", "sizes", "user_end")  # fmt: skip

    def __init__(self, levels: int, entries: int) -> None:
        bits = entries.bit_length() - 1
        self.levels = levels
        self.entries = entries
        self.half = entries // 2
        self.index_mask = entries - 1
        self.shifts = (0, *(12 + bits * level for level in range(levels + 2)))
        self.sizes = (0, *(PAGE_SIZE << bits * level for level in range(levels + 2)))
        self.user_end = self.half << self.shifts[levels]
        self.io_end = self.user_end - PAGE_SIZE
        self.kernel_start = (U64_MASK + 1 - self.user_end) & U64_MASK

    def index(self, vaddr: int, level: int) -> int:
        """Return which entry of a level-`level` node covers `vaddr`. Source: `pte_index`."""
        return vaddr >> self.shifts[level] & self.index_mask

    def highest_level(self, config: str) -> int:
        """Return the highest level at which `config` maps; the root never holds a leaf."""
        return min(HIGHEST_TRANSLATION_LEVEL[config], self.levels - 1)


@lru_cache(maxsize=64)
def geometry(levels: int, entries: int) -> Geometry:
    """Return the geometry of a world, one object per shape."""
    return Geometry(levels, entries)


AVAIL1: Final = 1 << 52  # of an entry's word
_NEVER: Final = -1  # no value of `word & AVAIL1`


class Config:
    """What one kind of page table maps and where. Source: `PageTableConfig`.

    `user` maps tracked frames and device pages (marked AVAIL1), `kernel` tracked frames (marked
    AVAIL1) and plain addresses, `test`, of the code's own unit tests, plain addresses only.
    Shape: `[low, high]` is the managed range, both inclusive, because its end may be 2^64; the top
    level's indices are `[first_index, end_index)`. `tracked_word` is what `word & AVAIL1` is for a
    leaf that owns a reference on its frame.
    """

    __slots__ = ("can_unmap_top", "end_index", "first_index", "high", "highest_level", "low",
                 "name", "tracked_word")  # fmt: skip

    def __init__(self, name: str, g: Geometry) -> None:
        is_kernel = name == "kernel"
        self.name = name
        self.first_index = g.half if is_kernel else 0
        self.end_index = g.entries if is_kernel else g.half
        self.low = g.kernel_start if is_kernel else 0
        self.high = U64_MASK if is_kernel else g.user_end - 1
        self.highest_level = g.highest_level(name)
        self.can_unmap_top = not is_kernel
        self.tracked_word = {"user": 0, "kernel": AVAIL1}.get(name, _NEVER)

    def is_valid_range(self, start: int, end: int) -> bool:
        """Return whether `[start, end)` is a range of this half. Source: `is_valid_range`."""
        return start < end and self.low <= start and end - 1 <= self.high

    def is_tracked(self, word: int) -> bool:
        """Return whether a leaf's word owns a reference on the frame it maps."""
        return word & AVAIL1 == self.tracked_word


@lru_cache(maxsize=64)
def config(name: str, levels: int, entries: int) -> Config:
    """Return the configuration `user`, `kernel` or `test` in a world of this shape."""
    return Config(name, geometry(levels, entries))
