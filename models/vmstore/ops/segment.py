"""Ops on segments. Source: `ostd/src/mm/frame/segment.rs`."""

from dataclasses import dataclass
from typing import ClassVar

from vmstore.ids import (
    NO_VAL,
    ByteOffset,
    ByteOffsetEnd,
    FrameId,
    MetaKind,
    MetaVal,
    Paddr,
    PaddrEnd,
    RawSegmentId,
    SegmentId,
)


@dataclass(slots=True)
class SegmentFromUnused:
    """Claim a run of unused pages; page `p` gets payload `val + p / 4096`.

    Source: `Segment::from_unused`. VmStore: SegmentFromUnused.
    """

    dst: SegmentId
    start: Paddr
    end: PaddrEnd
    meta: MetaKind = "unit"
    val: MetaVal = NO_VAL


@dataclass(slots=True)
class SegmentInfo:
    """Read start and size. Source: `Segment::{paddr, size}`. VmStore: none."""

    segment: SegmentId


@dataclass(slots=True)
class SegmentSplit:
    """Cut a segment in two at `offset`. Source: `Segment::split`. VmStore: SegmentSplit."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("segment",)

    dst_left: SegmentId
    dst_right: SegmentId
    segment: SegmentId
    offset: ByteOffset


@dataclass(slots=True)
class SegmentSlice:
    """Share the byte range `[start, end)` of a segment. Source: `Segment::slice`.

    VmStore: SegmentSlice, which takes absolute addresses and no empty range.
    """

    dst: SegmentId
    segment: SegmentId
    start: ByteOffset
    end: ByteOffsetEnd


@dataclass(slots=True)
class SegmentClone:
    """Share the whole segment. Source: `Segment::clone`. VmStore: SegmentClone."""

    dst: SegmentId
    segment: SegmentId


@dataclass(slots=True)
class SegmentNext:
    """Take the first page out as a frame. Source: `Segment::next`. VmStore: SegmentNext."""

    dst: FrameId
    segment: SegmentId


@dataclass(slots=True)
class SegmentDrop:
    """Give every covered page back, ascending. Source: `Segment::drop`. VmStore: SegmentDrop."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("segment",)

    segment: SegmentId


@dataclass(slots=True)
class SegmentFromFrame:
    """Turn a frame into a one-page segment. Source: `Segment::from`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("frame",)

    dst: SegmentId
    frame: FrameId


@dataclass(slots=True)
class SegmentIntoRaw:
    """Forget a segment, keep its counts. Source: `Segment::into_raw`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("segment",)

    dst: RawSegmentId
    segment: SegmentId


@dataclass(slots=True)
class SegmentFromRaw:
    """Restore a forgotten segment. Source: `Segment::from_raw`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("raw_segment",)

    dst: SegmentId
    raw_segment: RawSegmentId


@dataclass(slots=True)
class SegmentDowncast:
    """Recover the metadata type, judged by the first page. Source: `Segment::try_from`.

    VmStore: none.
    """

    segment: SegmentId
    meta: MetaKind


@dataclass(slots=True)
class SegmentToUsegment:
    """Narrow to untyped memory, judged by the first page. Source: `USegment::try_from`.

    VmStore: none.
    """

    segment: SegmentId
