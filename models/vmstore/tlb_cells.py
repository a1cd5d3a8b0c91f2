"""The translations that the processors cache: memory of the modelled machine, like its pages.

A processor may cache a huge page in parts of 4 KiB, so all entries here are of that size.
"""

from typing import NamedTuple

from vmstore.arch import PAGE_SIZE, U64_MASK


class Cached(NamedTuple):
    """A cached translation of one page: where it leads, and the leaf's bits that are no address."""

    paddr: int
    bits: int


class TlbCells:
    """All cached translations by CPU and page address.

    `journal` has the CPU and the page of every entry that was written or removed in this step.
    """

    __slots__ = ("cpus", "journal")

    def __init__(self) -> None:
        self.cpus: dict[int, dict[int, Cached]] = {}
        self.journal: list[tuple[int, int]] = []

    def lookup(self, cpu: int, page: int) -> Cached | None:
        """Return what the CPU caches for the page at this virtual address."""
        return self.cpus.get(cpu, {}).get(page)

    def fill(self, cpu: int, page: int, cached: Cached) -> None:
        """Let the CPU cache a translation."""
        self.cpus.setdefault(cpu, {})[page] = cached
        self.journal.append((cpu, page))

    def evict(self, cpu: int, start: int, pages: int) -> None:
        """Remove what the CPU caches for `pages` pages from the one at `start` on."""
        held = self.cpus.get(cpu)
        if not held:
            return
        first = start & -PAGE_SIZE
        for page in [p for p in held if p - first & U64_MASK < pages * PAGE_SIZE]:
            del held[page]
            self.journal.append((cpu, page))

    def evict_all(self, cpu: int) -> None:
        """Remove all that the CPU caches."""
        held = self.cpus.get(cpu)
        if held:
            self.journal += [(cpu, page) for page in held]
            held.clear()
