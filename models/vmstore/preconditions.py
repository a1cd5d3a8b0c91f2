"""When the proof's contracts speak of an op: `op_pre`, beyond the invariant and live handles.

A step is run and judged whether its precondition holds or not; a contract applies only where it
does. Source: vostd `VmStore::op_pre`.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from vmstore.arch import PAGE_SIZE
from vmstore.ops import Op, frame, reader, segment, vm_space, writer
from vmstore.store import VmStore
from vmstore.vm_io_owner import vio_of


class Conjunct(NamedTuple):
    """One thing that an op asks of the store, in words and as a total predicate."""

    text: str
    holds: Callable[[VmStore, Any], bool]


class Precondition(NamedTuple):
    """What an op asks of the store besides live handles: all of its conjuncts."""

    conjuncts: tuple[Conjunct, ...]

    @property
    def text(self) -> str:
        """The conjuncts in words."""
        return ", ".join(conjunct.text for conjunct in self.conjuncts)

    def holds(self, store: VmStore, op: Any) -> bool:
        """Return whether every conjunct holds."""
        return not self.violated(store, op)

    def violated(self, store: VmStore, op: Any) -> tuple[str, ...]:
        """Return the texts of the conjuncts that are false, in their order."""
        return tuple(c.text for c in self.conjuncts if not c.holds(store, op))


def _no_cursor(store: VmStore, op: vm_space.VmspaceDrop) -> bool:
    return all(cursor.vm_space != op.vs for cursor in store.cursors.values())


def _no_io(store: VmStore, op: vm_space.VmspaceDrop) -> bool:
    return all(vio.vm_space != op.vs for vio in store.vm_ios.values())


def _uncovered(store: VmStore, op: frame.FrameDrop) -> bool:
    return store.owner_at(store.frames[op.frame]).covers == 0


def _cuts_inside(store: VmStore, op: segment.SegmentSplit) -> bool:
    start, end = store.segments[op.segment]
    return 0 < op.offset < end - start


def _has_room(store: VmStore, start: int, end: int) -> bool:
    pages = range(start - start % PAGE_SIZE, end, PAGE_SIZE)
    return all(store.owner_at(paddr).references() < store.rc_max for paddr in pages)


def _can_clone(store: VmStore, op: segment.SegmentClone) -> bool:
    return _has_room(store, *store.segments[op.segment])


def _lies_inside(store: VmStore, op: segment.SegmentSlice) -> bool:
    start, end = store.segments[op.segment]
    return op.start < op.end <= end - start


def _slice_has_room(store: VmStore, op: segment.SegmentSlice) -> bool:
    """Of a slice that leaves the segment, the pages in the segment count."""
    start, end = store.segments[op.segment]
    return _has_room(store, start + op.start, min(start + op.end, end))


def _is_kernel_reader(store: VmStore, op: reader.ReaderRead | writer.WriterWrite) -> bool:
    return store.vm_ios[vio_of("Reader", op.reader)].owner.is_kernel


def _is_kernel_writer(store: VmStore, op: reader.ReaderRead | writer.WriterWrite) -> bool:
    return store.vm_ios[vio_of("Writer", op.writer)].owner.is_kernel


_KERNEL_PAIR: Final = Precondition(
    (
        Conjunct("reader of kernel memory", _is_kernel_reader),
        Conjunct("writer of kernel memory", _is_kernel_writer),
    )
)
OP_PRE: Final[dict[type[Op], Precondition]] = {
    vm_space.VmspaceDrop: Precondition(
        (
            Conjunct("no cursor on the space", _no_cursor),
            Conjunct("no reader or writer on the space", _no_io),
        )
    ),
    frame.FrameDrop: Precondition((Conjunct("no segment covers the page", _uncovered),)),
    segment.SegmentSplit: Precondition(
        (
            Conjunct("offset page aligned", lambda _, op: op.offset % PAGE_SIZE == 0),
            Conjunct("0 < offset < size", _cuts_inside),
        )
    ),
    segment.SegmentClone: Precondition((Conjunct("rc < MAX on every page", _can_clone),)),
    segment.SegmentSlice: Precondition(
        (
            Conjunct("ends page aligned", lambda _, op: (op.start | op.end) % PAGE_SIZE == 0),
            Conjunct("start < end <= size", _lies_inside),
            Conjunct("rc < MAX on every page of the slice", _slice_has_room),
        )
    ),
    reader.ReaderRead: _KERNEL_PAIR,
    writer.WriterWrite: _KERNEL_PAIR,
}


def op_pre(store: VmStore, op: Op) -> bool:
    """Return whether the proof's contract of an op applies. Requires: its handles are live."""
    precondition = OP_PRE.get(type(op))
    return precondition is None or precondition.holds(store, op)
