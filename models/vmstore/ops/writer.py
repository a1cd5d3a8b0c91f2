"""Ops on writers. Source: `VmWriter` in `ostd/src/mm/io/mod.rs`.

A writer over a frame, a segment or a buffer is infallible until it is made fallible; a writer of
an address space is fallible.
"""

from dataclasses import dataclass
from typing import ClassVar

from vmstore.ids import (
    BufId,
    FrameId,
    IoLength,
    IoOffset,
    IoVal,
    ReaderId,
    Scalar,
    SegmentId,
    WriterId,
)
from vmstore.ops.reader import NOTHING, START


@dataclass(slots=True)
class WriterNew:
    """Write a whole frame or segment, or `len` bytes of a buffer from `offset` on.

    `offset` and `len` belong to a buffer and mean nothing otherwise.

    Source: `UFrame::writer`, `USegment::writer`, `VmWriter::from`. VmStore: NewKernelWriter.
    """

    ONE_OF: ClassVar[tuple[str, ...]] = ("frame", "segment", "buf")

    dst: WriterId
    frame: FrameId | None = None
    segment: SegmentId | None = None
    buf: BufId | None = None
    offset: IoOffset = START
    len: IoLength = NOTHING


@dataclass(slots=True)
class WriterAvail:
    """Ask how many bytes still fit. Source: `VmWriter::{avail, has_avail}`.

    VmStore: WriterQuery.
    """

    writer: WriterId


@dataclass(slots=True)
class WriterSkip:
    """Move the cursor on by `n` bytes. Source: `VmWriter::skip`. VmStore: WriterSkip."""

    writer: WriterId
    n: IoLength


@dataclass(slots=True)
class WriterLimit:
    """Leave room for at most `n` bytes. Source: `VmWriter::limit`. VmStore: WriterLimit."""

    writer: WriterId
    n: IoLength


@dataclass(slots=True)
class WriterToFallible:
    """Make an infallible writer a fallible one. Source: `VmWriter::to_fallible`. VmStore: none."""

    writer: WriterId


@dataclass(slots=True)
class WriterWriteVal:
    """Write one integer, at any alignment. Source: `VmWriter::write_val`.

    VmStore: WriterWriteVal.
    """

    writer: WriterId
    ty: Scalar
    val: IoVal


@dataclass(slots=True)
class WriterWriteOnce:
    """Write one integer in one access; infallible writers only. Source: `VmWriter::write_once`.

    VmStore: none.
    """

    writer: WriterId
    ty: Scalar
    val: IoVal


@dataclass(slots=True)
class WriterFillZeros:
    """Write up to `n` zeros. Source: `VmWriter::fill_zeros`. VmStore: WriterFillZeros."""

    writer: WriterId
    n: IoLength


@dataclass(slots=True)
class WriterWrite:
    """Copy as much as fits, both infallible. Source: `VmWriter::write`. VmStore: Write."""

    writer: WriterId
    reader: ReaderId


@dataclass(slots=True)
class WriterWriteFallible:
    """Copy as much as fits up to a fault, one side or both fallible.

    Source: `FallibleVmWrite::write_fallible`. VmStore: none.
    """

    writer: WriterId
    reader: ReaderId


@dataclass(slots=True)
class WriterAtomicCompareExchange:
    """Exchange the `u32` under both cursors if it is `old`; both fallible, neither moves.

    Source: `VmWriter::atomic_compare_exchange`. VmStore: none.
    """

    writer: WriterId
    reader: ReaderId
    old: IoVal
    new: IoVal


@dataclass(slots=True)
class WriterDrop:
    """Let go of a writer. Source: `Drop`. VmStore: DropWriter."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("writer",)

    writer: WriterId


WriterOp = (
    WriterNew
    | WriterAvail
    | WriterSkip
    | WriterLimit
    | WriterToFallible
    | WriterWriteVal
    | WriterWriteOnce
    | WriterFillZeros
    | WriterWrite
    | WriterWriteFallible
    | WriterAtomicCompareExchange
    | WriterDrop
)
