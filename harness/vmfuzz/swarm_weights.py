"""How often the swarm draws an op among those it chose for a trace: what changes state, mostly."""

from typing import Final

from vmstore.ops import (
    cursor,
    frame,
    linked_list,
    page_table,
    reader,
    segment,
    unique,
    vm_io,
    vm_space,
    writer,
)

_USUAL: Final = 3
_READERS: Final = (
    frame.FrameReferenceCount,
    frame.FrameInfo,
    frame.FrameBorrow,
    frame.FrameEq,
    frame.FrameDowncast,
    frame.FrameToUframe,
    segment.SegmentInfo,
    segment.SegmentDowncast,
    segment.SegmentToUsegment,
    unique.UniqueInfo,
    linked_list.ListSize,
    linked_list.LcursorAsList,
    linked_list.LcursorCurrentMeta,
    reader.ReaderRemain,
    writer.WriterAvail,
    vm_io.BufRead,
    cursor.CursorVirtAddr,
    cursor.CursorFlusherSync,
    page_table.PtCursorVirtAddr,
)
# What a mapping takes has to be rarer than what makes one, or spaces stay empty.
_WEIGHTS: Final[dict[type, int]] = {
    **dict.fromkeys(_READERS, 1),
    cursor.CursorMap: 15,
    cursor.CursorMapIomem: 6,
    cursor.CursorJump: 6,
    cursor.CursorProtectNext: 4,
    page_table.PtCursorMap: 15,
    page_table.PtCursorMapFrame: 9,
    page_table.PtCursorJump: 6,
    page_table.PtCursorTakeNext: 5,
    page_table.PtCursorProtectNext: 6,
    page_table.PtDrop: 1,
    page_table.PtLargestPages: 1,
    vm_space.VmspaceDrop: 1,
    vm_space.VmspaceActivate: 2,
    cursor.CursorOpen: 2,
    cursor.CursorDrop: 2,
    page_table.PtCursorOpen: 2,
    page_table.PtCursorDrop: 2,
}


def weight(op: type) -> int:
    """Return how many lots an op has in the draw."""
    return _WEIGHTS.get(op, _USUAL)
