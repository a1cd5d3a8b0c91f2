"""Readers. Source: `VmReader` in `ostd/src/mm/io/mod.rs`.

Every op but the last refuses with Borrowed once the lender no longer owns the memory.
"""

from vmstore.exec.io_copy import memcpy, memcpy_fallible, read_fallible
from vmstore.exec.io_state import IoHandle
from vmstore.exec.lending import borrow, borrow_buf, give_back, reader_of, writer_of
from vmstore.exec.machine import Machine
from vmstore.ops.reader import (
    ReaderAtomicLoad,
    ReaderClone,
    ReaderDrop,
    ReaderLimit,
    ReaderNew,
    ReaderRead,
    ReaderReadFallible,
    ReaderReadOnce,
    ReaderReadVal,
    ReaderRemain,
    ReaderSkip,
    ReaderToFallible,
)
from vmstore.outcome import (
    INVALID_ARGS,
    OK,
    PAGE_FAULT,
    WRONG_TYPE,
    Err,
    Ok,
    Outcome,
    Refused,
    Unwinding,
)
from vmstore.payload import SCALAR_SIZE

ATOMIC_SIZE = 4


def reader_new(m: Machine, op: ReaderNew) -> Outcome:
    """Borrow a target. Errors: NotUntyped; OutOfBound for a part that a buffer does not have."""
    if op.buf is not None:
        start, end, lender = borrow_buf(m, op.buf, op.offset, op.len)
    else:
        start, end, lender = borrow(m, op.frame, op.segment)
    m.io.readers[op.dst] = IoHandle(start, end, lender, is_fallible=False)
    return OK


def reader_remain(m: Machine, op: ReaderRemain) -> Outcome:
    """Read the distance to the end. No checks."""
    remain = reader_of(m, op.reader).remain
    return Ok({"remain": remain, "has": remain > 0})


def reader_skip(m: Machine, op: ReaderSkip) -> Outcome:
    """Move the cursor. Errors: panic beyond the end."""
    skip(m, reader_of(m, op.reader), op.n)
    return OK


def reader_limit(m: Machine, op: ReaderLimit) -> Outcome:
    """Move the end down, never up."""
    limit(m, reader_of(m, op.reader), op.n)
    return OK


def skip(m: Machine, handle: IoHandle, n: int) -> None:
    """Move the cursor on. Errors: panic beyond the end."""
    if n > handle.remain:
        raise Unwinding("io-beyond-end")
    if not m.faults.skip_limit_by_value_ignored:
        handle.cursor += n


def limit(m: Machine, handle: IoHandle, n: int) -> None:
    """Move the end down to `cursor + n`; a larger `n` changes nothing."""
    if n < handle.remain and not m.faults.skip_limit_by_value_ignored:
        handle.end = handle.cursor + n


def reader_clone(m: Machine, op: ReaderClone) -> Outcome:
    """Copy cursor and end; the two move independently from then on."""
    held = reader_of(m, op.reader)
    if held.space is not None:
        held.space.borrows += 1
    m.io.readers[op.dst_new_reader] = IoHandle(
        held.cursor, held.end, held.lender, is_fallible=held.is_fallible, space=held.space
    )
    return OK


def reader_to_fallible(m: Machine, op: ReaderToFallible) -> Outcome:
    """Change the type only. Errors: WrongType when it is fallible already."""
    reader_of(m, op.reader, is_fallible=False).is_fallible = True
    return OK


def reader_read_val(m: Machine, op: ReaderReadVal) -> Outcome:
    """Read an integer at any alignment.

    Errors, in order: InvalidArgs when short; PageFault, the cursor goes back to where it was.
    """
    reader = reader_of(m, op.reader)
    size = SCALAR_SIZE[op.ty]
    if reader.remain < size:
        if m.faults.cstring_overread_cursor:
            reader.cursor = reader.end
        return INVALID_ARGS
    data = read_fallible(m, reader.cursor, size)
    if len(data) < size:
        if m.faults.cstring_overread_cursor:
            reader.cursor += len(data)
        return PAGE_FAULT
    reader.cursor += size
    return Ok({"val": int.from_bytes(data, "little")})


def reader_read_once(m: Machine, op: ReaderReadOnce) -> Outcome:
    """Read an integer in one access. Errors, in order: InvalidArgs, panic when misaligned."""
    reader = reader_of(m, op.reader, is_fallible=False)
    size = SCALAR_SIZE[op.ty]
    if reader.remain < size:
        return INVALID_ARGS
    if reader.cursor % size != 0:
        raise Unwinding("io-unaligned")
    data = m.io.memory.read(reader.cursor, size)
    reader.cursor += size
    return Ok({"val": int.from_bytes(data, "little")})


def reader_atomic_load(m: Machine, op: ReaderAtomicLoad) -> Outcome:
    """Load a `u32`; the cursor stays.

    Errors, in order: InvalidArgs when short, panic when misaligned, PageFault.
    """
    reader = reader_of(m, op.reader, is_fallible=True)
    if reader.remain < ATOMIC_SIZE:
        return INVALID_ARGS
    if reader.cursor % ATOMIC_SIZE != 0:
        raise Unwinding("io-unaligned")
    data = read_fallible(m, reader.cursor, ATOMIC_SIZE)
    if len(data) < ATOMIC_SIZE:
        return PAGE_FAULT
    if m.faults.atomic_load_consumes:
        reader.cursor += ATOMIC_SIZE
    return Ok({"val": int.from_bytes(data, "little")})


def reader_read(m: Machine, op: ReaderRead) -> Outcome:
    """Copy what fits and move both cursors; cannot fault."""
    reader = reader_of(m, op.reader, is_fallible=False)
    return copy(m, reader, writer_of(m, op.writer, is_fallible=False))


def reader_read_fallible(m: Machine, op: ReaderReadFallible) -> Outcome:
    """Copy what fits and move both cursors by what was copied. Errors: PageFault with progress."""
    return copy_fallible(m, reader_of(m, op.reader), writer_of(m, op.writer))


def copy(m: Machine, reader: IoHandle, writer: IoHandle) -> Outcome:
    """Copy as much as both sides allow. Requires: both infallible."""
    fits = min(reader.remain, writer.remain)
    memcpy(m, writer.cursor, reader.cursor, fits)
    reader.cursor += fits
    if not m.faults.copy_leaves_writer_behind:
        writer.cursor += fits
    return Ok({"n": fits})


def copy_fallible(m: Machine, reader: IoHandle, writer: IoHandle) -> Outcome:
    """Copy up to a fault. Errors, in order: WrongType when neither side is fallible, PageFault."""
    if not (reader.is_fallible or writer.is_fallible):
        raise Refused(WRONG_TYPE)
    fits = min(reader.remain, writer.remain)
    done = memcpy_fallible(m, writer.cursor, reader.cursor, fits)
    reader.cursor += done
    writer.cursor += done
    return Ok({"n": fits}) if done == fits else Err("PageFault", {"done": done})


def reader_drop(m: Machine, op: ReaderDrop) -> Outcome:
    """Let go. No checks."""
    give_back(m.io.readers.pop(op.reader))
    return OK
