"""Invariants of the handle types: Frame, UniqueFrame, Segment.

They hold of every live handle of the store; most follow from the store's own invariant and name
the same break from the handle's side.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, index_to_meta
from vmstore.clauses.registry import Clause, Group, PageCase, SegmentCase

_X: Final[Group] = "extra"
_FRM: Final = "vostd Frame::inv, wf_with_region"
_UNQ: Final = "vostd UniqueFrameOwner::inv, global_inv"
_SEG: Final = "vostd Segment::inv"
_OWN: Final = "vostd SegmentOwner::inv, Segment::wf (2026-06)"
_REL: Final = "vostd Segment::relate_regions"
_DEAD: Final = "the last handle on the node of a dead table may become exclusive"
_G3: Final = {"vostd": "G3", "seed": "G3"}


def _in_memory(c: PageCase) -> bool:
    return 0 <= c.at.slot.index < c.state.world.pages


def _every(test: str) -> str:
    return f"every covered page: {test}"


def _not_empty(c: SegmentCase) -> bool:
    return c.entry.start < c.entry.end


def _ordered(c: SegmentCase) -> bool:
    start, end = c.entry
    return start % PAGE_SIZE == 0 and end % PAGE_SIZE == 0 and start <= end


def _global_inv(c: PageCase) -> bool:
    slot, owner = c.at.slot, c.at.owner
    return (
        c.state.view.page(owner) == (slot.vtable, slot.val)
        and slot.ref_count == REF_COUNT_UNIQUE
        and owner.usage in {"Frame", "PageTable"}
        and owner.obligations > 0
    )


CLAUSES: Final = (
    Clause("FRM.INV.1", "the handle's slot address is 64-aligned", _FRM, "frame", _X,
           holds=lambda c: c.at.owner.slot_vaddr % 64 == 0),
    Clause("FRM.INV.2", "the handle's slot lies in physical memory", _FRM, "frame", _X,
           holds=_in_memory),
    Clause("FRM.WF.4", "the slot's address is the one the handle computes", _FRM, "frame", _X,
           holds=lambda c: c.at.owner.slot_vaddr == index_to_meta(c.paddr // PAGE_SIZE)),
    Clause("FRM.WF.5", "the handle's slot has 0 < rc <= MAX", _FRM, "frame", _X,
           holds=lambda c: c.at.is_shared),
    Clause("UNQ.OWN.INV.1", "0 <= slot_index < MAX_NR_PAGES", _UNQ, "unique", _X,
           holds=_in_memory),
    Clause("UNQ.WF.1", "the handle's pointer is index_to_meta(slot_index)", _UNQ, "unique", _X,
           holds=lambda c: c.at.owner.slot_vaddr == index_to_meta(c.paddr // PAGE_SIZE)),
    Clause("UNQ.WFR", "rc == UNIQUE, in_list == 0, paths empty", _UNQ, "unique", _X,
           holds=lambda c: c.at.rc == REF_COUNT_UNIQUE and c.at.slot.in_list == 0
           and not c.at.owner.paths),
    Clause("UNQ.GINV'", "metadata as written, rc == UNIQUE, usage Frame (or PageTable), obligation",
           _UNQ, "unique", _X, holds=_global_inv, reason=_DEAD,
           show=lambda c: f"obligations={c.at.owner.obligations}"),
    Clause("SEG.INV.1", "start is aligned", _SEG, "segment", _X,
           holds=lambda c: c.entry.start % PAGE_SIZE == 0),
    Clause("SEG.INV.2", "end is aligned", _SEG, "segment", _X,
           holds=lambda c: c.entry.end % PAGE_SIZE == 0),
    Clause("SEG.INV.3", "start <= end", _SEG, "segment", _X,
           holds=lambda c: c.entry.start <= c.entry.end),
    Clause("SEG.INV.4", "end <= MAX_PADDR", _SEG, "segment", _X,
           holds=lambda c: c.entry.end <= c.state.world.max_paddr),
    Clause("SEG.OWN.INV", "the owner's range is aligned, ordered and inside memory", _OWN,
           "segment", _X,
           holds=lambda c: _ordered(c) and c.entry.end <= c.state.world.max_paddr),
    Clause("SEG.REL.1", _every("obligation held"), _REL, "segment", _X, when=_not_empty,
           holds=lambda c: all(p.owner.obligations >= 1 for p in c.pages()), known=_G3),
    Clause("SEG.REL.2", _every("present in slot_owners and slots"), _REL, "segment", _X,
           when=_not_empty, holds=lambda c: all(p.owner.parked for p in c.pages())
           or c.state.view.store.extracts_slots),
    Clause("SEG.REL.3", _every("slot_vaddr == index_to_meta"), _REL, "segment", _X,
           when=_not_empty,
           holds=lambda c: all(p.owner.slot_vaddr == index_to_meta(p.slot.index)
                               for p in c.pages())),
    Clause("SEG.REL.4", _every("rc > 0"), _REL, "segment", _X, when=_not_empty,
           holds=lambda c: all(p.rc > 0 for p in c.pages())),
    Clause("SEG.REL.5", _every("rc <= MAX"), _REL, "segment", _X, when=_not_empty,
           holds=lambda c: all(p.rc <= c.state.world.rc_max for p in c.pages())),
    Clause("SEG.REL.6'", _every("mapped only by references besides the cover"), _REL, "segment",
           _X, reason="a covered page may be mapped upstream (AX-28, DIF.14)",
           when=lambda c: any(p.owner.paths for p in c.pages()),
           holds=lambda c: all(p.rc >= p.owner.covers + len(p.owner.paths) for p in c.pages())),
    Clause("SEG.REL.7'", _every("usage Frame, or PageTable (dynamic)"), _REL, "segment", _X,
           when=_not_empty, reason="a dynamic handle on a node converts to a segment (AX-21)",
           holds=lambda c: all(p.owner.usage in {"Frame", "PageTable"} for p in c.pages())),
    Clause("SEG.REL.8", _every("slots are pairwise distinct"), _REL, "segment", _X,
           when=_not_empty,
           holds=lambda c: len({id(p.slot) for p in c.pages()}) == len(c.pages())),
)  # fmt: skip
