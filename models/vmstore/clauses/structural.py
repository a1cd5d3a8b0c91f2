"""`structural_inv`: everything of the store's invariant but the equation."""

from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.clauses.registry import Clause, Group, PageCase, SegmentCase, SlotCase

_SRC: Final = "vostd VmStore::structural_inv"
_I: Final[Group] = "invariants"
_LISTS: Final = "upstream tags listed frames; the store of the proof has no lists"
_DYN: Final = "from_in_use gives dynamic handles on page-table nodes (AX-21)"
_EMPTY: Final = "empty segments are legal values upstream (AX-29)"


def _listed_tag(c: SlotCase) -> bool:
    held = c.state.view.linked.get(c.slot.index)
    return c.slot.in_list == (held.list_id if held is not None else 0)


def _show_tag(c: SlotCase) -> str:
    held = c.state.view.linked.get(c.slot.index)
    where = f"an element of the list with id {held.list_id}" if held else "in no list"
    return f"in_list={c.slot.in_list}, but the page is {where}"


def _has_slot(c: PageCase) -> bool:
    return c.paddr % PAGE_SIZE == 0 and 0 <= c.paddr < c.state.world.max_paddr


def _data_or_node(c: SlotCase) -> bool:
    return c.owner.usage in {"Frame", "PageTable"}


def _alone(c: PageCase) -> bool:
    return c.at.owner.uniques == 1


def _all_data(c: SegmentCase) -> bool:
    return all(_data_or_node(page) for page in c.pages())


CLAUSES: Final = (
    Clause("STRUCT.02", "every slot is parked, or a live page-table node", _SRC, "slot", _I,
           holds=lambda c: c.owner.parked
           or (c.owner.usage == "PageTable" and c.rc != REF_COUNT_UNUSED)
           or (c.state.view.store.extracts_slots and c.rc != REF_COUNT_UNUSED)),
    Clause("STRUCT.03'", "in_list is the id of the list that holds the page, 0 outside of lists",
           _SRC, "slot", _I, holds=_listed_tag, show=_show_tag, reason=_LISTS,
           when=lambda c: c.slot.in_list != 0 or c.slot.index in c.state.view.linked),
    Clause("STRUCT.12", "every frame handle has valid_frame_paddr(paddr)", _SRC, "frame", _I,
           holds=_has_slot),
    Clause("STRUCT.13'", "every frame handle's slot has usage Frame, or PageTable (dynamic handle)",
           _SRC, "frame", _I, holds=lambda c: _data_or_node(c.at), reason=_DYN),
    Clause("STRUCT.14a", "segment start % 4096 == 0", _SRC, "segment", _I,
           holds=lambda c: c.entry.start % PAGE_SIZE == 0),
    Clause("STRUCT.14b", "segment end % 4096 == 0", _SRC, "segment", _I,
           holds=lambda c: c.entry.end % PAGE_SIZE == 0),
    Clause("STRUCT.14c'", "segment start <= end", _SRC, "segment", _I,
           holds=lambda c: c.entry.start <= c.entry.end, reason=_EMPTY),
    Clause("STRUCT.14d", "segment end <= MAX_PADDR", _SRC, "segment", _I,
           holds=lambda c: c.entry.end <= c.state.world.max_paddr),
    Clause("STRUCT.15'", "every page of every segment has usage Frame, or PageTable (dynamic)",
           _SRC, "segment", _I, holds=_all_data, reason=_DYN,
           when=lambda c: c.entry.start < c.entry.end),
    Clause("STRUCT.16", "every unique handle has valid_frame_paddr(paddr)", _SRC, "unique", _I,
           holds=_has_slot),
    Clause("STRUCT.17a'", "every unique handle's slot has usage Frame, or PageTable (dynamic)",
           _SRC, "unique", _I, holds=lambda c: _data_or_node(c.at), reason=_DYN),
    Clause("STRUCT.17b", "every unique handle's slot has rc == UNIQUE", _SRC, "unique", _I,
           holds=lambda c: c.at.rc == REF_COUNT_UNIQUE),
    Clause("STRUCT.17c", "every unique handle's slot has in_list == 0", _SRC, "unique", _I,
           holds=lambda c: c.at.slot.in_list == 0),
    Clause("STRUCT.17d", "every unique handle's slot has empty paths", _SRC, "unique", _I,
           holds=lambda c: not c.at.owner.paths),
    Clause("STRUCT.18", "two unique handles with equal paddr are the same handle", _SRC, "unique",
           _I, holds=_alone, show=lambda c: f"{c.at.owner.uniques} exclusive handles on one page"),
)  # fmt: skip
