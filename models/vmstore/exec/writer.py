"""Writers. Source: `VmWriter` in `ostd/src/mm/io/mod.rs`.

Every op but the last refuses with Borrowed once the lender no longer owns the memory.
"""

from vmstore.exec.io_copy import memset_fallible, read_fallible, write_fallible
from vmstore.exec.io_state import IoHandle
from vmstore.exec.lending import borrow, borrow_buf, give_back, reader_of, writer_of
from vmstore.exec.machine import Machine
from vmstore.exec.mmu import kernel_address
from vmstore.exec.reader import ATOMIC_SIZE, copy, copy_fallible, limit, skip
from vmstore.ops.writer import (
    WriterAtomicCompareExchange,
    WriterAvail,
    WriterDrop,
    WriterFillZeros,
    WriterLimit,
    WriterNew,
    WriterSkip,
    WriterToFallible,
    WriterWrite,
    WriterWriteFallible,
    WriterWriteOnce,
    WriterWriteVal,
)
from vmstore.outcome import INVALID_ARGS, OK, PAGE_FAULT, Err, Ok, Outcome, Unwinding
from vmstore.payload import SCALAR_SIZE, scalar_bytes


def writer_new(m: Machine, op: WriterNew) -> Outcome:
    """Borrow a target. Errors: NotUntyped; OutOfBound for a part that a buffer does not have."""
    if op.buf is not None:
        start, end, lender = borrow_buf(m, op.buf, op.offset, op.len)
    else:
        start, end, lender = borrow(m, op.frame, op.segment)
    m.io.writers[op.dst] = IoHandle(start, end, lender, is_fallible=False)
    return OK


def writer_avail(m: Machine, op: WriterAvail) -> Outcome:
    """Read the distance to the end. No checks."""
    avail = writer_of(m, op.writer).remain
    return Ok({"avail": avail, "has": avail > 0})


def writer_skip(m: Machine, op: WriterSkip) -> Outcome:
    """Move the cursor. Errors: panic beyond the end."""
    skip(m, writer_of(m, op.writer), op.n)
    return OK


def writer_limit(m: Machine, op: WriterLimit) -> Outcome:
    """Move the end down, never up."""
    limit(m, writer_of(m, op.writer), op.n)
    return OK


def writer_to_fallible(m: Machine, op: WriterToFallible) -> Outcome:
    """Change the type only. Errors: WrongType when it is fallible already."""
    writer_of(m, op.writer, is_fallible=False).is_fallible = True
    return OK


def writer_write_val(m: Machine, op: WriterWriteVal) -> Outcome:
    """Write an integer at any alignment.

    Errors, in order: InvalidArgs when short; PageFault, the cursor goes back to where it was but
    the bytes before the fault stay written.
    """
    writer = writer_of(m, op.writer)
    data = scalar_bytes(op.ty, op.val)
    if writer.remain < len(data):
        return INVALID_ARGS
    if write_fallible(m, writer.cursor, data) < len(data):
        return PAGE_FAULT
    writer.cursor += len(data)
    return OK


def writer_write_once(m: Machine, op: WriterWriteOnce) -> Outcome:
    """Write an integer in one access. Errors, in order: InvalidArgs, panic when misaligned."""
    writer = writer_of(m, op.writer, is_fallible=False)
    size = SCALAR_SIZE[op.ty]
    if writer.remain < size:
        return INVALID_ARGS
    if writer.cursor % size != 0:
        raise Unwinding("io-unaligned")
    m.io.memory.write(writer.cursor, scalar_bytes(op.ty, op.val))
    writer.cursor += size
    return OK


def writer_fill_zeros(m: Machine, op: WriterFillZeros) -> Outcome:
    """Zero what fits and move the cursor by what was zeroed. Errors: PageFault with progress."""
    writer = writer_of(m, op.writer)
    fits = min(writer.remain, op.n)
    zeroed = max(fits - 1, 0) if m.faults.fill_zeros_one_short else fits
    done = memset_fallible(m, writer.cursor, zeroed)
    done += fits - zeroed
    writer.cursor += done
    return Ok({"n": fits}) if done == fits else Err("PageFault", {"done": done})


def writer_write(m: Machine, op: WriterWrite) -> Outcome:
    """Copy what fits and move both cursors; the same call as `reader_read`."""
    reader = reader_of(m, op.reader, is_fallible=False)
    return copy(m, reader, writer_of(m, op.writer, is_fallible=False))


def writer_write_fallible(m: Machine, op: WriterWriteFallible) -> Outcome:
    """Copy what fits up to a fault; the same call as `reader_read_fallible`."""
    return copy_fallible(m, reader_of(m, op.reader), writer_of(m, op.writer))


def writer_atomic_compare_exchange(m: Machine, op: WriterAtomicCompareExchange) -> Outcome:
    """Exchange a `u32` if it is `old`; no cursor moves.

    Errors, in order: InvalidArgs when either side is short, panic unless both cursors are one
    address, panic when misaligned, PageFault unless it is writable, equal or not.
    """
    writer = writer_of(m, op.writer, is_fallible=True)
    reader = reader_of(m, op.reader, is_fallible=True)
    if min(writer.remain, reader.remain) < ATOMIC_SIZE:
        return INVALID_ARGS
    if writer.cursor != reader.cursor:
        raise Unwinding("address-mismatch")
    if writer.cursor % ATOMIC_SIZE != 0:
        raise Unwinding("io-unaligned")
    if kernel_address(m, writer.cursor, want_write=True) is None:
        return PAGE_FAULT
    found = read_fallible(m, writer.cursor, ATOMIC_SIZE)
    exchanged = found == scalar_bytes("u32", op.old)
    if exchanged:
        write_fallible(m, writer.cursor, scalar_bytes("u32", op.new))
    return Ok({"val": int.from_bytes(found, "little"), "exchanged": exchanged})


def writer_drop(m: Machine, op: WriterDrop) -> Outcome:
    """Let go. No checks."""
    give_back(m.io.writers.pop(op.writer))
    return OK
