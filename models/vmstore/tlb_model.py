"""What the processors may use without walking a table, by what the ops have done.

Source: vostd `TlbModel`, which has one model for all CPUs; this one knows whose a translation is.
"""

from typing import NamedTuple

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import Prop


class Translation(NamedTuple):
    """Where a page of 4 KiB leads and with which property; `is_tracked` if to a frame."""

    paddr: int
    prop: Prop
    is_tracked: bool


class TlbModel:
    """The cached translations, by CPU and page address; `touched` are those this step named."""

    __slots__ = ("mappings", "touched")

    def __init__(self) -> None:
        self.mappings: dict[int, dict[int, Translation]] = {}
        self.touched: list[tuple[int, int]] = []

    def of(self, cpu: int) -> dict[int, Translation]:
        """Return the translations that a CPU may use, by page address."""
        return self.mappings.get(cpu, {})

    def update(self, cpu: int, page: int, translation: Translation) -> None:
        """A CPU has walked its table for a page. Source: `TlbModel::update`."""
        self.mappings.setdefault(cpu, {})[page] = translation
        self.touched.append((cpu, page))

    def flush(self, cpu: int, start: int, pages: int = 1) -> None:
        """A CPU forgets the pages from `start` on. Source: `TlbModel::flush`."""
        known = self.of(cpu)
        if not known:
            return
        first = start - start % PAGE_SIZE
        end = first + pages * PAGE_SIZE
        for page in sorted(known):
            if first <= page < end or page + U64_MASK + 1 < end:  # a range may pass 2^64
                del known[page]
                self.touched.append((cpu, page))

    def flush_all(self, cpu: int) -> None:
        """A CPU forgets everything: a flush of all, or another root in CR3."""
        known = self.mappings.pop(cpu, {})
        self.touched += [(cpu, page) for page in known]
