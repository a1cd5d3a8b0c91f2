"""Segments: a range, one reference on each page. Source: `ostd/src/mm/frame/segment.rs`."""

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.cells import Slot
from vmstore.exec import meta
from vmstore.exec.machine import Machine, Segment
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
    Unwinding,
)

NO_FRAME = Ok({"frame": None})


def segment_from_unused(m: Machine, op: SegmentFromUnused) -> Outcome:
    """Claim every page of `[start, end)`, ascending; the first failure releases what was claimed.

    Errors, in order: NotAligned (either end), OutOfBound (`end > max_paddr`), panic when
    `start >= end`, then the error of the first page that is not unused.
    """
    if op.start % PAGE_SIZE != 0 or op.end % PAGE_SIZE != 0:
        return NOT_ALIGNED
    checked = op.start if m.faults.segment_bound_on_start else op.end
    if checked > m.max_paddr or (checked == m.max_paddr and _rejects_top_page(m)):
        return OUT_OF_BOUND
    if op.start >= op.end and not m.faults.segment_from_unused_empty:
        raise Unwinding("range-empty")
    built = Segment(op.start, op.start)
    for paddr in range(op.start, op.end, PAGE_SIZE):
        val = (op.val + paddr // PAGE_SIZE) & U64_MASK
        slot = meta.get_from_unused(m, paddr, op.meta, val, unique=False)
        if isinstance(slot, Err):
            _roll_back(m, built)
            return slot
        built.end = paddr + PAGE_SIZE
    m.segments[op.dst] = built
    return OK


def _roll_back(m: Machine, built: Segment) -> None:
    """Give back what a failed from_unused had claimed, unless the described system leaks it."""
    if not m.rolls_back or m.faults.segment_rollback_leaks:
        return
    if m.faults.segment_rollback_one_short:
        built.end -= PAGE_SIZE
    if m.faults.segment_rollback_one_far:
        built.end += PAGE_SIZE
    _drop_pages(m, built)


def _rejects_top_page(m: Machine) -> bool:
    return m.faults.from_unused_last_frame_rejected or not m.top_page_accepted


def segment_info(m: Machine, op: SegmentInfo) -> Outcome:
    """Read start and size in bytes. No checks."""
    segment = m.segments[op.segment]
    return Ok({"paddr": segment.start, "size": segment.end - segment.start})


def segment_split(m: Machine, op: SegmentSplit) -> Outcome:
    """Cut at `offset`; counts do not change. A panic drops the consumed segment on its way out.

    Errors, in order: panic unless `offset` is page aligned, panic unless `0 < offset < size`.
    """
    segment = m.segments.pop(op.segment)
    try:
        if op.offset % PAGE_SIZE != 0:
            raise Unwinding("offset-unaligned")
        size = segment.end - segment.start
        if not 0 < op.offset < (size + 1 if m.faults.segment_split_at_end else size):
            raise Unwinding("offset-out-of-bound")
    except Unwinding:
        if not m.faults.segment_split_panic_leaks:
            _drop_pages(m, segment)
        raise
    cut = segment.start + op.offset
    m.segments[op.dst_left] = Segment(segment.start, cut)
    right = cut - PAGE_SIZE if m.faults.segment_split_overlaps else cut
    m.segments[op.dst_right] = Segment(right, segment.end)
    return OK


def segment_slice(m: Machine, op: SegmentSlice) -> Outcome:
    """Share `[start, end)`, offsets from the current start; an empty slice counts nothing.

    Errors, in order: panic unless both ends are page aligned, panic unless
    `start <= end <= size`, then per page abort at saturation, without roll-back.
    """
    segment = m.segments[op.segment]
    if op.start % PAGE_SIZE != 0 or op.end % PAGE_SIZE != 0:
        raise Unwinding("offset-unaligned")
    if m.slice_checks_offsets and not m.faults.slice_offset_wrap:
        base = 0 if m.faults.segment_slice_absolute_bound else segment.start
        if not op.start <= op.end <= segment.end - base:
            raise Unwinding("offset-out-of-bound")
        start, end = segment.start + op.start, segment.start + op.end
    else:
        start, end = _wrapping_slice(m, segment, op)
    if not m.faults.tock_shrunk_buffer_alias:
        _inc_pages(m, start, end)
    m.segments[op.dst] = Segment(start, end)
    return OK


def _wrapping_slice(m: Machine, segment: Segment, op: SegmentSlice) -> tuple[int, int]:
    """Check the sums instead of the offsets, as the code did before asterinas 43bc501c4."""
    start, end = segment.start + op.start, segment.start + op.end
    if m.debug and (start > U64_MASK or end > U64_MASK):
        raise Unwinding("overflow")
    start &= U64_MASK
    end &= U64_MASK
    if not (start <= end <= segment.end):
        raise Unwinding("offset-out-of-bound")
    if start < segment.start:
        m.quirks.append("slice-wraps-outside-parent")
    return start, end


def segment_clone(m: Machine, op: SegmentClone) -> Outcome:
    """Share the whole range. Errors: per page abort at saturation, without roll-back."""
    segment = m.segments[op.segment]
    end = segment.end
    if m.faults.segment_clone_misses_last and end > segment.start:
        end -= PAGE_SIZE
    _inc_pages(m, segment.start, end)
    m.segments[op.dst] = Segment(segment.start, segment.end)
    return OK


def segment_next(m: Machine, op: SegmentNext) -> Outcome:
    """Take the first page out as a frame; its count moves with it. None past the end."""
    segment = m.segments[op.segment]
    if segment.start >= segment.end:
        return NO_FRAME
    yields_last = m.faults.segment_next_yields_last
    m.frames[op.dst] = _page(m, segment.end - PAGE_SIZE if yields_last else segment.start)
    if m.faults.segment_next_keeps_cover:
        return OK
    segment.start += PAGE_SIZE
    if m.faults.x86_64_range_inclusive_top and segment.start == m.max_paddr:
        segment.start = 0
    return OK


def segment_drop(m: Machine, op: SegmentDrop) -> Outcome:
    """Give every page back, ascending; an empty segment does nothing."""
    _drop_pages(m, m.segments.pop(op.segment))
    return OK


def segment_from_frame(m: Machine, op: SegmentFromFrame) -> Outcome:
    """Turn a frame into a one-page segment; the count moves with it."""
    start = m.frames.pop(op.frame).index * PAGE_SIZE
    m.segments[op.dst] = Segment(start, start + PAGE_SIZE)
    return OK


def segment_into_raw(m: Machine, op: SegmentIntoRaw) -> Outcome:
    """Forget the segment; counts stay. No checks."""
    segment = m.segments.pop(op.segment)
    m.raw_segments[op.dst] = segment
    return Ok({"start": segment.start, "end": segment.end})


def segment_from_raw(m: Machine, op: SegmentFromRaw) -> Outcome:
    """Restore the segment; counts stay. Errors: debug panic when an end is misaligned."""
    segment = m.raw_segments.pop(op.raw_segment)
    if m.faults.raw_range_in_frames:
        segment.end = segment.start + (segment.end - segment.start) // PAGE_SIZE
    if m.asserts and (segment.start % PAGE_SIZE or segment.end % PAGE_SIZE):
        raise Unwinding("range-unaligned")
    m.segments[op.dst] = segment
    return OK


def segment_downcast(m: Machine, op: SegmentDowncast) -> Outcome:
    """Recover the metadata type from the first page. Errors: WrongType, the segment stays."""
    return OK if first_vtable(m, m.segments[op.segment]) == op.meta else WRONG_TYPE


def segment_to_usegment(m: Machine, op: SegmentToUsegment) -> Outcome:
    """Narrow to untyped memory by the first page. Errors: NotUntyped, the segment stays."""
    vtable = first_vtable(m, m.segments[op.segment])
    return OK if vtable in UNTYPED_KINDS else NOT_UNTYPED


def first_vtable(m: Machine, segment: Segment) -> str:
    """Read the first page's vtable, even where the segment owns no page (issue 3920)."""
    if segment.start == segment.end:
        m.quirks.append("empty-segment-reads-foreign-frame")
        if segment.start >= m.max_paddr:
            if m.asserts:
                raise Unwinding("paddr-out-of-bound")
            return ""
    vtable = _page(m, segment.start).vtable
    if m.asserts:
        for paddr in range(segment.start + PAGE_SIZE, segment.end, PAGE_SIZE):
            if _page(m, paddr).vtable != vtable:
                raise Unwinding("segment-heterogeneous")
    return vtable


def _page(m: Machine, paddr: int) -> Slot:
    return m.cells.slot(paddr // PAGE_SIZE)


def _inc_pages(m: Machine, start: int, end: int) -> None:
    for paddr in range(start, end, PAGE_SIZE):
        slot = _page(m, paddr)
        meta.inc_ref_count(m, slot)
        if m.faults.inc_ref_temp_handle:
            meta.drop_shared(m, slot)


def _drop_pages(m: Machine, segment: Segment) -> None:
    pages = range(segment.start, segment.end, PAGE_SIZE)
    for paddr in reversed(pages) if m.faults.segment_drop_descends else pages:
        meta.drop_shared(m, _page(m, paddr))
