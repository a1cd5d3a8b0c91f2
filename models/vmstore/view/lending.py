"""What a reader or writer may borrow, and when the borrow is over."""

from vmstore.arch import PAGE_SIZE
from vmstore.ids import UNTYPED_KINDS
from vmstore.outcome import BORROWED, NOT_UNTYPED, OUT_OF_BOUND, WRONG_TYPE, Err, Outcome
from vmstore.spaces import VmIoEntry, extract_vm_io, insert_vm_io
from vmstore.view.segment import FOREIGN_PAGE_PAST_MEMORY
from vmstore.view.state import View
from vmstore.vm_io_owner import (
    MEMORY,
    Kind,
    Lender,
    Place,
    VmIoMemView,
    VmIoOwner,
    page_mappings,
    vio_of,
)


def lent(v: View, frame: int | None, segment: int | None, out: Outcome) -> VmIoOwner | Outcome:
    """Return the bytes of the one target given, or the outcome that it refuses with.

    An empty segment may refuse or not (K2), as `out` says it did.
    """
    if frame is not None:
        paddr = v.store.frames[frame]
        if v.page(v.store.owner_at(paddr))[0] not in UNTYPED_KINDS:
            return NOT_UNTYPED
        return kernel_owner(MEMORY, paddr, paddr + PAGE_SIZE, ("frame", frame))
    assert segment is not None  # the codecs give exactly one target
    entry = v.store.segments[segment]
    if entry.start == entry.end:
        if entry.start >= v.max_paddr and v.asserts:
            return FOREIGN_PAGE_PAST_MEMORY
        if out is NOT_UNTYPED:
            return NOT_UNTYPED
    elif v.page(v.store.owner_at(entry.start))[0] not in UNTYPED_KINDS:
        return NOT_UNTYPED
    return kernel_owner(MEMORY, entry.start, entry.end, ("segment", segment))


def lent_buf(v: View, buf: int, offset: int, length: int) -> VmIoOwner | Outcome:
    """Return a part of a buffer, or OutOfBound."""
    if offset + length > len(v.contents.bufs[buf]):
        return OUT_OF_BOUND
    return kernel_owner(("buf", buf), offset, offset + length, ("buf", buf))


def kernel_owner(place: Place, start: int, end: int, lender: Lender) -> VmIoOwner:
    """Return the owner of kernel memory, without a view yet."""
    return VmIoOwner(place, start, end, lender, is_fallible=False, is_kernel=True)


def register(v: View, kind: Kind, handle: int, owner: VmIoOwner, space: int | None = None) -> None:
    """Put a fresh reader or writer into the store; one over kernel memory gets its view of it."""
    if space is None:
        mappings = page_mappings(owner.start, owner.end)
        owner.view = VmIoMemView("ReadView" if kind == "Reader" else "WriteView", mappings)
    vio = vio_of(kind, handle)
    entry = VmIoEntry(space, kind, owner.start, owner.remain, owner)
    insert_vm_io(v.store.vm_ios, v.store.vm_spaces, vio, entry)
    touch(v, vio)


def forget(v: View, kind: Kind, handle: int) -> None:
    """Take a reader or writer out of the store."""
    extract_vm_io(v.store.vm_ios, vio_of(kind, handle))


def entry_of(v: View, kind: Kind, handle: int) -> VmIoEntry:
    """Return the entry of a live reader or writer, which this step may change."""
    vio = vio_of(kind, handle)
    touch(v, vio)
    return v.store.vm_ios[vio]


def touch(v: View, vio: int) -> None:
    """Put a reader or writer into the footprint of this step."""
    v.contents.open_step(v.store.stamp)
    v.contents.touched_vios.add(vio)


def refusal(v: View, owner: VmIoOwner, *, is_fallible: bool | None = None) -> Err | None:
    """Return why the call cannot be made: the lender is gone, or the type has no such method."""
    if not _is_lent(v, owner):
        return BORROWED
    if is_fallible is not None and owner.is_fallible != is_fallible:
        return WRONG_TYPE
    return None


def _is_lent(v: View, owner: VmIoOwner) -> bool:
    kind, lender = owner.lender
    if kind == "frame":
        paddr = v.store.frames.get(lender)
        first, last = (paddr, paddr + PAGE_SIZE) if paddr is not None else (0, -1)
    elif kind == "segment":
        first, last = v.store.segments.get(lender, (0, -1))
    else:
        return True
    return first <= owner.start and owner.end <= last


def judge(out: Outcome, allowed: Outcome) -> Outcome | None:
    """Return what was allowed instead of `out`, None if `out` is it."""
    return None if out is allowed or out == allowed else allowed
