"""The contracts of `Segment`'s own methods, which the verified twin proves.

They ask for more than the store's: each page counted in the ledger, and mapped nowhere.
Source: vostd `Segment`, `relate_regions`.
"""

from collections.abc import Mapping
from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call
from vmstore.contracts.checklist import (
    Checklist,
    always,
    is_region_unchanged,
    ledger_moves,
    of_segment,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.segment_inv import entry_of, has_invariants, is_inv, requires_invariants
from vmstore.contracts.segments import asked_pages, halves, is_range, shared_range
from vmstore.contracts.slot_inv import region_inv, same_parked, was_region_inv
from vmstore.contracts.values import is_insert
from vmstore.outcome import NOT_ALIGNED, OUT_OF_BOUND
from vmstore.store import SegmentEntry

_PANICS: Final = "when a call may panic is one flag that nothing reads: the call returns or not"
LEFT_OUT: Final[Mapping[str, str]] = {
    "SEG.FU.PRE.2": "the closure that makes the metadata: an op names a kind and a payload",
    "SEG.FU.PRE.3": "the closure that makes the metadata: an op names a kind and a payload",
    "SEG.FU.PRE.4": _PANICS,
    "SEG.FR.POST.1": "the range that was forgotten: a store has no registry of forgotten ranges",
    "SEG.SPLIT.PRE.2": _PANICS,
    "SEG.SPLIT.PRE.3": _PANICS,
    "SEG.SLICE.PRE.2": _PANICS,
    "SEG.SLICE.PRE.3": _PANICS,
    "SEG.CLN.POST.5": "equality of segments is that of their ranges, SEG.CLN.POST.1",
    "SEG.NEXT.PRE.2": "the iterator's own range: upstream's segment is its iterator",
    "SEG.NEXT.POST.4": "the sequence of what remains: its head is SEG.NEXT.POST.2",
}

_EXACT: Final = {"ostd": "G3"}
_AT_MAX: Final = fails("AX-27")
_REGION: Final = "the region satisfies its invariant"
_INVARIANTS: Final = (
    "the segment is one of pages that are live, in the ledger, of usage Frame and mapped nowhere"
)


def _ledger_unchanged(call: Call) -> bool:
    return call.every(lambda old, new: old.obligations == new.obligations)


def _list(method: str, ops: tuple[str, ...], prefix: str) -> Checklist:
    pages = asked_pages if prefix == "SEG.FU" else of_segment
    return Checklist(prefix, f"Segment::{method}", ops, f"Segment::{method}", pages, always)


def _is_aligned(call: Call) -> bool:
    return not (call.op.start % PAGE_SIZE or call.op.end % PAGE_SIZE)


def _is_misaligned(call: Call) -> bool:
    return not _is_aligned(call)


def _is_past_memory(call: Call) -> bool:
    return _is_aligned(call) and call.op.end > call.world.max_paddr


def _was_region_inv(call: Call) -> bool:
    return was_region_inv(call, asked_pages(call) if is_range(call) else range(0))


_FU: Final = _list("from_unused", ("segment_from_unused",), "SEG.FU")

_FROM_UNUSED = (
    _FU.pre(1, "the region satisfied its invariant", _was_region_inv),
    _FU.post(1, _REGION, region_inv, _FU.returned),
    _FU.post(2, "an error leaves the ledger as it was", _ledger_unchanged, _FU.none),
    _FU.post(
        3, "a misaligned end is NotAligned", lambda c: c.outcome == NOT_ALIGNED, _is_misaligned
    ),
    _FU.post(
        4, "an aligned range past memory is OutOfBound", lambda c: c.outcome == OUT_OF_BOUND,
        _is_past_memory,
    ),
    _FU.post(
        5, "the range is the one asked for, not empty, in memory",
        lambda c: (
            c.new.segments.get(c.op.dst) == (c.op.start, c.op.end)
            and c.op.start < c.op.end <= c.world.max_paddr
        ),
    ),
    _FU.post(6, _INVARIANTS, lambda c: has_invariants(c, c.op.dst)),
    _FU.post(
        7, "one obligation more for each page, and for no other",
        lambda c: ledger_moves(c, asked_pages(c), 1),
    ),
    _FU.post(8, "every covered slot is parked", _FU.each(lambda _, n: n.parked)),
)  # fmt: skip


def _restored(call: Call) -> SegmentEntry:
    return call.new.segments.get(call.op.dst, SegmentEntry(0, 0))


_FR: Final = _list("from_raw", ("segment_from_raw",), "SEG.FR")
_IR: Final = _list("into_raw", ("segment_into_raw",), "SEG.IR")

_RAW = (
    *requires_invariants(_FR, 1, _restored),
    _FR.post(2, _INVARIANTS, lambda c: has_invariants(c, c.op.dst)),
    _FR.post(3, "the region is unchanged", is_region_unchanged),
    *requires_invariants(_IR, 1, entry_of),
    _IR.post(
        1, "what is returned is the range",
        lambda c: (c.value.get("start"), c.value.get("end")) == entry_of(c),
    ),
    _IR.post(2, "the region is unchanged", is_region_unchanged),
)  # fmt: skip

_SPLIT: Final = _list("split", ("segment_split",), "SEG.SPLIT")

_SPLITS = (
    *requires_invariants(_SPLIT, 1, entry_of),
    _SPLIT.post(1, "slots, owners and ledger unchanged", is_region_unchanged),
    _SPLIT.post(
        2, "the results are exactly the two ranges",
        lambda c: (
            (c.new.segments.get(c.op.dst_left), c.new.segments.get(c.op.dst_right)) == halves(c)
        ),
    ),
    _SPLIT.post(3, f"first half: {_INVARIANTS}", lambda c: has_invariants(c, c.op.dst_left)),
    _SPLIT.post(4, f"second half: {_INVARIANTS}", lambda c: has_invariants(c, c.op.dst_right)),
)  # fmt: skip


def _shared_range_was_free(call: Call) -> bool:
    start, end = entry_of(call)
    op = call.op
    return (
        _is_aligned(call)
        and op.start <= op.end
        and start + op.end <= end
        and all(
            call.before(index).rc < call.world.rc_max
            for index in call.pages(start + op.start, start + op.end)
        )
    )


def _made(call: Call) -> SegmentEntry:
    return call.new.segments.get(call.op.dst, SegmentEntry(-1, -1))


_SLICE: Final = _list("slice", ("segment_slice",), "SEG.SLICE")

_SLICES = (
    *requires_invariants(_SLICE, 1, entry_of),
    _SLICE.post(
        1, "the ends were aligned, in order and inside, and no covered page saturated",
        _shared_range_was_free,
    ),
    _SLICE.post(
        2, "the result is a range of pages in memory",
        lambda c: c.op.dst in c.new.segments and is_inv(c, _made(c)),
    ),
    _SLICE.post(3, "it starts there", lambda c: _made(c)[0] == shared_range(c)[0]),
    _SLICE.post(
        4, "it ends there, inside", lambda c: _made(c)[1] == shared_range(c)[1] <= entry_of(c)[1]
    ),
    _SLICE.post(5, _REGION, region_inv),
    _SLICE.post(6, "`slots` unchanged", same_parked),
    _SLICE.line(
        "POST.6/OBL", "the ledger is as it was", _ledger_unchanged, known=_EXACT
    ),
)  # fmt: skip


def _can_clone(call: Call) -> bool:
    rc_max = call.world.rc_max
    return all(
        slot.parked and slot.rc > 0 and slot.rc + 1 < rc_max
        for slot in map(call.before, of_segment(call))
    )


_CLN: Final = _list("clone", ("segment_clone",), "SEG.CLN")

_CLONES = (
    _CLN.pre(
        1, "a range of pages, the region's invariant",
        lambda c: is_inv(c, entry_of(c)) and was_region_inv(c, of_segment(c)),
    ),
    _CLN.pre(2, "every page parked and live, with room below MAX - 1", _can_clone, _AT_MAX),
    _CLN.post(
        1, "the same range, of pages in memory",
        lambda c: _made(c) == entry_of(c) and is_inv(c, _made(c)),
    ),
    _CLN.post(2, _REGION, region_inv),
    _CLN.post(3, "the ledger is as it was", _ledger_unchanged, None, _EXACT),
    _CLN.post(4, "`slots` unchanged", same_parked),
)  # fmt: skip


def _yields(call: Call) -> bool:
    return call.is_ok and "frame" not in call.value


def _yields_none(call: Call) -> bool:
    return call.is_ok and "frame" in call.value


def _moves_on(call: Call) -> bool:
    op, (start, end) = call.op, entry_of(call)
    frames = is_insert(call.old.frames, call.new.frames, op.dst)
    is_next = call.new.segments.get(op.segment) == (start + PAGE_SIZE, end)
    return frames and is_next and call.new.frames[op.dst] == start


def _nothing_left(call: Call) -> bool:
    start, end = entry_of(call)
    return start == end and call.new.segments == call.old.segments


_NEXT: Final = _list("next", ("segment_next",), "SEG.NEXT")

_NEXTS = (
    _NEXT.pre(1, "a range of pages in memory", lambda c: is_inv(c, entry_of(c))),
    *requires_invariants(_NEXT, 3, entry_of),
    _NEXT.post(1, "None: nothing remained, the range is unchanged", _nothing_left, _yields_none),
    _NEXT.post(2, "the first page becomes a frame, the range starts after it", _moves_on, _yields),
    _NEXT.post(3, _INVARIANTS, lambda c: has_invariants(c, c.op.segment), _yields),
)  # fmt: skip

_DROP: Final = _list("drop", ("segment_drop",), "SEG.DROP")

_DROPS = (
    *requires_invariants(_DROP, 1, entry_of),
    _DROP.pre(
        2, "a count of 1: storage initialised, in_list 0",
        _DROP.each_was(lambda o, _: o.rc != 1 or (o.storage and o.in_list == 0)),
    ),
    _DROP.post(1, _REGION, region_inv),
)  # fmt: skip

CLAUSES: Final = (
    *_FROM_UNUSED, *_RAW, *_SPLITS, *_SLICES, *_CLONES, *_NEXTS, *_DROPS,
)  # fmt: skip
