"""Goals about readers, writers and the bytes that they copy."""

from typing import Any, Final, Literal

from vmstore.arch import PAGE_SIZE
from vmstore.goals.record import Goal, Moment
from vmstore.ops import reader, space_io, vm_io, writer
from vmstore.payload import SCALAR_SIZE
from vmstore.step import State
from vmstore.view.access import reach
from vmstore.vm_io_owner import VmIoOwner, vio_of

_COPIES: Final = (
    reader.ReaderRead,
    reader.ReaderReadFallible,
    writer.WriterWrite,
    writer.WriterWriteFallible,
)
_SKIPS: Final = (reader.ReaderSkip, writer.WriterSkip)
_LIMITS: Final = (reader.ReaderLimit, writer.WriterLimit)
_ONCE: Final = (reader.ReaderReadOnce, writer.WriterWriteOnce)
_VALS: Final = (reader.ReaderReadVal, writer.WriterWriteVal)
_SPACE_OPENS: Final = (space_io.VsReader, space_io.VsWriter, space_io.VsReaderWriter)
_USES: Final = (*_COPIES, *_SKIPS, *_LIMITS, *_ONCE, *_VALS)
_FIRST_ALLOWED: Final = (reader.ReaderRemain, writer.WriterAvail, *_USES)


def _owner(state: State, kind: Literal["Reader", "Writer"], handle: int) -> VmIoOwner:
    return state.view.store.vm_ios[vio_of(kind, handle)].owner


def _one(state: State, op: Any) -> VmIoOwner:
    """Return the owner of the one handle that an op names, or of its reader."""
    if hasattr(op, "reader"):
        return _owner(state, "Reader", op.reader)
    return _owner(state, "Writer", op.writer)


def _left(state: State, op: Any) -> tuple[int, int]:
    """Note where the handle is and how many bytes it has left."""
    owner = _one(state, op)
    return owner.start, owner.remain


def _overlap(state: State, op: Any) -> tuple[bool, bool]:
    """Note whether source and sink of a copy share bytes, and whether one is ahead."""
    source = _owner(state, "Reader", op.reader)
    sink = _owner(state, "Writer", op.writer)
    fits = min(source.remain, sink.remain)
    ahead = sink.start - source.start
    return source.place == sink.place and abs(ahead) < fits, ahead != 0


def _is_inactive(m: Moment) -> bool:
    """Return whether the handle is of a space that is not active on this CPU."""
    owner = _one(m.state, m.op)
    space = m.spaces.active.get(m.spaces.cpu)
    return owner.place[0] == "user" and (space is None or space.handle != owner.place[1])


def _fault_inside(m: Moment) -> bool:
    """Return whether some bytes of the integer can be accessed, and not all."""
    want_write = isinstance(m.op, writer.WriterWriteVal)
    size = SCALAR_SIZE[m.op.ty]
    return 0 < reach(m.view, _one(m.state, m.op), size, want_write=want_write) < size


def _lost_to_next(m: Moment) -> bool:
    """Return whether the lender lives on, but not with the bytes that were borrowed."""
    kind, lender = _one(m.state, m.op).lender
    return kind == "segment" and lender in m.store.segments


def _copied_for_user(m: Moment) -> bool:
    if m.value.get("n", 0) == 0:
        return False
    return _owner(m.state, "Writer", m.op.writer).place[0] == "user"


def _crosses_page(m: Moment) -> bool:
    length = len(m.op.data)
    return length > 0 and m.op.offset // PAGE_SIZE < (m.op.offset + length - 1) // PAGE_SIZE


GOALS: Final[tuple[Goal, ...]] = (
    Goal("copy-overlaps", "a copy's source and sink overlap, one ahead of the other", _COPIES,
         lambda m: m.is_ok and m.before == (True, True), _overlap),
    Goal("copy-onto-itself", "bytes are copied onto themselves", _COPIES,
         lambda m: m.is_ok and m.before == (True, False), _overlap),
    Goal("copy-to-user", "bytes are copied into mapped user memory", _COPIES, _copied_for_user),
    Goal("fault-half-way", "a copy faults after it has made progress",
         (reader.ReaderReadFallible, writer.WriterWriteFallible, writer.WriterFillZeros),
         lambda m: m.failed("PageFault") and m.detail["done"] > 0),
    Goal("fault-inside-integer", "an integer lies half in memory that faults", _VALS,
         lambda m: m.failed("PageFault") and _fault_inside(m)),
    Goal("skip-to-end", "a handle skips all that it has left", _SKIPS,
         lambda m: m.is_ok and m.op.n > 0 and _one(m.state, m.op).remain == 0),
    Goal("limit-to-nothing", "a handle is limited to no bytes", _LIMITS,
         lambda m: m.is_ok and m.op.n == 0 < m.before[1], _left),
    Goal("limit-without-effect", "a limit is beyond what is left", _LIMITS,
         lambda m: m.is_ok and m.op.n > m.before[1] > 0, _left),
    Goal("short-and-misaligned", "a single access is too short, which outranks misaligned",
         _ONCE, lambda m: m.failed("InvalidArgs") and m.before[0] % SCALAR_SIZE[m.op.ty] != 0,
         _left),
    Goal("exchange-matches", "an atomic exchange finds what it expects",
         (writer.WriterAtomicCompareExchange,), lambda m: m.value.get("exchanged") is True),
    Goal("exchange-differs", "an atomic exchange finds something else",
         (writer.WriterAtomicCompareExchange,), lambda m: m.value.get("exchanged") is False),
    Goal("user-memory-top", "a handle ends where user memory ends", _SPACE_OPENS,
         lambda m: m.is_ok and m.op.va + m.op.len == m.spaces.geometry.io_end and m.op.len > 0),
    Goal("user-memory-empty", "a handle over no bytes of user memory", _SPACE_OPENS,
         lambda m: m.is_ok and m.op.len == 0),
    Goal("handle-outlives-active", "a handle of a space is used while another one is active",
         _VALS, lambda m: (m.is_ok or m.failed("PageFault")) and _is_inactive(m)),
    Goal("borrow-lost-to-next", "a handle is refused because its segment gave the page away",
         _FIRST_ALLOWED, lambda m: m.failed("Borrowed") and _lost_to_next(m)),
    Goal("write-across-pages", "bytes are written across a page boundary of a segment",
         (vm_io.VmioWriteBytes,), lambda m: m.is_ok and _crosses_page(m)),
    Goal("zeros-clipped", "fewer zeros are written than asked for", (vm_io.VmioFillZeros,),
         lambda m: m.failed("InvalidArgs") and m.detail["done"] > 0),
    Goal("transfer-faults-half-way", "an object's bytes are copied out up to a fault",
         (vm_io.VmioRead,), lambda m: m.failed("PageFault")
         and _owner(m.state, "Writer", m.op.writer).start > m.before[0], _left),
)  # fmt: skip
