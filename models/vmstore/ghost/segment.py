"""`SegmentOwner` and the specification's functions on segments: pages, obligations, saturation.

Source: the companion of `Segment` in the seed documents.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vmstore.arch import LINEAR_BASE, PAGE_SIZE, frame_to_index, index_to_meta
from vmstore.ghost.mem_view import MemView
from vmstore.spaces import RequiresError
from vmstore.store import VmStore
from vmstore.view.state import View

Obligations = Mapping[int, int]  # slot index -> how many, 0 where there is no key


def seg_nframes(start: int, end: int) -> int:
    """Return the number of pages of a range."""
    return (end - start) // PAGE_SIZE


def frame_idx_at(start: int, j: int) -> int:
    """Return the slot index of the `j`-th page from `start` on."""
    return frame_to_index(start + j * PAGE_SIZE)


def split_spec(start: int, end: int, offset: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the two ranges that a split at `offset` bytes makes."""
    return (start, start + offset), (start + offset, end)


def page_in_range_saturated(v: View, start: int, first: int, last: int) -> bool:
    """Return whether a slice of the bytes `[first, last)` meets a page that cannot be shared.

    `start` is where the segment begins.
    """
    pages = range(first // PAGE_SIZE, last // PAGE_SIZE)
    return any(v.count_word(v.store.owner(frame_idx_at(start, j))) >= v.rc_max for j in pages)


def clone_requires(v: View, start: int, end: int) -> bool:
    """Return whether a segment can be cloned: each page is there, counted, and not near saturation.

    One reference below the maximum the code still clones; this does not allow it (AX-27).
    """
    owner = SegmentOwner(start, end)
    if not owner.inv(v.max_paddr):
        return False
    pages = [v.store.owner(index) for index in owner.pages()]
    return all(page.parked and 0 < v.count_word(page) < v.rc_max - 1 for page in pages)


def clone_ensures(
    old: Obligations, new: Obligations, source: tuple[int, int], made: tuple[int, int]
) -> bool:
    """Return whether a clone has its source's range, and the ledger did not move (G3)."""
    return source == made and old == new


@dataclass(frozen=True, slots=True)
class SegmentOwner:
    """The pages that a segment holds one reference on: `[start, end)`."""

    start: int
    end: int

    def inv(self, max_paddr: int) -> bool:
        """Return whether the range is aligned, in order and in memory (SEG.OWN.INV)."""
        aligned = self.start % PAGE_SIZE == 0 and self.end % PAGE_SIZE == 0
        return aligned and self.start <= self.end <= max_paddr

    def wf(self, start: int, end: int) -> bool:
        """Return whether this is the owner of the segment with that range."""
        return (start, end) == (self.start, self.end)

    def pages(self) -> Iterator[int]:
        """Yield the slot index of every page."""
        yield from (frame_idx_at(self.start, j) for j in range(seg_nframes(self.start, self.end)))

    def relate_regions(self, v: View) -> list[str]:
        """Return which of SEG.REL.1 to SEG.REL.8 are false of some page.

        `SEG.REL.6` and `7` are the specification's, without what upstream allows besides: a covered
        page that is mapped, a dynamic segment over a page-table node. Ensures, when empty: each
        page's facts (`relate_regions_at`), and that two pages have two slots
        (`relate_regions_distinct`).
        """
        indices = list(self.pages())
        found = {clause for index in indices for clause in self.relate_regions_at(v, index)}
        if len(set(indices)) < len(indices):
            found.add("SEG.REL.8")
        return sorted(found)

    def relate_regions_at(self, v: View, index: int) -> list[str]:
        """Return which of SEG.REL.1 to SEG.REL.7 are false of one page."""
        owner = v.store.owner(index)
        count = v.count_word(owner)
        holds = {
            "SEG.REL.1": owner.obligations >= 1,
            "SEG.REL.2": owner.parked,
            "SEG.REL.3": owner.slot_vaddr == index_to_meta(index),
            "SEG.REL.4": count > 0,
            "SEG.REL.5": count <= v.rc_max,
            "SEG.REL.6": not owner.paths,
            "SEG.REL.7": owner.usage == "Frame",
        }
        return [clause for clause, is_true in holds.items() if not is_true]

    def invariants(self, v: View, start: int, end: int) -> bool:
        """Return the bundle that the segment calls require. Source: `Segment::invariants`."""
        return self.inv(v.max_paddr) and self.wf(start, end) and not self.relate_regions(v)


def obligations(store: VmStore) -> dict[int, int]:
    """Return the ledger `frame_obligations` as a plain map."""
    return {index: o.obligations for index, o in sorted(store.owners.items()) if o.obligations}


def seg_obligations_minted(old: Obligations, new: Obligations, start: int, n: int) -> bool:
    """Return whether each of `n` pages gained an obligation, and no other slot changed.

    SEG.MINT.1 and 2; the first is a lower bound.
    """
    pages = {frame_idx_at(start, j) for j in range(n)}
    return all(new.get(index, 0) >= old.get(index, 0) + 1 for index in pages) and all(
        new.get(index, 0) == old.get(index, 0) for index in {*old, *new} - pages
    )


def mint_seg_obligations(ledger: Obligations, start: int, n: int) -> dict[int, int]:
    """Return the ledger with one obligation more for each of `n` pages.

    Ensures: `seg_obligations_minted`. Source: `tracked_mint_seg_obligations`.
    """
    minted = dict(ledger)
    for j in range(n):
        index = frame_idx_at(start, j)
        minted[index] = minted.get(index, 0) + 1
    return minted


def redeem_seg_obligations(ledger: Obligations, start: int, n: int) -> dict[int, int]:
    """Return the ledger with one obligation less for each of `n` pages.

    Requires: each has one. Source: `tracked_redeem_seg_obligations`.
    """
    redeemed = dict(ledger)
    for j in range(n):
        index = frame_idx_at(start, j)
        if not redeemed.get(index):
            raise RequiresError(f"slot {index} has no obligation to redeem")
        redeemed[index] -= 1
        if not redeemed[index]:
            del redeemed[index]
    return redeemed


def kernel_mem_view_covers(view: MemView, start: int, end: int, max_paddr: int) -> list[str]:
    """Return which of SEG.MV.1 to SEG.MV.4 are false of a segment with the range `[start, end)`.

    SEG.MV.1: it is well-formed. SEG.MV.2: the view's mappings are disjoint. SEG.MV.3: every address
    of the linear mapping of the range translates to a frame that is there, well-formed, and Init
    at that byte. SEG.MV.4: and it translates to its own byte. Because a frame's contents must end
    strictly below the end of memory (FC.4), no view covers the last page.
    Source: `Segment::kernel_mem_view_covers`.
    """
    low, high = LINEAR_BASE + start, LINEAR_BASE + end
    met = list(view.runs(low, high))
    held = [(m, view.memory.get(m.pa_start)) for m, _, _ in met]
    frames = all(frame is not None and not frame.broken(max_paddr) for _, frame in held)
    there = view.is_initialised(low, high) and frames
    own = all(m.va_start - m.pa_start == LINEAR_BASE for m, _ in held)
    inside = all(frame is not None and m.page_size <= frame.size for m, frame in held)
    holds = {
        "SEG.MV.1": SegmentOwner(start, end).inv(max_paddr),
        "SEG.MV.2": view.mappings_are_disjoint(),
        "SEG.MV.3": there,
        "SEG.MV.4": there and own and inside,
    }
    return [clause for clause, is_true in holds.items() if not is_true]
