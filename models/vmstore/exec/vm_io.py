"""Contents of frames, segments and buffers. Source: `ostd/src/mm/io/mod.rs`, `frame/untyped.rs`."""

from vmstore.arch import U64_MASK
from vmstore.exec.io_copy import memcpy_fallible
from vmstore.exec.lending import borrow, reader_of, writer_of
from vmstore.exec.machine import Machine
from vmstore.ops.vm_io import (
    BufNew,
    BufRead,
    VmioFillZeros,
    VmioRead,
    VmioReadBytes,
    VmioReadOnce,
    VmioReadVal,
    VmioWrite,
    VmioWriteBytes,
    VmioWriteOnce,
    VmioWriteVal,
)
from vmstore.outcome import INVALID_ARGS, OK, OVERFLOW, PAGE_FAULT, Err, Ok, Outcome, Unwinding
from vmstore.payload import SCALAR_SIZE, pattern, scalar_bytes, shown


def buf_new(m: Machine, op: BufNew) -> Outcome:
    """Allocate a buffer and fill it with its pattern."""
    m.io.bufs[op.dst] = (m.io.memory.allocate(pattern(op.seed, op.len)), op.len)
    return OK


def buf_read(m: Machine, op: BufRead) -> Outcome:
    """Show the whole buffer."""
    address, length = m.io.bufs[op.buf]
    return Ok({"data": shown(m.io.memory.read(address, length))})


def vmio_read_bytes(m: Machine, op: VmioReadBytes) -> Outcome:
    """Copy out. Errors, in order: NotUntyped, Overflow, InvalidArgs."""
    start, end, _ = borrow(m, op.frame, op.segment)
    error = _range_error(m, op.offset, op.len, end - start)
    if error is not None:
        return error
    return Ok({"data": shown(m.io.memory.read((start + op.offset) & U64_MASK, op.len))})


def vmio_write_bytes(m: Machine, op: VmioWriteBytes) -> Outcome:
    """Copy in. Errors, in order: NotUntyped, Overflow, InvalidArgs."""
    start, end, _ = borrow(m, op.frame, op.segment)
    error = _range_error(m, op.offset, len(op.data), end - start)
    if error is not None:
        return error
    m.io.memory.write((start + op.offset) & U64_MASK, op.data)
    return OK


def _range_error(m: Machine, offset: int, length: int, size: int) -> Err | None:
    """Check a range against the size of its object. Errors, in order: Overflow, InvalidArgs."""
    if m.faults.offset_plus_len_overflow:
        return INVALID_ARGS if (offset + length) & U64_MASK > size else None
    if offset + length > U64_MASK:
        return OVERFLOW
    return INVALID_ARGS if offset + length > size else None


def vmio_read_val(m: Machine, op: VmioReadVal) -> Outcome:
    """Read an integer at any alignment. Errors, in order: NotUntyped, InvalidArgs."""
    start, end, _ = borrow(m, op.frame, op.segment)
    if op.offset + SCALAR_SIZE[op.ty] > end - start:
        return INVALID_ARGS
    length = 1 if m.faults.typed_slice_length_in_elements else SCALAR_SIZE[op.ty]
    data = m.io.memory.read(start + op.offset, length)
    return Ok({"val": int.from_bytes(data, "little")})


def vmio_write_val(m: Machine, op: VmioWriteVal) -> Outcome:
    """Write an integer at any alignment. Errors, in order: NotUntyped, InvalidArgs."""
    start, end, _ = borrow(m, op.frame, op.segment)
    if op.offset + SCALAR_SIZE[op.ty] > end - start:
        return INVALID_ARGS
    data = scalar_bytes(op.ty, op.val)
    length = 1 if m.faults.typed_slice_length_in_elements else len(data)
    m.io.memory.write(start + op.offset, data[:length])
    return OK


def vmio_read_once(m: Machine, op: VmioReadOnce) -> Outcome:
    """Read an integer in one access.

    Errors, in order: NotUntyped, panic beyond the end, InvalidArgs when short, panic when
    misaligned.
    """
    start, end, _ = borrow(m, op.frame, op.segment)
    size = SCALAR_SIZE[op.ty]
    error = _once_error(start + op.offset, end, size)
    if error is not None:
        return error
    return Ok({"val": int.from_bytes(m.io.memory.read(start + op.offset, size), "little")})


def vmio_write_once(m: Machine, op: VmioWriteOnce) -> Outcome:
    """Write an integer in one access. Errors: as `vmio_read_once`."""
    start, end, _ = borrow(m, op.frame, op.segment)
    error = _once_error(start + op.offset, end, SCALAR_SIZE[op.ty])
    if error is not None:
        return error
    m.io.memory.write(start + op.offset, scalar_bytes(op.ty, op.val))
    return OK


def _once_error(address: int, end: int, size: int) -> Err | None:
    """Check a single access at `address`: the object is skipped up to there, unchecked."""
    if address > end:
        raise Unwinding("io-beyond-end")
    if address + size > end:
        return INVALID_ARGS
    if address % size != 0:
        raise Unwinding("io-unaligned")
    return None


def vmio_fill_zeros(m: Machine, op: VmioFillZeros) -> Outcome:
    """Zero what fits.

    Errors, in order: NotUntyped, InvalidArgs beyond the end, InvalidArgs after the zeros that fit.
    """
    start, end, _ = borrow(m, op.frame, op.segment)
    if op.offset > end - start:
        return Err("InvalidArgs", {"done": 0})
    fits = min(op.len, end - start - op.offset)
    m.io.memory.write(start + op.offset, bytes(fits))
    return OK if fits == op.len else Err("InvalidArgs", {"done": fits})


def vmio_read(m: Machine, op: VmioRead) -> Outcome:
    """Copy out into a fallible writer until it is full.

    Errors, in order: NotUntyped, Overflow, InvalidArgs, PageFault with the writer moved on by what
    was copied.
    """
    writer = writer_of(m, op.writer, is_fallible=True)
    start, end, _ = borrow(m, op.frame, op.segment)
    wanted = writer.remain
    error = _range_error(m, op.offset, wanted, end - start)
    if error is not None:
        return error
    done = memcpy_fallible(m, writer.cursor, start + op.offset, wanted)
    writer.cursor += done
    return OK if done == wanted else PAGE_FAULT


def vmio_write(m: Machine, op: VmioWrite) -> Outcome:
    """Copy in from a fallible reader until it is empty. Errors: as `vmio_read`."""
    reader = reader_of(m, op.reader, is_fallible=True)
    start, end, _ = borrow(m, op.frame, op.segment)
    wanted = reader.remain
    error = _range_error(m, op.offset, wanted, end - start)
    if error is not None:
        return error
    done = memcpy_fallible(m, start + op.offset, reader.cursor, wanted)
    reader.cursor += done
    return OK if done == wanted else PAGE_FAULT
