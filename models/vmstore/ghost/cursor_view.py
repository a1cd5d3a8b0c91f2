"""`CursorView`: a page table as a set of mappings, with a position in it.

It knows no tables: what an op does to them is not to be seen here. Source: vostd `CursorView`.
"""

from dataclasses import dataclass, replace

from vmstore.arch import PAGE_SIZE
from vmstore.ghost.mapping import Mapping
from vmstore.ids import Prop
from vmstore.spaces import RequiresError


@dataclass(frozen=True, slots=True)
class CursorView:
    """The position of a cursor and all that its table maps; `fan_out` is entries per table."""

    cur_va: int
    mappings: frozenset[Mapping]
    fan_out: int = 512

    def present(self) -> bool:
        """Return whether something is mapped at the position."""
        return self.query_mapping() is not None

    def query_mapping(self) -> Mapping | None:
        """Return the mapping that covers the position: the only one, as they are disjoint."""
        return min((m for m in self.mappings if m.covers(self.cur_va)), default=None)

    def query_item_spec(self, paddr: int, size: int, prop: Prop) -> tuple[int, int] | None:
        """Return the range of the mapping at the position if it is of this item, else None."""
        found = self.query_mapping()
        if found is None or (found.pa_start, found.page_size, found.prop) != (paddr, size, prop):
            return None
        return found.va_start, found.va_end

    def cur_slot_range(self, size: int) -> tuple[int, int]:
        """Return the aligned run of `size` bytes around the position."""
        start = self.cur_va - self.cur_va % size
        return start, start + size

    def align_up(self, size: int) -> int:
        """Return the end of that run, which is always above the position."""
        return self.cur_slot_range(size)[1]

    def split_if_mapped_huge(self, size: int) -> "CursorView":
        """Return the view with the mapping at the position in parts of `size` bytes.

        Requires: there is one, and it is of a multiple of `size`.
        """
        found = self.query_mapping()
        if found is None or found.page_size % size:
            raise RequiresError(f"no mapping at {self.cur_va:#x} to split into {size:#x}")
        parts = frozenset(found.piece(size, n) for n in range(found.page_size // size))
        return replace(self, mappings=self.mappings - {found} | parts)

    def split_while_huge(self, size: int) -> "CursorView":
        """Return the view with the mapping at the position split until it has at most `size`."""
        view = self
        while (found := view.query_mapping()) is not None and found.page_size > size:
            view = view.split_if_mapped_huge(found.page_size // self.fan_out)
        return view

    def remove_subtree(self, size: int) -> frozenset[Mapping]:
        """Return the mappings that do not begin in the aligned run of `size` bytes."""
        start, end = self.cur_slot_range(size)
        return frozenset(m for m in self.mappings if not start <= m.va_start < end)

    def map_spec(self, paddr: int, size: int, prop: Prop) -> "CursorView":
        """Return the view after a page was mapped at the position, which moves behind it.

        Whatever was there goes; the code panics instead (VIEW.GAP.4).
        """
        split = self.split_while_huge(size)
        start, end = split.cur_slot_range(size)
        made = Mapping(start, end, paddr, paddr + size, size, prop)
        return replace(self, cur_va=end, mappings=split.remove_subtree(size) | {made})

    def unmap_spec(self, length: int, after: "CursorView") -> bool:
        """Return whether `after` is a view that unmapping `length` bytes may lead to.

        It is at the end of the range or behind it; mappings outside of the range are still there;
        what begins in the range is a part of one that began before it; and there is nothing new but
        parts of what was there. How many were unmapped is not said (VIEW.GAP.7).
        """
        start, end = self.cur_va, self.cur_va + length
        kept = {m for m in self.mappings if m.va_end <= start or m.va_start >= end}
        early = [m for m in self.mappings if m.va_start < start]
        fresh = after.mappings - self.mappings
        return (
            after.cur_va >= end
            and kept <= after.mappings
            and all(
                any(m.is_piece_of(whole) for whole in early)
                for m in after.mappings
                if start <= m.va_start < end
            )
            and all(any(m.is_piece_of(whole) for whole in self.mappings) for m in fresh)
        )

    def small_pages(self) -> frozenset[Mapping]:
        """Return the mappings in parts of 4 KiB, in which a split cannot be seen."""
        return frozenset(
            m.piece(PAGE_SIZE, n)
            for m in self.mappings
            for n in range((m.va_end - m.va_start) // PAGE_SIZE)
        )
