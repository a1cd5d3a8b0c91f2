"""The checklists of the store's operations on segments.

Source: vostd `segment_from_unused_embedded`, `lemma_segment_drop_embedded`,
`segment_next_embedded`, `segment_clone_embedded`.
"""

from collections.abc import Mapping
from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.contracts.call import Call
from vmstore.contracts.checklist import (
    DYNAMIC,
    Checklist,
    always,
    grew,
    is_freed,
    is_region_unchanged,
    of_segment,
    page,
    same,
    shrank,
    was_live,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.values import is_insert, is_remove, unchanged
from vmstore.outcome import Err, Ok
from vmstore.store import SegmentEntry

_ROLLED_BACK: Final = fails("AX-24")
_LAST: Final = fails("AX-07")

LEFT_OUT: Final[Mapping[str, str]] = {
    "OP.SFU.REQ.1": "the step's guard: where it does not hold the step is OP.SFU.N.1",
    "OP.SFU.ENS.11": "every slot is parked; OP.SFU.ENS.10 says it of the others",
    "OP.SD.ENS.7": "every slot is parked; OP.SD.ENS.6 says it of the others",
    "OP.SC.REQ.3": "the operation's precondition: the contract does not apply without it",
}


def asked_pages(call: Call) -> range:
    """Return the pages of the range that the op asks for."""
    return call.pages(call.op.start, call.op.end)


def is_range(call: Call) -> bool:
    """Return whether the op's range is one of pages: aligned, not empty, in memory."""
    start, end = call.op.start, call.op.end
    return not (start % PAGE_SIZE or end % PAGE_SIZE) and start < end <= call.world.max_paddr


def _is_unused(call: Call) -> bool:
    return is_range(call) and all(
        call.before(index).rc == REF_COUNT_UNUSED for index in asked_pages(call)
    )


def _only_usages_differ(call: Call) -> bool:
    return call.every(lambda old, new: old._replace(usage=new.usage) == new) and (
        unchanged(call.old, call.new)
    )


def _is_taken_or_no_range(call: Call) -> bool:
    return isinstance(call.outcome, Ok | Err) and not _is_unused(call)


def is_registered(call: Call, start: int, end: int) -> bool:
    """Return whether the one change of the registries is a fresh segment of that range."""
    old, new, dst = call.old, call.new, call.op.dst
    return (
        is_insert(old.segments, new.segments, dst)
        and new.segments[dst] == (start, end)
        and unchanged(old, new, "segments")
    )


_SFU: Final = Checklist(
    "OP.SFU", "SegmentFromUnused", ("segment_from_unused",), "segment_from_unused_embedded",
    asked_pages, _is_unused,
)  # fmt: skip

_FROM_UNUSED = (
    _SFU.req(2, "every covered slot is parked", _SFU.each_was(lambda o, _: o.parked)),
    _SFU.region_is_inv(),
    _SFU.parked_unchanged(2),
    *_SFU.universal(3),
    _SFU.ens(4, "None: slots and ledger are as they were", is_region_unchanged, _SFU.none),
    _SFU.ens_slots(5, "usage is Frame", lambda _, n: n.usage == "Frame"),
    _SFU.ens_slots(6, "the count is 1", lambda _, n: n.rc == 1),
    _SFU.ens_slots(7, "no paths", lambda _, n: not n.paths),
    _SFU.ens_slots(8, "in_list == 0", lambda _, n: n.in_list == 0),
    _SFU.ens_slots(9, "storage is initialised", lambda _, n: n.storage),
    _SFU.others_preserved(10, "uncovered slots are preserved"),
    _SFU.step(
        1, "a segment of the range under a fresh id",
        lambda c: is_registered(c, c.op.start, c.op.end),
    ),
    _SFU.no_op(
        "no range of unused pages: nothing but the usage of pages differs", _is_taken_or_no_range,
        _only_usages_differ,
    ),
    _SFU.line(
        "N.1/USAGE", "no range of unused pages: no usage differs",
        lambda c: c.every(lambda o, n: o.usage == n.usage), _is_taken_or_no_range, _ROLLED_BACK,
    ),
    _SFU.returns(succeeds=False),
)  # fmt: skip


def _is_unregistered(call: Call) -> bool:
    old, new = call.old, call.new
    gone = is_remove(old.segments, new.segments, call.op.segment)
    return gone and unchanged(old, new, "segments")


_SD: Final = Checklist(
    "OP.SD", "SegmentDrop", ("segment_drop",), "lemma_segment_drop_embedded", of_segment, always
)

_DROP = (
    _SD.req_slots(1, "every count was in 1 ..= MAX", was_live),
    _SD.req_slots(2, "every usage was Frame", lambda o, _: o.usage == "Frame", DYNAMIC),
    _SD.req_slots(3, "a count of 1 was without paths", lambda o, _: o.rc != 1 or not o.paths),
    _SD.region_is_inv(),
    _SD.parked_unchanged(2),
    _SD.ens_slots(
        3, "usage, paths, slot_vaddr and in_list unchanged",
        same("usage", "paths", "slot_vaddr", "in_list"),
    ),
    _SD.ens_slots(4, "1 becomes UNUSED", is_freed),
    _SD.ens_slots(5, "n > 1 becomes n - 1", shrank),
    _SD.others_preserved(6, "uncovered slots are preserved"),
    *_SD.universal(8, known=_LAST),
    _SD.step(1, "the segment is gone", _is_unregistered),
    _SD.returns(),
)  # fmt: skip


def splits_in_two(call: Call) -> bool:
    """Return whether the offset is page aligned and strictly inside. Source: `op_pre`."""
    start, end = call.old.segments[call.op.segment]
    offset: int = call.op.offset
    return offset % PAGE_SIZE == 0 and 0 < offset < end - start


def halves(call: Call) -> tuple[SegmentEntry, SegmentEntry]:
    """Return the ranges on both sides of the op's offset."""
    start, end = call.old.segments[call.op.segment]
    cut = start + call.op.offset
    return SegmentEntry(start, cut), SegmentEntry(cut, end)


def _are_registered(call: Call) -> bool:
    op, old, new = call.op, call.old.segments, call.new.segments
    ids = (op.dst_left, op.dst_right)
    return len({*ids, op.segment}) == 3 and (
        not old.keys() & set(ids) and tuple(new.get(sid) for sid in ids) == halves(call)
    )


def _others_stay(call: Call) -> bool:
    op = call.op
    apart = {op.segment, op.dst_left, op.dst_right}
    old, new = call.old.segments, call.new.segments
    rest = {k: v for k, v in new.items() if k not in apart}
    return rest == {k: v for k, v in old.items() if k not in apart} and (
        unchanged(call.old, call.new, "segments")
    )


def _covers_unchanged(call: Call) -> bool:
    spans = [*call.old.segments.values(), *call.new.segments.values()]
    ends = {index for start, end in spans for index in (start // PAGE_SIZE, end // PAGE_SIZE)}
    return all(call.old.covers(index) == call.new.covers(index) for index in ends)


_SSP: Final = Checklist(
    "OP.SSP", "SegmentSplit", ("segment_split",), "Segment::split", of_segment, splits_in_two
)

_SPLIT = (
    _SSP.ens(
        1, "regions and frames unchanged",
        lambda c: not c.changed and c.old.frames == c.new.frames,
    ),
    _SSP.ens(2, "the segment is gone", lambda c: c.op.segment not in c.new.segments),
    _SSP.ens(3, "both halves, each under a fresh id of its own", _are_registered),
    _SSP.ens(4, "every page has as many covers as before", _covers_unchanged),
    _SSP.step(1, "no other segment and no other registry differs", _others_stay),
    _SSP.returns(),
)  # fmt: skip


def is_not_empty(call: Call) -> bool:
    """Return whether the op's segment has a page: the store has no empty ones."""
    start, end = call.old.segments[call.op.segment]
    return start < end


def _first_page(call: Call) -> range:
    return page(call.old.segments[call.op.segment].start)


def _yields_first(call: Call) -> bool:
    old, new, dst = call.old, call.new, call.op.dst
    return is_insert(old.frames, new.frames, dst) and (
        new.frames[dst] == old.segments[call.op.segment].start
    )


def _shrinks(call: Call) -> bool:
    """An exhausted segment is gone from the store; upstream's stays, and is empty."""
    op, old, new = call.op, call.old.segments, call.new.segments
    start, end = old[op.segment]
    rest = {key: value for key, value in old.items() if key != op.segment}
    left = rest | {op.segment: (start + PAGE_SIZE, end)}
    return new == left or (start + PAGE_SIZE == end and new == rest)


_SN: Final = Checklist(
    "OP.SN", "SegmentNext", ("segment_next",), "segment_next_embedded", _first_page, is_not_empty
)

_NEXT = (
    _SN.ens(1, "every slot is preserved", lambda c: c.every(lambda o, n: o[:8] == n[:8])),
    _SN.parked_unchanged(2),
    *_SN.universal(3),
    _SN.step(1, "a frame at the old start under a fresh id", _yields_first),
    _SN.step(2, "the segment starts one page later, or is gone without pages", _shrinks),
    _SN.step(
        3, "no other registry differs", lambda c: unchanged(c.old, c.new, "frames", "segments")
    ),
    _SN.returns(),
)  # fmt: skip


def shared_range(call: Call) -> SegmentEntry:
    """Return the range that a clone or a slice covers."""
    start, end = call.old.segments[call.op.segment]
    if hasattr(call.op, "start"):
        return SegmentEntry(start + call.op.start, start + call.op.end)
    return SegmentEntry(start, end)


def _shared_pages(call: Call) -> range:
    return call.pages(*shared_range(call))


def _can_share(call: Call) -> bool:
    start, end = call.old.segments[call.op.segment]
    if hasattr(call.op, "start"):
        first, last = call.op.start, call.op.end
        if first % PAGE_SIZE or last % PAGE_SIZE or not first < last <= end - start:
            return False
    return all(call.before(index).rc < call.world.rc_max for index in _shared_pages(call))


_SC: Final = Checklist(
    "OP.SC", "SegmentClone, SegmentSlice", ("segment_clone", "segment_slice"),
    "segment_clone_embedded", _shared_pages, _can_share,
)  # fmt: skip

_SHARE = (
    _SC.req_slots(1, "every usage was Frame", lambda o, _: o.usage == "Frame", DYNAMIC),
    _SC.req_slots(2, "every count was at least 1", lambda o, _: o.rc >= 1),
    _SC.region_is_inv(),
    _SC.parked_unchanged(2),
    _SC.ens_slots(3, "every count grew by one", grew),
    _SC.ens_slots(
        4, "usage, slot_vaddr, paths, in_list, storage and vtable unchanged",
        same("usage", "slot_vaddr", "paths", "in_list", "storage", "vtable"),
    ),
    _SC.others_preserved(5, "uncovered slots are preserved"),
    *_SC.universal(6),
    _SC.step(
        1, "a segment of the range under a fresh id, the old one stays",
        lambda c: is_registered(c, *shared_range(c)),
    ),
    _SC.returns(),
)  # fmt: skip

CLAUSES: Final = (*_FROM_UNUSED, *_DROP, *_SPLIT, *_NEXT, *_SHARE)
