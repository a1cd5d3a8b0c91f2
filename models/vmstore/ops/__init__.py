"""The op alphabet. One declaration per op drives codecs, strategies, mutators and minimizer.

A field whose name starts with `dst` is a handle that the op produces; `CONSUMES` names the fields
whose handles it ends. The text name of an op is its class name in snake case.
"""

from typing import get_args

from vmstore.ops import (
    cursor,
    frame,
    host,
    linked_list,
    mmu,
    page_table,
    rcu,
    reader,
    segment,
    space_io,
    unique,
    vm_io,
    vm_space,
    writer,
)
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
    | mmu.Access
    | rcu.RcuSync
    | space_io.SpaceIoOp
    | vm_io.VmIoOp
    | reader.ReaderOp
    | writer.WriterOp
    | host.HostPokeRefCount
    | host.HostRcuMode
    | host.HostRcuSync
    | host.HostPoolLimit
    | page_table.PtNew
    | page_table.PtDrop
    | page_table.PtPageWalk
    | page_table.PtLargestPages
    | page_table.PtCursorOpen
    | page_table.PtCursorOpenMut
    | page_table.PtCursorDrop
    | page_table.PtCursorQuery
    | page_table.PtCursorFindNext
    | page_table.PtCursorJump
    | page_table.PtCursorVirtAddr
    | page_table.PtCursorMap
    | page_table.PtCursorMapFrame
    | page_table.PtCursorTakeNext
    | page_table.PtCursorProtectNext
    | vm_space.VmspaceNew
    | vm_space.VmspaceDrop
    | vm_space.VmspaceActivate
    | vm_space.CpuSet
    | cursor.CursorOpen
    | cursor.CursorOpenMut
    | cursor.CursorDrop
    | cursor.CursorQuery
    | cursor.CursorFindNext
    | cursor.CursorJump
    | cursor.CursorVirtAddr
    | cursor.CursorMap
    | cursor.CursorMapIomem
    | cursor.CursorFindIomem
    | cursor.CursorUnmap
    | cursor.CursorProtectNext
    | cursor.CursorFlusherIssue
    | cursor.CursorFlusherDispatch
    | cursor.CursorFlusherSync
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
    "host": (
        host.HostPokeRefCount,
        host.HostRcuMode,
        host.HostRcuSync,
        host.HostPoolLimit,
    ),
    "page_table": (
        page_table.PtNew,
        page_table.PtDrop,
        page_table.PtPageWalk,
        page_table.PtLargestPages,
    ),
    "pt_cursor": (
        page_table.PtCursorOpen,
        page_table.PtCursorOpenMut,
        page_table.PtCursorDrop,
        page_table.PtCursorQuery,
        page_table.PtCursorFindNext,
        page_table.PtCursorJump,
        page_table.PtCursorVirtAddr,
        page_table.PtCursorMap,
        page_table.PtCursorMapFrame,
        page_table.PtCursorTakeNext,
        page_table.PtCursorProtectNext,
    ),
    "vm_space": (
        vm_space.VmspaceNew,
        vm_space.VmspaceDrop,
        vm_space.VmspaceActivate,
        vm_space.CpuSet,
    ),
    "cursor": (
        cursor.CursorOpen,
        cursor.CursorOpenMut,
        cursor.CursorDrop,
        cursor.CursorQuery,
        cursor.CursorFindNext,
        cursor.CursorJump,
        cursor.CursorVirtAddr,
        cursor.CursorMap,
        cursor.CursorMapIomem,
        cursor.CursorFindIomem,
        cursor.CursorUnmap,
        cursor.CursorProtectNext,
        cursor.CursorFlusherIssue,
        cursor.CursorFlusherDispatch,
        cursor.CursorFlusherSync,
    ),
    "space_io": get_args(space_io.SpaceIoOp),
    "vm_io": get_args(vm_io.VmIoOp),
    "reader": get_args(reader.ReaderOp),
    "writer": get_args(writer.WriterOp),
    "mmu": (mmu.Access,),
    "rcu": (rcu.RcuSync,),
}

DECLARATIONS: dict[type, Declaration] = {
    cls: declare(cls, area) for area, classes in AREAS.items() for cls in classes
}
BY_NAME: dict[str, Declaration] = {d.name: d for d in DECLARATIONS.values()}
# What the generators draw from: all but the hooks of recorded programs.
GENERATED: tuple[Declaration, ...] = tuple(d for d in DECLARATIONS.values() if d.area != "host")
__all__ = ["AREAS", "BY_NAME", "DECLARATIONS", "GENERATED", "Declaration", "Field", "Op"]
