"""Rules of the ops on writers."""

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
from vmstore.outcome import INVALID_ARGS, PAGE_FAULT, Err, Ok, Outcome, Panic
from vmstore.payload import scalar_bytes
from vmstore.view import vio
from vmstore.view.access import fetch, put, put_zeros, reach
from vmstore.view.lending import entry_of, judge, refusal
from vmstore.view.state import View
from vmstore.view.vm_io import UNALIGNED
from vmstore.vm_io_owner import VmIoOwner

ADDRESSES_DIFFER = Panic("address-mismatch")


def writer_new(v: View, op: WriterNew, out: Outcome) -> Outcome | None:
    """Succeeds iff the target can be lent: everything is left to write."""
    target = (op.frame, op.segment, op.buf)
    return vio.new(v, "Writer", op.dst, target, (op.offset, op.len), out)


def writer_avail(v: View, op: WriterAvail, out: Outcome) -> Outcome | None:
    """Returns how many bytes still fit."""
    return vio.query(v, "Writer", op.writer, "avail", out)


def writer_skip(v: View, op: WriterSkip, out: Outcome) -> Outcome | None:
    """Passes over `n` bytes; panics when there are not as many."""
    return vio.skip(v, "Writer", op.writer, op.n, out)


def writer_limit(v: View, op: WriterLimit, out: Outcome) -> Outcome | None:
    """Keeps room for at most `n` bytes."""
    return vio.limit(v, "Writer", op.writer, op.n, out)


def writer_to_fallible(v: View, op: WriterToFallible, out: Outcome) -> Outcome | None:
    """Changes the type of an infallible writer."""
    return vio.to_fallible(v, "Writer", op.writer, out)


def writer_write_val(v: View, op: WriterWriteVal, out: Outcome) -> Outcome | None:
    """Stores the integer and moves on; a fault leaves the writer, but not the bytes before it."""
    owner = entry_of(v, "Writer", op.writer).owner
    data = scalar_bytes(op.ty, op.val)
    refused = refusal(v, owner) or vio.scalar_error(owner, len(data), aligned=False)
    return vio.store(v, owner, data, refused, out)


def writer_write_once(v: View, op: WriterWriteOnce, out: Outcome) -> Outcome | None:
    """Stores the integer and moves on; too short before misaligned."""
    owner = entry_of(v, "Writer", op.writer).owner
    data = scalar_bytes(op.ty, op.val)
    refused = refusal(v, owner, is_fallible=False)
    refused_or_short = refused or vio.scalar_error(owner, len(data), aligned=True)
    return vio.store(v, owner, data, refused_or_short, out)


def writer_fill_zeros(v: View, op: WriterFillZeros, out: Outcome) -> Outcome | None:
    """Zeroes what fits, up to a fault; the writer moves by as much."""
    owner = entry_of(v, "Writer", op.writer).owner
    refused = refusal(v, owner)
    if refused is not None:
        return judge(out, refused)
    fits = min(owner.remain, op.n)
    done = reach(v, owner, fits, want_write=True)
    allowed = Ok({"n": fits}) if done == fits else Err("PageFault", {"done": done})
    if out == allowed:
        put_zeros(v, owner, done)
        owner.start += done
    return judge(out, allowed)


def writer_write(v: View, op: WriterWrite, out: Outcome) -> Outcome | None:
    """Copies what both sides allow, as if through a temporary."""
    return vio.copy(v, op.reader, op.writer, out, fallible=False)


def writer_write_fallible(v: View, op: WriterWriteFallible, out: Outcome) -> Outcome | None:
    """Copies what both sides allow, up to a fault."""
    return vio.copy(v, op.reader, op.writer, out, fallible=True)


def writer_atomic_compare_exchange(
    v: View, op: WriterAtomicCompareExchange, out: Outcome
) -> Outcome | None:
    """Returns the `u32` under both; stores `new` there iff it was `old`. Neither moves."""
    sink = entry_of(v, "Writer", op.writer).owner
    source = entry_of(v, "Reader", op.reader).owner
    refused = _exchange_error(v, sink, source)
    if refused is not None:
        return judge(out, refused)
    found = fetch(v, sink, 4)
    is_old = found == scalar_bytes("u32", op.old)
    allowed = Ok({"val": int.from_bytes(found, "little"), "exchanged": is_old})
    if out == allowed and is_old:
        put(v, sink, scalar_bytes("u32", op.new))
    return judge(out, allowed)


def _exchange_error(v: View, sink: VmIoOwner, source: VmIoOwner) -> Err | Panic | None:
    refused = refusal(v, sink, is_fallible=True) or refusal(v, source, is_fallible=True)
    if refused is not None:
        return refused
    if min(sink.remain, source.remain) < 4:
        return INVALID_ARGS
    if _address(sink) != _address(source):
        return ADDRESSES_DIFFER
    if sink.start % 4:
        return UNALIGNED
    return None if reach(v, sink, 4, want_write=True) == 4 else PAGE_FAULT


def _address(owner: VmIoOwner) -> tuple[object, int]:
    """Return what tells an owner's address from others; all spaces have the same addresses."""
    return ("user" if owner.place[0] == "user" else owner.place), owner.start


def writer_drop(v: View, op: WriterDrop, out: Outcome) -> Outcome | None:
    """Always succeeds: the writer is gone."""
    return vio.drop(v, "Writer", op.writer, out)
