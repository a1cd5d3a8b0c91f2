"""What a reader or writer borrows, and the calls that the type checker would not let through."""

from vmstore.arch import LINEAR_BASE, PAGE_SIZE
from vmstore.exec.io_state import IoHandle, Lender
from vmstore.exec.machine import Machine
from vmstore.exec.segment import first_vtable
from vmstore.ids import UNTYPED_KINDS
from vmstore.outcome import BORROWED, NOT_UNTYPED, OUT_OF_BOUND, WRONG_TYPE, Refused

Lent = tuple[int, int, Lender]  # address range and who lends it


def borrow(m: Machine, frame: int | None, segment: int | None) -> Lent:
    """Return the memory of the one target given. Errors: NotUntyped, nothing was read."""
    if frame is not None:
        slot = m.frames[frame]
        if slot.vtable not in UNTYPED_KINDS:
            raise Refused(NOT_UNTYPED)
        start = LINEAR_BASE + slot.index * PAGE_SIZE
        return start, start + PAGE_SIZE, ("frame", frame)
    assert segment is not None  # the codecs give exactly one target
    held = m.segments[segment]
    if first_vtable(m, held) not in UNTYPED_KINDS:
        raise Refused(NOT_UNTYPED)
    return LINEAR_BASE + held.start, LINEAR_BASE + held.end, ("segment", segment)


def borrow_buf(m: Machine, buf: int, offset: int, length: int) -> Lent:
    """Return a part of a buffer. Errors: OutOfBound, the driver's own slice check."""
    start, size = m.io.bufs[buf]
    if offset + length > size:
        raise Refused(OUT_OF_BOUND)
    return start + offset, start + offset + length, ("buf", buf)


def give_back(handle: IoHandle) -> None:
    """End a borrow: only a space keeps count of them."""
    if handle.space is not None:
        handle.space.borrows -= 1


def reader_of(m: Machine, reader: int, *, is_fallible: bool | None = None) -> IoHandle:
    """Return a reader for use. Errors: Borrowed, then WrongType for the other fallibility."""
    held = m.io.readers[reader]
    return _checked(held, is_fallible, is_lent=_is_lent(m, held))


def writer_of(m: Machine, writer: int, *, is_fallible: bool | None = None) -> IoHandle:
    """Return a writer for use. Errors: Borrowed, then WrongType for the other fallibility."""
    held = m.io.writers[writer]
    is_lent = m.faults.xsa_219_write_after_ref_drop or _is_lent(m, held)
    return _checked(held, is_fallible, is_lent=is_lent)


def _checked(handle: IoHandle, is_fallible: bool | None, *, is_lent: bool) -> IoHandle:
    if not is_lent:
        raise Refused(BORROWED)
    if is_fallible is not None and handle.is_fallible is not is_fallible:
        raise Refused(WRONG_TYPE)
    return handle


def _is_lent(m: Machine, handle: IoHandle) -> bool:
    """Return whether the lender still owns the memory: its own end would end the borrow too."""
    kind, lender = handle.lender
    if kind == "frame":
        slot = m.frames.get(lender)
        if slot is None:
            return False
        start = LINEAR_BASE + slot.index * PAGE_SIZE
        return start <= handle.cursor and handle.end <= start + PAGE_SIZE
    if kind == "segment":
        held = m.segments.get(lender)
        if held is None:
            return False
        return LINEAR_BASE + held.start <= handle.cursor and handle.end <= LINEAR_BASE + held.end
    return True
