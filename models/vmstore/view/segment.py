"""Rules of the ops on segments."""

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import UNTYPED_KINDS
from vmstore.ops.segment import (
    SegmentClone,
    SegmentDowncast,
    SegmentDrop,
    SegmentFromFrame,
    SegmentFromRaw,
    SegmentFromUnused,
    SegmentInfo,
    SegmentIntoRaw,
    SegmentNext,
    SegmentSlice,
    SegmentSplit,
    SegmentToUsegment,
)
from vmstore.outcome import (
    NOT_ALIGNED,
    NOT_UNTYPED,
    OK,
    OUT_OF_BOUND,
    WRONG_TYPE,
    Err,
    Ok,
    Outcome,
    Panic,
    returns,
)
from vmstore.store import SegmentEntry
from vmstore.view.frame import SATURATED, lose_reference
from vmstore.view.state import View

RANGE_EMPTY = Panic("range-empty")
OFFSET_UNALIGNED = Panic("offset-unaligned")
OFFSET_OUT_OF_BOUND = Panic("offset-out-of-bound")
SUM_OVERFLOWS = Panic("overflow")
FOREIGN_PAGE_PAST_MEMORY = Panic("paddr-out-of-bound")
EXHAUSTED = Ok({"frame": None})


def segment_from_unused(v: View, op: SegmentFromUnused, out: Outcome) -> Outcome | None:
    """Succeeds iff the range is legal and nobody refers to any of its pages: C = 1 on each."""
    allowed, taken = _claimable(v, op)
    if out is not allowed and out != allowed:
        return allowed
    for index in taken:
        v.claim(index, op.meta, (op.val + index) & U64_MASK)
    if allowed is OK:
        v.store.insert_segment(op.dst, op.start, op.end)
        return None
    for index in taken:
        owner = v.store.owner(index)
        if v.rolls_back:
            v.store.touch(owner)
            v.retire(owner)
        else:
            lose_reference(v, owner)
    return None


def _claimable(v: View, op: SegmentFromUnused) -> tuple[Outcome, range]:
    """Return the allowed outcome and the pages that are claimed, if only for a moment."""
    nothing = range(0)
    if op.start % PAGE_SIZE or op.end % PAGE_SIZE:
        return NOT_ALIGNED, nothing
    bound = v.max_paddr if v.top_page_accepted else v.max_paddr - PAGE_SIZE
    if op.end > bound:
        return OUT_OF_BOUND, nothing
    if op.start >= op.end:
        return RANGE_EMPTY, nothing
    first, last = op.start // PAGE_SIZE, op.end // PAGE_SIZE
    for index in range(first, last):
        error = v.claim_error(index * PAGE_SIZE)
        if error is not None:
            return error, range(first, index)
    return OK, range(first, last)


def segment_info(v: View, op: SegmentInfo, out: Outcome) -> Outcome | None:
    """Returns start and size; nothing changes."""
    start, end = v.store.segments[op.segment]
    value: dict[str, object] = {"paddr": start, "size": end - start}
    return None if returns(out, value) else Ok(value)


def segment_split(v: View, op: SegmentSplit, out: Outcome) -> Outcome | None:
    """Succeeds iff `offset` is aligned and strictly inside; C stays. Else the segment goes."""
    start, end = v.store.segments[op.segment]
    allowed: Outcome = OK
    if op.offset % PAGE_SIZE:
        allowed = OFFSET_UNALIGNED
    elif not 0 < op.offset < end - start:
        allowed = OFFSET_OUT_OF_BOUND
    if out is not allowed and out != allowed:
        return allowed
    if allowed is not OK:
        _release(v, v.store.extract_segment(op.segment))
        return None
    cut = start + op.offset
    exact = v.store.ledger_is_exact
    v.store.extract_segment(op.segment, redeemed=exact)
    v.store.insert_segment(op.dst_left, start, cut, minted=exact)
    v.store.insert_segment(op.dst_right, cut, end, minted=exact)
    return None


def segment_slice(v: View, op: SegmentSlice, out: Outcome) -> Outcome | None:
    """Succeeds iff the offsets are aligned, ordered and inside: C + 1 on each covered page."""
    if op.start % PAGE_SIZE or op.end % PAGE_SIZE:
        return None if out == OFFSET_UNALIGNED else OFFSET_UNALIGNED
    parent = v.store.segments[op.segment]
    start, end = parent.start + op.start, parent.start + op.end
    refused: Panic | None = None
    if v.slice_checks_offsets:
        if not op.start <= op.end <= parent.end - parent.start:
            refused = OFFSET_OUT_OF_BOUND
    elif v.debug and (start > U64_MASK or end > U64_MASK):
        refused = SUM_OVERFLOWS
    else:
        start, end = start & U64_MASK, end & U64_MASK
        if not start <= end <= parent.end:
            refused = OFFSET_OUT_OF_BOUND
    if refused is not None:
        return None if out == refused else refused
    return _share(v, op.dst, start, end, out)


def segment_clone(v: View, op: SegmentClone, out: Outcome) -> Outcome | None:
    """Succeeds unless a page is saturated: C + 1 on every page."""
    start, end = v.store.segments[op.segment]
    return _share(v, op.dst, start, end, out)


def _share(v: View, dst: int, start: int, end: int, out: Outcome) -> Outcome | None:
    """Add one cover to each page of the range, ascending; the first saturated one aborts."""
    first, last = start // PAGE_SIZE, end // PAGE_SIZE
    for index in range(first, last):
        owner = v.store.owner(index)
        if owner.uniques or not 0 < owner.references() < v.rc_max:
            if out != SATURATED:
                return SATURATED
            for counted in range(first, index + 1):
                lose_reference(v, v.store.owner(counted))
            return None
    if out is not OK:
        return OK
    v.store.insert_segment(dst, start, end, minted=False)
    return None


def segment_next(v: View, op: SegmentNext, out: Outcome) -> Outcome | None:
    """Yields the first page: C - 1, H + 1 there; None past the end."""
    start, end = v.store.segments[op.segment]
    if start >= end:
        return None if out == EXHAUSTED else EXHAUSTED
    if out is not OK:
        return OK
    v.store.shrink_front(op.segment, op.dst)
    return None


def segment_drop(v: View, op: SegmentDrop, out: Outcome) -> Outcome | None:
    """Always succeeds: C - 1 on every page, ascending; pages without reference go."""
    if out is not OK:
        return OK
    _release(v, v.store.extract_segment(op.segment))
    return None


def _release(v: View, entry: SegmentEntry) -> None:
    for index in range(entry.start // PAGE_SIZE, entry.end // PAGE_SIZE):
        v.retire_if_last(v.store.owner(index))


def segment_from_frame(v: View, op: SegmentFromFrame, out: Outcome) -> Outcome | None:
    """Always succeeds: H - 1, C + 1; the frame's obligation becomes the segment's."""
    if out is not OK:
        return OK
    start = v.store.extract_frame(op.frame).index * PAGE_SIZE
    v.store.insert_segment(op.dst, start, start + PAGE_SIZE)
    return None


def segment_into_raw(v: View, op: SegmentIntoRaw, out: Outcome) -> Outcome | None:
    """Always succeeds: the segment is forgotten, C stays."""
    start, end = v.store.segments[op.segment]
    value: dict[str, object] = {"start": start, "end": end}
    if not returns(out, value):
        return Ok(value)
    v.store.forget_segment(op.segment, op.dst)
    return None


def segment_from_raw(v: View, op: SegmentFromRaw, out: Outcome) -> Outcome | None:
    """Always succeeds: the segment is back, C stays."""
    if out is not OK:
        return OK
    v.store.restore_segment(op.raw_segment, op.dst)
    return None


def segment_downcast(v: View, op: SegmentDowncast, out: Outcome) -> Outcome | None:
    """Succeeds iff the first page carries that kind; an empty segment owns no page to ask."""
    entry = v.store.segments[op.segment]
    if entry.start == entry.end:
        return _foreign(v, entry, out, WRONG_TYPE)
    kind, _ = v.page(v.store.owner_at(entry.start))
    allowed = OK if kind == op.meta else WRONG_TYPE
    return None if out is allowed else allowed


def segment_to_usegment(v: View, op: SegmentToUsegment, out: Outcome) -> Outcome | None:
    """Succeeds iff the first page is untyped; an empty segment owns no page to ask."""
    entry = v.store.segments[op.segment]
    if entry.start == entry.end:
        return _foreign(v, entry, out, NOT_UNTYPED)
    kind, _ = v.page(v.store.owner_at(entry.start))
    allowed = OK if kind in UNTYPED_KINDS else NOT_UNTYPED
    return None if out is allowed else allowed


def _foreign(v: View, entry: SegmentEntry, out: Outcome, error: Err) -> Outcome | None:
    """Either answer is allowed: it depends on a page that the segment does not own (K2)."""
    if entry.start >= v.max_paddr and v.asserts:
        return None if out == FOREIGN_PAGE_PAST_MEMORY else FOREIGN_PAGE_PAST_MEMORY
    return None if out in (OK, error) else error
