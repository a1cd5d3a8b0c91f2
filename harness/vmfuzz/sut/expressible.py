"""Which ops have a counterpart on the other side: what real code and its caller can say at all.

The model gives every op a meaning. A program in the system's own language cannot write some of
them: the borrow checker, the type checker or the recorded programs' driver is in the way.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.exec.io_state import IoState
from vmstore.ids import FrameId, Paddr, PaddrEnd, SegmentId
from vmstore.ops import DECLARATIONS, Op
from vmstore.ops.frame import FrameDowncast, FrameToUframe
from vmstore.ops.reader import ReaderRead
from vmstore.ops.segment import SegmentDowncast, SegmentNext, SegmentToUsegment
from vmstore.ops.writer import WriterWrite
from vmstore.outcome import Err

_DOWNCASTS: Final = frozenset({FrameDowncast, SegmentDowncast})
_CHECK_MEMORY: Final = frozenset(
    d.op for d in DECLARATIONS.values() if any(f.type in {Paddr, PaddrEnd} for f in d.arguments)
)
# Take their handle by value or exclusively, though the trace goes on with the same id.
_EXCLUSIVE: Final = frozenset(
    {FrameDowncast, FrameToUframe, SegmentDowncast, SegmentToUsegment, SegmentNext}
)
_LENDERS: Final[dict[object, str]] = {FrameId: "frame", SegmentId: "segment"}
# Per op, the frames and segments that must not be lent to a reader or writer when it is called.
_TAKEN: Final = {
    d.op: tuple(
        (f.name, _LENDERS[f.type])
        for f in d.handles
        if f.type in _LENDERS and (f.is_consumed or d.op in _EXCLUSIVE)
    )
    for d in DECLARATIONS.values()
}


def obstacle(io: IoState, op: Op) -> str | None:
    """Return why the call cannot be written in this state, before it is made; None if it can."""
    if isinstance(op, ReaderRead | WriterWrite) and _shares_a_page(io, op.reader, op.writer):
        return "source and destination share a page, which leaves the copy unspecified"
    for name, kind in _TAKEN[op.__class__]:
        if _is_lent(io, kind, getattr(op, name)):
            return f"the {kind} is lent to a reader or writer"
    return None


def is_driver_error(op: Op, error: Err) -> bool:
    """Return whether an error is one that no implementation gives: the call cannot be written."""
    if error.variant == "Borrowed":
        return True
    if error.variant == "WrongType":
        return op.__class__ not in _DOWNCASTS
    return error.variant == "OutOfBound" and op.__class__ not in _CHECK_MEMORY


def _is_lent(io: IoState, kind: str, handle: int) -> bool:
    lender = (kind, handle)
    return any(h.lender == lender for table in (io.readers, io.writers) for h in table.values())


def _shares_a_page(io: IoState, reader: int, writer: int) -> bool:
    """Return whether an infallible copy reads from a page that it writes to."""
    source, target = io.readers[reader], io.writers[writer]
    if source.is_fallible or target.is_fallible:
        return False
    size = min(source.remain, target.remain)
    return (
        source.cursor // PAGE_SIZE <= (target.cursor + size) // PAGE_SIZE
        and target.cursor // PAGE_SIZE <= (source.cursor + size) // PAGE_SIZE
    )
