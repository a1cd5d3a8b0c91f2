"""Rules of the ops on buffers and on the contents of frames and segments."""

from vmstore.arch import U64_MASK
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
from vmstore.outcome import (
    INVALID_ARGS,
    OK,
    OVERFLOW,
    PAGE_FAULT,
    Err,
    Ok,
    Outcome,
    Panic,
    returns,
)
from vmstore.payload import SCALAR_SIZE, pattern, scalar_bytes, shown
from vmstore.view.access import fetch, put, put_zeros, reach, transfer
from vmstore.view.lending import entry_of, judge, lent, refusal
from vmstore.view.state import View
from vmstore.vm_io_owner import VmIoOwner

BEYOND_END = Panic("io-beyond-end")
UNALIGNED = Panic("io-unaligned")

_Reading = VmioReadVal | VmioReadOnce
_Writing = VmioWriteVal | VmioWriteOnce


def buf_new(v: View, op: BufNew, out: Outcome) -> Outcome | None:
    """Always succeeds: the buffer holds its pattern."""
    if out is not OK:
        return OK
    v.contents.bufs[op.dst] = bytearray(pattern(op.seed, op.len))
    return None


def buf_read(v: View, op: BufRead, out: Outcome) -> Outcome | None:
    """Returns what was last written."""
    value: dict[str, object] = {"data": shown(bytes(v.contents.bufs[op.buf]))}
    return None if returns(out, value) else Ok(value)


def _part(target: VmIoOwner, offset: int, length: int) -> VmIoOwner | Err:
    """Return `[offset, offset + length)` of the target, or why there is none."""
    if offset + length > U64_MASK:
        return OVERFLOW
    if offset + length > target.remain:
        return INVALID_ARGS
    target.start += offset
    target.end = target.start + length
    return target


def vmio_read_bytes(v: View, op: VmioReadBytes, out: Outcome) -> Outcome | None:
    """Returns the bytes of the part, which must lie inside."""
    target = lent(v, op.frame, op.segment, out)
    part = _part(target, op.offset, op.len) if isinstance(target, VmIoOwner) else target
    if not isinstance(part, VmIoOwner):
        return judge(out, part)
    return judge(out, Ok({"data": shown(fetch(v, part, op.len))}))


def vmio_write_bytes(v: View, op: VmioWriteBytes, out: Outcome) -> Outcome | None:
    """Stores the bytes into the part, which must lie inside."""
    target = lent(v, op.frame, op.segment, out)
    part = _part(target, op.offset, len(op.data)) if isinstance(target, VmIoOwner) else target
    if not isinstance(part, VmIoOwner):
        return judge(out, part)
    if out is OK:
        put(v, part, op.data)
    return judge(out, OK)


def vmio_read_val(v: View, op: VmioReadVal, out: Outcome) -> Outcome | None:
    """Returns the integer at `offset`; a sum that overflows is only too long here."""
    return _read(v, op, out, once=False)


def vmio_write_val(v: View, op: VmioWriteVal, out: Outcome) -> Outcome | None:
    """Stores the integer at `offset`; a sum that overflows is only too long here."""
    return _write(v, op, out, once=False)


def vmio_read_once(v: View, op: VmioReadOnce, out: Outcome) -> Outcome | None:
    """Returns the integer at `offset`; panics beyond the end or misaligned."""
    return _read(v, op, out, once=True)


def vmio_write_once(v: View, op: VmioWriteOnce, out: Outcome) -> Outcome | None:
    """Stores the integer at `offset`; panics beyond the end or misaligned."""
    return _write(v, op, out, once=True)


def _read(v: View, op: _Reading, out: Outcome, *, once: bool) -> Outcome | None:
    size = SCALAR_SIZE[op.ty]
    part = _scalar(lent(v, op.frame, op.segment, out), op.offset, size, once=once)
    if not isinstance(part, VmIoOwner):
        return judge(out, part)
    return judge(out, Ok({"val": int.from_bytes(fetch(v, part, size), "little")}))


def _write(v: View, op: _Writing, out: Outcome, *, once: bool) -> Outcome | None:
    part = _scalar(lent(v, op.frame, op.segment, out), op.offset, SCALAR_SIZE[op.ty], once=once)
    if not isinstance(part, VmIoOwner):
        return judge(out, part)
    if out is OK:
        put(v, part, scalar_bytes(op.ty, op.val))
    return judge(out, OK)


def _scalar(
    target: VmIoOwner | Outcome, offset: int, size: int, *, once: bool
) -> VmIoOwner | Outcome:
    """Return the bytes of one integer of the target, or what is allowed where it has none."""
    if not isinstance(target, VmIoOwner):
        return target
    if once and offset > target.remain:
        return BEYOND_END
    if offset + size > target.remain:
        return INVALID_ARGS
    if once and (target.start + offset) % size:
        return UNALIGNED
    return _part(target, offset, size)


def vmio_fill_zeros(v: View, op: VmioFillZeros, out: Outcome) -> Outcome | None:
    """Zeroes what lies inside; an error says how much that was when it is not all."""
    target = lent(v, op.frame, op.segment, out)
    if not isinstance(target, VmIoOwner):
        return judge(out, target)
    inside = min(op.len, max(0, target.remain - op.offset))
    is_all = op.offset <= target.remain and inside == op.len
    allowed = OK if is_all else Err("InvalidArgs", {"done": inside})
    if out == allowed and inside:
        target.start += op.offset
        put_zeros(v, target, inside)
    return judge(out, allowed)


def vmio_read(v: View, op: VmioRead, out: Outcome) -> Outcome | None:
    """Fills the writer from `offset` on; a fault leaves it where it stopped."""
    return _exchange(v, op, out, entry_of(v, "Writer", op.writer).owner, reads=True)


def vmio_write(v: View, op: VmioWrite, out: Outcome) -> Outcome | None:
    """Empties the reader from `offset` on; a fault leaves it where it stopped."""
    return _exchange(v, op, out, entry_of(v, "Reader", op.reader).owner, reads=False)


def _exchange(
    v: View, op: VmioRead | VmioWrite, out: Outcome, handle: VmIoOwner, *, reads: bool
) -> Outcome | None:
    """Copy between a part of the target and all that a fallible handle has left."""
    refused = refusal(v, handle, is_fallible=True)
    if refused is not None:
        return judge(out, refused)
    target = lent(v, op.frame, op.segment, out)
    part = _part(target, op.offset, handle.remain) if isinstance(target, VmIoOwner) else target
    if not isinstance(part, VmIoOwner):
        return judge(out, part)
    wanted = handle.remain
    done = reach(v, handle, wanted, want_write=reads)
    allowed = OK if done == wanted else PAGE_FAULT
    if out != allowed:
        return allowed
    source, sink = (part, handle) if reads else (handle, part)
    transfer(v, source, sink, done)
    handle.start += done
    return None
