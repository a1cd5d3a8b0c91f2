"""Rules of the ops on readers."""

from dataclasses import replace

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
from vmstore.outcome import OK, Ok, Outcome
from vmstore.payload import SCALAR_SIZE
from vmstore.view import vio
from vmstore.view.lending import entry_of, judge, refusal, register
from vmstore.view.state import View


def reader_new(v: View, op: ReaderNew, out: Outcome) -> Outcome | None:
    """Succeeds iff the target can be lent: everything is left to read."""
    target = (op.frame, op.segment, op.buf)
    return vio.new(v, "Reader", op.dst, target, (op.offset, op.len), out)


def reader_remain(v: View, op: ReaderRemain, out: Outcome) -> Outcome | None:
    """Returns how many bytes are left."""
    return vio.query(v, "Reader", op.reader, "remain", out)


def reader_skip(v: View, op: ReaderSkip, out: Outcome) -> Outcome | None:
    """Loses the first `n` bytes; panics when there are not as many."""
    return vio.skip(v, "Reader", op.reader, op.n, out)


def reader_limit(v: View, op: ReaderLimit, out: Outcome) -> Outcome | None:
    """Keeps at most `n` bytes."""
    return vio.limit(v, "Reader", op.reader, op.n, out)


def reader_clone(v: View, op: ReaderClone, out: Outcome) -> Outcome | None:
    """The new reader has left what this one has; from then on each goes its way."""
    entry = entry_of(v, "Reader", op.reader)
    allowed = refusal(v, entry.owner) or OK
    if out == allowed and allowed is OK:
        register(v, "Reader", op.dst_new_reader, replace(entry.owner), entry.vm_space)
    return judge(out, allowed)


def reader_to_fallible(v: View, op: ReaderToFallible, out: Outcome) -> Outcome | None:
    """Changes the type of an infallible reader."""
    return vio.to_fallible(v, "Reader", op.reader, out)


def reader_read_val(v: View, op: ReaderReadVal, out: Outcome) -> Outcome | None:
    """Returns the next integer and moves on; an error leaves the reader where it was."""
    owner = entry_of(v, "Reader", op.reader).owner
    size = SCALAR_SIZE[op.ty]
    refused = refusal(v, owner) or vio.scalar_error(owner, size, aligned=False)
    wrong = vio.load(v, owner, size, refused, out)
    if wrong is None and isinstance(out, Ok):
        owner.start += size
    return wrong


def reader_read_once(v: View, op: ReaderReadOnce, out: Outcome) -> Outcome | None:
    """Returns the next integer and moves on; too short before misaligned."""
    owner = entry_of(v, "Reader", op.reader).owner
    size = SCALAR_SIZE[op.ty]
    refused = refusal(v, owner, is_fallible=False) or vio.scalar_error(owner, size, aligned=True)
    wrong = vio.load(v, owner, size, refused, out)
    if wrong is None and isinstance(out, Ok):
        owner.start += size
    return wrong


def reader_atomic_load(v: View, op: ReaderAtomicLoad, out: Outcome) -> Outcome | None:
    """Returns the next `u32`; the reader stays."""
    owner = entry_of(v, "Reader", op.reader).owner
    refused = refusal(v, owner, is_fallible=True) or vio.scalar_error(owner, 4, aligned=True)
    return vio.load(v, owner, 4, refused, out)


def reader_read(v: View, op: ReaderRead, out: Outcome) -> Outcome | None:
    """Copies what both sides allow, as if through a temporary."""
    return vio.copy(v, op.reader, op.writer, out, fallible=False)


def reader_read_fallible(v: View, op: ReaderReadFallible, out: Outcome) -> Outcome | None:
    """Copies what both sides allow, up to a fault."""
    return vio.copy(v, op.reader, op.writer, out, fallible=True)


def reader_drop(v: View, op: ReaderDrop, out: Outcome) -> Outcome | None:
    """Always succeeds: the reader is gone."""
    return vio.drop(v, "Reader", op.reader, out)
