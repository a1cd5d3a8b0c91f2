"""The op alphabet. One declaration per op drives codecs, strategies, mutators and minimizer.

A field whose name starts with `dst` is a handle that the op produces; `CONSUMES` names the fields
whose handles it ends. The text name of an op is its class name in snake case.
"""

from vmstore.ops import frame, host, linked_list, reader, segment, unique, vm_io, writer
from vmstore.ops.declaration import Declaration, Field, declare

Op = (
    frame.FrameFromUnused
    | frame.FrameFromInUse
    | frame.FrameClone
    | frame.FrameDrop
    | frame.FrameIntoRaw
    | frame.FrameFromRaw
    | frame.FrameReferenceCount
    | frame.FrameInfo
    | frame.FrameBorrow
    | frame.FrameEq
    | frame.FrameDowncast
    | frame.FrameToUframe
    | segment.SegmentFromUnused
    | segment.SegmentInfo
    | segment.SegmentSplit
    | segment.SegmentSlice
    | segment.SegmentClone
    | segment.SegmentNext
    | segment.SegmentDrop
    | segment.SegmentFromFrame
    | segment.SegmentIntoRaw
    | segment.SegmentFromRaw
    | segment.SegmentDowncast
    | segment.SegmentToUsegment
    | unique.UniqueFromUnused
    | unique.UniqueInfo
    | unique.UniqueSetVal
    | unique.UniqueRepurpose
    | unique.UniqueIntoRaw
    | unique.UniqueFromRaw
    | unique.UniqueIntoShared
    | unique.UniqueTryFromShared
    | unique.UniqueDrop
    | unique.UniqueResetAsUnused
    | linked_list.ListNew
    | linked_list.ListPushFront
    | linked_list.ListPushBack
    | linked_list.ListPopFront
    | linked_list.ListPopBack
    | linked_list.ListContains
    | linked_list.ListSize
    | linked_list.ListDrop
    | linked_list.ListCursorFront
    | linked_list.ListCursorBack
    | linked_list.ListCursorAt
    | linked_list.LcursorMoveNext
    | linked_list.LcursorMovePrev
    | linked_list.LcursorCurrentMeta
    | linked_list.LcursorTakeCurrent
    | linked_list.LcursorInsertBefore
    | linked_list.LcursorAsList
    | linked_list.LcursorDrop
    | vm_io.BufNew
    | vm_io.BufRead
    | vm_io.VmioReadBytes
    | vm_io.VmioWriteBytes
    | vm_io.VmioReadVal
    | vm_io.VmioWriteVal
    | vm_io.VmioReadOnce
    | vm_io.VmioWriteOnce
    | vm_io.VmioFillZeros
    | vm_io.VmioRead
    | vm_io.VmioWrite
    | reader.ReaderNew
    | reader.ReaderRemain
    | reader.ReaderSkip
    | reader.ReaderLimit
    | reader.ReaderClone
    | reader.ReaderToFallible
    | reader.ReaderReadVal
    | reader.ReaderReadOnce
    | reader.ReaderAtomicLoad
    | reader.ReaderRead
    | reader.ReaderReadFallible
    | reader.ReaderDrop
    | writer.WriterNew
    | writer.WriterAvail
    | writer.WriterSkip
    | writer.WriterLimit
    | writer.WriterToFallible
    | writer.WriterWriteVal
    | writer.WriterWriteOnce
    | writer.WriterFillZeros
    | writer.WriterWrite
    | writer.WriterWriteFallible
    | writer.WriterAtomicCompareExchange
    | writer.WriterDrop
    | host.HostPokeRefCount
)

AREAS: dict[str, tuple[type, ...]] = {
    "frame": (
        frame.FrameFromUnused,
        frame.FrameFromInUse,
        frame.FrameClone,
        frame.FrameDrop,
        frame.FrameIntoRaw,
        frame.FrameFromRaw,
        frame.FrameReferenceCount,
        frame.FrameInfo,
        frame.FrameBorrow,
        frame.FrameEq,
        frame.FrameDowncast,
        frame.FrameToUframe,
    ),
    "segment": (
        segment.SegmentFromUnused,
        segment.SegmentInfo,
        segment.SegmentSplit,
        segment.SegmentSlice,
        segment.SegmentClone,
        segment.SegmentNext,
        segment.SegmentDrop,
        segment.SegmentFromFrame,
        segment.SegmentIntoRaw,
        segment.SegmentFromRaw,
        segment.SegmentDowncast,
        segment.SegmentToUsegment,
    ),
    "unique": (
        unique.UniqueFromUnused,
        unique.UniqueInfo,
        unique.UniqueSetVal,
        unique.UniqueRepurpose,
        unique.UniqueIntoRaw,
        unique.UniqueFromRaw,
        unique.UniqueIntoShared,
        unique.UniqueTryFromShared,
        unique.UniqueDrop,
        unique.UniqueResetAsUnused,
    ),
    "linked_list": (
        linked_list.ListNew,
        linked_list.ListPushFront,
        linked_list.ListPushBack,
        linked_list.ListPopFront,
        linked_list.ListPopBack,
        linked_list.ListContains,
        linked_list.ListSize,
        linked_list.ListDrop,
        linked_list.ListCursorFront,
        linked_list.ListCursorBack,
        linked_list.ListCursorAt,
        linked_list.LcursorMoveNext,
        linked_list.LcursorMovePrev,
        linked_list.LcursorCurrentMeta,
        linked_list.LcursorTakeCurrent,
        linked_list.LcursorInsertBefore,
        linked_list.LcursorAsList,
        linked_list.LcursorDrop,
    ),
    "vm_io": (
        vm_io.BufNew,
        vm_io.BufRead,
        vm_io.VmioReadBytes,
        vm_io.VmioWriteBytes,
        vm_io.VmioReadVal,
        vm_io.VmioWriteVal,
        vm_io.VmioReadOnce,
        vm_io.VmioWriteOnce,
        vm_io.VmioFillZeros,
        vm_io.VmioRead,
        vm_io.VmioWrite,
    ),
    "reader": (
        reader.ReaderNew,
        reader.ReaderRemain,
        reader.ReaderSkip,
        reader.ReaderLimit,
        reader.ReaderClone,
        reader.ReaderToFallible,
        reader.ReaderReadVal,
        reader.ReaderReadOnce,
        reader.ReaderAtomicLoad,
        reader.ReaderRead,
        reader.ReaderReadFallible,
        reader.ReaderDrop,
    ),
    "writer": (
        writer.WriterNew,
        writer.WriterAvail,
        writer.WriterSkip,
        writer.WriterLimit,
        writer.WriterToFallible,
        writer.WriterWriteVal,
        writer.WriterWriteOnce,
        writer.WriterFillZeros,
        writer.WriterWrite,
        writer.WriterWriteFallible,
        writer.WriterAtomicCompareExchange,
        writer.WriterDrop,
    ),
    "host": (host.HostPokeRefCount,),
}

DECLARATIONS: dict[type, Declaration] = {
    cls: declare(cls, area) for area, classes in AREAS.items() for cls in classes
}
BY_NAME: dict[str, Declaration] = {d.name: d for d in DECLARATIONS.values()}
# Replayed, but not drawn by any generator: test hooks, and areas without a view.
_NOT_GENERATED = frozenset({"host", "vm_io", "reader", "writer"})
GENERATED: tuple[Declaration, ...] = tuple(
    d for d in DECLARATIONS.values() if d.area not in _NOT_GENERATED
)

__all__ = ["AREAS", "BY_NAME", "DECLARATIONS", "GENERATED", "Declaration", "Field", "Op"]
