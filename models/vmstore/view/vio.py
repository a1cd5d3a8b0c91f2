"""What the rules of readers and writers share: the two are one thing but for the direction."""

from vmstore.outcome import INVALID_ARGS, OK, PAGE_FAULT, WRONG_TYPE, Err, Ok, Outcome, Panic
from vmstore.view.access import fetch, put, reach, transfer
from vmstore.view.lending import (
    entry_of,
    forget,
    judge,
    lent,
    lent_buf,
    refusal,
    register,
)
from vmstore.view.state import View
from vmstore.view.vm_io import BEYOND_END, UNALIGNED
from vmstore.vm_io_owner import Kind, VmIoOwner

Target = tuple[int | None, int | None, int | None]  # frame, segment, buf: one of them


def new(
    v: View, kind: Kind, handle: int, target: Target, part: tuple[int, int], out: Outcome
) -> Outcome | None:
    """Succeeds iff the target is untyped memory, or a part of a buffer that lies inside."""
    frame, segment, buf = target
    owner = lent(v, frame, segment, out) if buf is None else lent_buf(v, buf, *part)
    if not isinstance(owner, VmIoOwner):
        return judge(out, owner)
    if out is OK:
        register(v, kind, handle, owner)
    return judge(out, OK)


def query(v: View, kind: Kind, handle: int, name: str, out: Outcome) -> Outcome | None:
    """Returns how many bytes are left and whether there are any."""
    owner = entry_of(v, kind, handle).owner
    left = {name: owner.remain, "has": owner.remain > 0}
    return judge(out, refusal(v, owner) or Ok({**left}))


def skip(v: View, kind: Kind, handle: int, n: int, out: Outcome) -> Outcome | None:
    """Loses the first `n` bytes; panics when there are not as many."""
    owner = entry_of(v, kind, handle).owner
    allowed: Outcome = refusal(v, owner) or (OK if n <= owner.remain else BEYOND_END)
    if out == allowed and allowed is OK:
        owner.start += n
    return judge(out, allowed)


def limit(v: View, kind: Kind, handle: int, n: int, out: Outcome) -> Outcome | None:
    """Keeps the first `n` bytes, or all when there are not as many."""
    owner = entry_of(v, kind, handle).owner
    allowed = refusal(v, owner) or OK
    if out == allowed and allowed is OK:
        owner.end = min(owner.end, owner.start + n)
    return judge(out, allowed)


def to_fallible(v: View, kind: Kind, handle: int, out: Outcome) -> Outcome | None:
    """Changes the type of an infallible handle."""
    owner = entry_of(v, kind, handle).owner
    allowed = refusal(v, owner, is_fallible=False) or OK
    if out == allowed and allowed is OK:
        owner.is_fallible = True
    return judge(out, allowed)


def drop(v: View, kind: Kind, handle: int, out: Outcome) -> Outcome | None:
    """Always succeeds: the handle is gone."""
    if out is OK:
        forget(v, kind, handle)
    return judge(out, OK)


def scalar_error(owner: VmIoOwner, size: int, *, aligned: bool) -> Err | Panic | None:
    """Return why no integer of that size is next, None if one is."""
    if owner.remain < size:
        return INVALID_ARGS
    return UNALIGNED if aligned and owner.start % size else None


def load(
    v: View, owner: VmIoOwner, size: int, refused: Outcome | None, out: Outcome
) -> Outcome | None:
    """Returns the next integer unless refused or faulting; the handle stays."""
    if refused is not None:
        return judge(out, refused)
    if reach(v, owner, size, want_write=False) < size:
        return judge(out, PAGE_FAULT)
    return judge(out, Ok({"val": int.from_bytes(fetch(v, owner, size), "little")}))


def store(
    v: View, owner: VmIoOwner, data: bytes, refused: Outcome | None, out: Outcome
) -> Outcome | None:
    """Writes the next integer unless refused; bytes before a fault stay written.

    Effect: the handle moves on only when all of it was written.
    """
    if refused is not None:
        return judge(out, refused)
    done = reach(v, owner, len(data), want_write=True)
    allowed = OK if done == len(data) else PAGE_FAULT
    if out == allowed:
        put(v, owner, data[:done])
        owner.start += len(data) if allowed is OK else 0
    return judge(out, allowed)


def copy(v: View, reader: int, writer: int, out: Outcome, *, fallible: bool) -> Outcome | None:
    """Copies what both sides allow, up to a fault; both move by as much."""
    source = entry_of(v, "Reader", reader).owner
    sink = entry_of(v, "Writer", writer).owner
    types = None if fallible else False
    refused = refusal(v, source, is_fallible=types) or refusal(v, sink, is_fallible=types)
    if refused is None and fallible and not (source.is_fallible or sink.is_fallible):
        refused = WRONG_TYPE
    if refused is not None:
        return judge(out, refused)
    fits = min(source.remain, sink.remain)
    done = min(reach(v, source, fits, want_write=False), reach(v, sink, fits, want_write=True))
    allowed = Ok({"n": fits}) if done == fits else Err("PageFault", {"done": done})
    if out != allowed:
        return allowed
    if fallible:
        transfer(v, source, sink, done)
    else:
        put(v, sink, fetch(v, source, done))
    source.start += done
    sink.start += done
    return None
