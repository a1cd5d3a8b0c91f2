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


class Precondition(NamedTuple):
    """What an op asks of the store besides live handles, in words and as a predicate."""

    text: str
    holds: Callable[[VmStore, Any], bool]


def _nothing_on(store: VmStore, op: vm_space.VmspaceDrop) -> bool:
    spaces = [cursor.vm_space for cursor in store.cursors.values()]
    spaces += [vio.vm_space for vio in store.vm_ios.values() if vio.vm_space is not None]
    return op.vs not in spaces


def _uncovered(store: VmStore, op: frame.FrameDrop) -> bool:
    return store.owner_at(store.frames[op.frame]).covers == 0


def _splits_in_two(store: VmStore, op: segment.SegmentSplit) -> bool:
    start, end = store.segments[op.segment]
    return op.offset % PAGE_SIZE == 0 and 0 < op.offset < end - start


def _has_room(store: VmStore, start: int, end: int) -> bool:
    pages = range(start, end, PAGE_SIZE)
    return all(store.owner_at(paddr).references() < store.rc_max for paddr in pages)


def _can_clone(store: VmStore, op: segment.SegmentClone) -> bool:
    return _has_room(store, *store.segments[op.segment])


def _can_slice(store: VmStore, op: segment.SegmentSlice) -> bool:
    start, end = store.segments[op.segment]
    if op.start % PAGE_SIZE or op.end % PAGE_SIZE or not op.start < op.end <= end - start:
        return False
    return _has_room(store, start + op.start, start + op.end)


def _is_kernel_pair(store: VmStore, op: reader.ReaderRead | writer.WriterWrite) -> bool:
    source = store.vm_ios[vio_of("Reader", op.reader)]
    sink = store.vm_ios[vio_of("Writer", op.writer)]
    return source.owner.is_kernel and sink.owner.is_kernel


OP_PRE: Final[dict[type[Op], Precondition]] = {
    vm_space.VmspaceDrop: Precondition("no cursor, reader or writer on the space", _nothing_on),
    frame.FrameDrop: Precondition("no segment covers the page", _uncovered),
    segment.SegmentSplit: Precondition("offset page aligned, 0 < offset < size", _splits_in_two),
    segment.SegmentClone: Precondition("rc < MAX on every page", _can_clone),
    segment.SegmentSlice: Precondition(
        "ends page aligned, start < end <= size, rc < MAX on every page of the slice", _can_slice
    ),
    reader.ReaderRead: Precondition("both of kernel memory", _is_kernel_pair),
    writer.WriterWrite: Precondition("both of kernel memory", _is_kernel_pair),
}


def op_pre(store: VmStore, op: Op) -> bool:
    """Return whether the proof's contract of an op applies. Requires: its handles are live."""
    precondition = OP_PRE.get(type(op))
    return precondition is None or precondition.holds(store, op)
