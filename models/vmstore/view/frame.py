"""Rules of the ops on shared frames."""

from vmstore.arch import PAGE_SIZE
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
from vmstore.outcome import NOT_UNTYPED, OK, WRONG_TYPE, Abort, Ok, Outcome, Panic, returns
from vmstore.owner import SlotOwner
from vmstore.view.state import View

SATURATED = Abort("ref-count-saturated")
SATURATED_READ = Panic("ref-count-saturated")


def frame_from_unused(v: View, op: FrameFromUnused, out: Outcome) -> Outcome | None:
    """Succeeds iff nobody refers to the page: 0 becomes one handle."""
    error = v.claim_error(op.paddr)
    if error is not None:
        return None if out is error else error
    if out is not OK:
        return OK
    v.claim(op.paddr // PAGE_SIZE, op.meta, op.val)
    v.store.insert_frame(op.dst, op.paddr)
    return None


def frame_from_in_use(v: View, op: FrameFromInUse, out: Outcome) -> Outcome | None:
    """Succeeds iff the page is shared and not saturated: H + 1."""
    error = v.share_error(op.paddr)
    if error is not None:
        return None if out is error else error
    if v.store.owner_at(op.paddr).references() >= v.rc_max:
        return None if out == SATURATED else SATURATED
    if out is not OK:
        return OK
    v.store.insert_frame(op.dst, op.paddr)
    return None


def frame_clone(v: View, op: FrameClone, out: Outcome) -> Outcome | None:
    """Succeeds unless saturated: H + 1. At saturation the added reference is lost."""
    paddr = v.store.frames[op.frame]
    owner = v.store.owner_at(paddr)
    if owner.references() >= v.rc_max:
        if out != SATURATED:
            return SATURATED
        lose_reference(v, owner)
        return None
    if out is not OK:
        return OK
    v.store.insert_frame(op.dst, paddr)
    return None


def lose_reference(v: View, owner: SlotOwner) -> None:
    """Record a reference that was counted although the call never returned it."""
    owner.leaked += 1
    v.store.touch(owner)


def frame_drop(v: View, op: FrameDrop, out: Outcome) -> Outcome | None:
    """Always succeeds: H - 1, and the page goes when that was the last reference."""
    if out is not OK:
        return OK
    v.retire_if_last(v.store.extract_frame(op.frame))
    return None


def frame_into_raw(v: View, op: FrameIntoRaw, out: Outcome) -> Outcome | None:
    """Always succeeds: the handle is forgotten, H stays."""
    value: dict[str, object] = {"paddr": v.store.frames[op.frame]}
    if not returns(out, value):
        return Ok(value)
    v.store.forget_frame(op.frame, op.dst)
    return None


def frame_from_raw(v: View, op: FrameFromRaw, out: Outcome) -> Outcome | None:
    """Always succeeds: the handle is back, H stays."""
    if out is not OK:
        return OK
    v.store.restore_frame(op.raw, op.dst)
    return None


def frame_reference_count(v: View, op: FrameReferenceCount, out: Outcome) -> Outcome | None:
    """Returns H + P + C + D; a checked build panics at saturation."""
    count = v.store.owner_at(v.store.frames[op.frame]).references()
    return _count_read(v, count, {"rc": count}, out)


def frame_info(v: View, op: FrameInfo, out: Outcome) -> Outcome | None:
    """Returns the page's address and metadata; nothing changes."""
    owner = v.store.owner_at(v.store.frames[op.frame])
    kind, val = v.page(owner)
    shown: dict[str, object] = {
        "paddr": owner.index * PAGE_SIZE,
        "size": PAGE_SIZE,
        "level": 1,
        "meta": kind,
        "val": val,
        "untyped": kind in UNTYPED_KINDS,
    }
    return None if returns(out, shown) else Ok(shown)


def frame_borrow(v: View, op: FrameBorrow, out: Outcome) -> Outcome | None:
    """Returns address and count; nothing changes."""
    paddr = v.store.frames[op.frame]
    count = v.store.owner_at(paddr).references()
    return _count_read(v, count, {"paddr": paddr, "rc": count}, out)


def frame_eq(v: View, op: FrameEq, out: Outcome) -> Outcome | None:
    """True iff both handles name the same page."""
    value: dict[str, object] = {"eq": v.store.frames[op.frame] == v.store.frames[op.other]}
    return None if returns(out, value) else Ok(value)


def frame_downcast(v: View, op: FrameDowncast, out: Outcome) -> Outcome | None:
    """Succeeds iff the page carries exactly that metadata kind; nothing changes."""
    kind, _ = v.page(v.store.owner_at(v.store.frames[op.frame]))
    allowed = OK if kind == op.meta else WRONG_TYPE
    return None if out is allowed else allowed


def frame_to_uframe(v: View, op: FrameToUframe, out: Outcome) -> Outcome | None:
    """Succeeds iff the page carries untyped metadata; nothing changes."""
    kind, _ = v.page(v.store.owner_at(v.store.frames[op.frame]))
    allowed = OK if kind in UNTYPED_KINDS else NOT_UNTYPED
    return None if out is allowed else allowed


def _count_read(v: View, count: int, value: dict[str, object], out: Outcome) -> Outcome | None:
    if v.asserts and count >= v.rc_max:
        return None if out == SATURATED_READ else SATURATED_READ
    return None if returns(out, value) else Ok(value)
