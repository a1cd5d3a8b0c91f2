"""What the proof of `Segment` says of a segment: `Segment::invariants`, over values.

Source: vostd `Segment::inv`, `relate_regions`.
"""

from collections.abc import Callable
from typing import Final

from vmstore.arch import PAGE_SIZE, index_to_meta
from vmstore.contracts.call import Call
from vmstore.contracts.checklist import DYNAMIC, Checklist
from vmstore.contracts.registry import ContractClause, Known, fails
from vmstore.contracts.slot_inv import region_inv, was_region_inv
from vmstore.contracts.values import SlotValue, StoreValue
from vmstore.store import SegmentEntry

Entry = Callable[[Call], SegmentEntry]
Conjunct = Callable[[SlotValue], bool]

_LITERAL: Final = {"vostd": "G3", "seed": "G3"}
_MAPPED: Final = fails("AX-28")


def entry_of(call: Call) -> SegmentEntry:
    """Return the range of the op's segment."""
    return call.old.segments[call.op.segment]


def is_inv(call: Call, entry: SegmentEntry) -> bool:
    """Return `Segment::inv`: a range of pages in memory, perhaps an empty one."""
    start, end = entry
    return not (start % PAGE_SIZE or end % PAGE_SIZE) and start <= end <= call.world.max_paddr


def _are_live(call: Call, store: StoreValue, entry: SegmentEntry) -> bool:
    """Return what `relate_regions` says of slots: parked, in their places, shared."""
    return all(
        slot.parked
        and slot.slot_vaddr == index_to_meta(index)
        and 1 <= slot.rc <= call.world.rc_max
        for index, slot in ((index, store.slots[index]) for index in call.pages(*entry))
    )


def _is_owed(slot: SlotValue) -> bool:
    return slot.obligations >= 1


def _is_unmapped(slot: SlotValue) -> bool:
    return not slot.paths


def _is_frame(slot: SlotValue) -> bool:
    return slot.usage == "Frame"


def _each(call: Call, store: StoreValue, entry: SegmentEntry, conjunct: Conjunct) -> bool:
    return all(conjunct(store.slots[index]) for index in call.pages(*entry))


def has_invariants(call: Call, segment: int) -> bool:
    """Return whether a segment satisfies `Segment::invariants` after the call."""
    entry = call.new.segments.get(segment)
    return (
        entry is not None
        and is_inv(call, entry)
        and region_inv(call)
        and _are_live(call, call.new, entry)
        and all(_each(call, call.new, entry, c) for c in (_is_owed, _is_unmapped, _is_frame))
    )


def requires_invariants(
    methods: Checklist, number: int, entry: Entry
) -> tuple[ContractClause, ...]:
    """Return the line that a segment satisfied `Segment::invariants`.

    Three conjuncts, which upstream's own segments break, are lines of their own.
    """

    def is_sound(call: Call) -> bool:
        found = entry(call)
        return (
            is_inv(call, found)
            and was_region_inv(call, call.pages(*found))
            and _are_live(call, call.old, found)
        )

    def each(suffix: int, text: str, conjunct: Conjunct, known: Known) -> ContractClause:
        return methods.line(
            f"PRE.{number}/REL.{suffix}", text,
            lambda call: _each(call, call.old, entry(call), conjunct), known=known,
        )  # fmt: skip

    return (
        methods.pre(number, "a range of pages of live slots, the region's invariant", is_sound),
        each(1, "every page has an obligation", _is_owed, _LITERAL),
        each(6, "no page is mapped", _is_unmapped, _MAPPED),
        each(7, "every usage is Frame", _is_frame, DYNAMIC),
    )
