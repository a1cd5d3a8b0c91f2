"""Shared frame handles. Source: `ostd/src/mm/frame/mod.rs`, `frame_ref.rs`."""

from vmstore.arch import PAGE_SIZE
from vmstore.exec import meta
from vmstore.exec.machine import Machine
from vmstore.ids import UNTYPED_KINDS
from vmstore.ops.frame import (
    FrameBorrow,
    FrameClone,
    FrameDowncast,
    FrameDrop,
    FrameEq,
    FrameFromInUse,
    FrameFromRaw,
    FrameFromUnused,
    FrameInfo,
    FrameIntoRaw,
    FrameReferenceCount,
    FrameToUframe,
)
from vmstore.outcome import NOT_UNTYPED, OK, WRONG_TYPE, Err, Ok, Outcome


def frame_from_unused(m: Machine, op: FrameFromUnused) -> Outcome:
    """Claim an unused page. Errors, in order: NotAligned, OutOfBound, Unique, Busy, InUse."""
    slot = meta.get_from_unused(m, op.paddr, op.meta, op.val, unique=False)
    if isinstance(slot, Err):
        return slot
    m.frames[op.dst] = slot
    return OK


def frame_from_in_use(m: Machine, op: FrameFromInUse) -> Outcome:
    """Take a handle on a live page.

    Errors, in order: NotAligned, OutOfBound, Unused, Unique, Busy; aborts at saturation.
    """
    slot = meta.get_from_in_use(m, op.paddr)
    if isinstance(slot, Err):
        return slot
    m.frames[op.dst] = slot
    return OK


def frame_clone(m: Machine, op: FrameClone) -> Outcome:
    """Take one more handle. Errors: abort at saturation."""
    slot = m.frames[op.frame]
    if not m.faults.nyx_missing_incref:
        meta.inc_ref_count(m, slot)
    m.frames[op.dst] = slot
    return OK


def frame_drop(m: Machine, op: FrameDrop) -> Outcome:
    """Give the handle back; with the last reference the page is freed."""
    meta.drop_shared(m, m.frames.pop(op.frame))
    return OK


def frame_into_raw(m: Machine, op: FrameIntoRaw) -> Outcome:
    """Forget the handle; the count stays. No checks."""
    slot = m.frames.pop(op.frame)
    if m.faults.into_raw_drops:
        meta.drop_shared(m, slot)
    m.raws[op.dst] = slot
    return Ok({"paddr": slot.index * PAGE_SIZE})


def frame_from_raw(m: Machine, op: FrameFromRaw) -> Outcome:
    """Restore the handle; the count stays."""
    slot = m.raws.pop(op.raw)
    if m.faults.from_raw_counts_again:
        meta.inc_ref_count(m, slot)
    m.frames[op.dst] = slot
    return OK


def frame_reference_count(m: Machine, op: FrameReferenceCount) -> Outcome:
    """Read the count. Errors: debug panic when it is saturated."""
    return Ok({"rc": meta.reference_count(m, m.frames[op.frame])})


def frame_info(m: Machine, op: FrameInfo) -> Outcome:
    """Read address, size, level and metadata. No checks."""
    slot = m.frames[op.frame]
    return Ok(
        {
            "paddr": slot.index * PAGE_SIZE,
            "size": PAGE_SIZE,
            "level": 1,
            "meta": slot.vtable,
            "val": slot.val,
            "untyped": slot.vtable in UNTYPED_KINDS,
        }
    )


def frame_borrow(m: Machine, op: FrameBorrow) -> Outcome:
    """Read through a `FrameRef`, which counts nothing. Errors: as `frame_reference_count`."""
    slot = m.frames[op.frame]
    return Ok({"paddr": slot.index * PAGE_SIZE, "rc": meta.reference_count(m, slot)})


def frame_eq(m: Machine, op: FrameEq) -> Outcome:
    """Compare by address. No checks."""
    return Ok({"eq": m.frames[op.frame] is m.frames[op.other]})


def frame_downcast(m: Machine, op: FrameDowncast) -> Outcome:
    """Recover the metadata type. Errors: WrongType, the handle stays."""
    if m.frames[op.frame].vtable == op.meta or m.faults.downcast_unchecked:
        return OK
    return WRONG_TYPE


def frame_to_uframe(m: Machine, op: FrameToUframe) -> Outcome:
    """Narrow to untyped memory. Errors: NotUntyped, the handle stays."""
    return OK if m.frames[op.frame].vtable in UNTYPED_KINDS else NOT_UNTYPED
