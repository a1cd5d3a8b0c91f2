"""`GlobalMemView`: one address space, what of it is cached, and all of physical memory.

Source: vostd `GlobalMemView`.
"""

from dataclasses import dataclass, field, replace

from vmstore.arch import PAGE_SIZE, are_disjoint
from vmstore.ghost.frame_contents import FrameContents
from vmstore.ghost.mapping import MAX_PADDR, PAGE_SIZES, Mapping
from vmstore.ghost.mem_view import MemView
from vmstore.spaces import RequiresError

Mappings = frozenset[Mapping]


@dataclass(frozen=True, slots=True)
class GlobalMemView:
    """Mapped, cached and unmapped memory. Units: `unmapped_pas` are addresses of 4 KiB pages.

    Errors: `RequiresError` where a function's requires does not hold.
    """

    pt_mappings: Mappings = frozenset()
    tlb_mappings: Mappings = frozenset()
    unmapped_pas: frozenset[int] = frozenset()
    memory: dict[int, FrameContents] = field(default_factory=dict)

    def broken(
        self, max_paddr: int = MAX_PADDR, page_sizes: tuple[int, ...] = PAGE_SIZES
    ) -> list[str]:
        """Return which of GMV.1 to GMV.8 are false.

        GMV.1: each mapping is well-formed, and its frame is there, well-formed and of its size; the
        specification also wants every byte's address to be a key, which a map from bases has not.
        GMV.2: what is cached is mapped. GMV.3, 4: mappings are disjoint virtually and physically.
        GMV.5, 6: so are the cached ones. GMV.7: every page is mapped or among the unmapped.
        GMV.8: none is both. GMV.4 excludes a frame with two mappings, which the API allows, and by
        FC.4 GMV.1 excludes a mapping of the last page (AX-42). Source: `GlobalMemView::inv`.
        """
        mapped = {pa for m in self.pt_mappings for pa in range(m.pa_start, m.pa_end, PAGE_SIZE)}
        holds = {
            "GMV.1": all(
                not m.broken(max_paddr, page_sizes) and self._has_frame(m, max_paddr)
                for m in self.pt_mappings
            ),
            "GMV.2": self.tlb_mappings <= self.pt_mappings,
            "GMV.3": are_disjoint([(m.va_start, m.va_end) for m in self.pt_mappings]),
            "GMV.4": are_disjoint([(m.pa_start, m.pa_end) for m in self.pt_mappings]),
            "GMV.5": are_disjoint([(m.va_start, m.va_end) for m in self.tlb_mappings]),
            "GMV.6": are_disjoint([(m.pa_start, m.pa_end) for m in self.tlb_mappings]),
            "GMV.7": {*range(0, max_paddr, PAGE_SIZE)} <= mapped | self.unmapped_pas,
            "GMV.8": not mapped & self.unmapped_pas,
        }
        return [clause for clause, is_true in holds.items() if not is_true]

    def _has_frame(self, m: Mapping, max_paddr: int) -> bool:
        held = self.memory.get(m.pa_start)
        return held is not None and held.size == m.page_size and not held.broken(max_paddr)

    def addr_transl(self, va: int) -> tuple[int, int] | None:
        """Return (base, offset) of the byte at `va`, through what is cached alone."""
        return MemView(self.tlb_mappings).addr_transl(va)

    def take_view(self, va: int, length: int) -> tuple["GlobalMemView", MemView]:
        """Return what is left, and the cached view of `[va, va + length)`.

        A mapping that begins exactly at the end of the range is in neither, so that `return_view`
        does not restore what was (AX-42).
        """
        end = va + length
        taken = MemView(self.tlb_mappings, self.memory).borrow_at(va, length)
        left = frozenset(m for m in self.tlb_mappings if m.va_end <= va or m.va_start > end)
        kept = {base: held for base, held in self.memory.items() if base not in taken.memory}
        return replace(self, tlb_mappings=left, memory=kept), taken

    def return_view(self, view: MemView) -> "GlobalMemView":
        """Return the union; of a frame in both, the returned contents count."""
        mappings = self.tlb_mappings | view.mappings
        return replace(self, tlb_mappings=mappings, memory=self.memory | view.memory)

    def tlb_flush_vaddr(self, va: int) -> "GlobalMemView":
        """Return the view without what is cached for `va`."""
        kept = frozenset(m for m in self.tlb_mappings if not m.covers(va))
        return replace(self, tlb_mappings=kept)

    def tlb_soft_fault(self, va: int) -> "GlobalMemView":
        """Return the view with the mapping of `va` cached. Requires: mapped, and not yet cached."""
        found = MemView(self.pt_mappings).mapping_at(va)
        if found is None or self.addr_transl(va) is not None:
            raise RequiresError(f"{va:#x} is not mapped, or cached already")
        return replace(self, tlb_mappings=self.tlb_mappings | {found})

    def pt_map(self, m: Mapping) -> "GlobalMemView":
        """Return the view with one more mapping. Requires: all of its memory is unmapped.

        The invariant is not promised: virtually it may lie over another.
        """
        pages = frozenset(range(m.pa_start, m.pa_end, PAGE_SIZE))
        if not pages <= self.unmapped_pas:
            raise RequiresError(f"not all of {m.pa_start:#x}..{m.pa_end:#x} is unmapped")
        mappings = self.pt_mappings | {m}
        return replace(self, pt_mappings=mappings, unmapped_pas=self.unmapped_pas - pages)

    def pt_unmap(self, m: Mapping) -> "GlobalMemView":
        """Return the view with one mapping less. Requires: mapped, and not cached."""
        if m not in self.pt_mappings or m in self.tlb_mappings:
            raise RequiresError(f"{m.va_start:#x} is not so mapped, or cached")
        pages = frozenset(range(m.pa_start, m.pa_end, PAGE_SIZE))
        mappings = self.pt_mappings - {m}
        return replace(self, pt_mappings=mappings, unmapped_pas=self.unmapped_pas | pages)
