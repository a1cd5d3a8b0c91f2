"""Ops on readers. Source: `VmReader` in `ostd/src/mm/io/mod.rs`.

A reader over a frame, a segment or a buffer is infallible until it is made fallible; a reader of
an address space is fallible.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from vmstore.ids import (
    BufId,
    FrameId,
    IoLength,
    IoOffset,
    ReaderId,
    Scalar,
    SegmentId,
    WriterId,
)

START: Final = IoOffset(0)
NOTHING: Final = IoLength(0)


@dataclass(slots=True)
class ReaderNew:
    """Read a whole frame or segment, or `len` bytes of a buffer from `offset` on.

    `offset` and `len` belong to a buffer and mean nothing otherwise.

    Source: `UFrame::reader`, `USegment::reader`, `VmReader::from`. VmStore: NewKernelReader.
    """

    ONE_OF: ClassVar[tuple[str, ...]] = ("frame", "segment", "buf")

    dst: ReaderId
    frame: FrameId | None = None
    segment: SegmentId | None = None
    buf: BufId | None = None
    offset: IoOffset = START
    len: IoLength = NOTHING


@dataclass(slots=True)
class ReaderRemain:
    """Ask how many bytes are left. Source: `VmReader::{remain, has_remain}`.

    VmStore: ReaderQuery.
    """

    reader: ReaderId


@dataclass(slots=True)
class ReaderSkip:
    """Move the cursor on by `n` bytes. Source: `VmReader::skip`. VmStore: ReaderSkip."""

    reader: ReaderId
    n: IoLength


@dataclass(slots=True)
class ReaderLimit:
    """Leave at most `n` bytes. Source: `VmReader::limit`. VmStore: ReaderLimit."""

    reader: ReaderId
    n: IoLength


@dataclass(slots=True)
class ReaderClone:
    """Make a second reader of what is left. Source: `VmReader::clone`. VmStore: none."""

    dst_new_reader: ReaderId
    reader: ReaderId


@dataclass(slots=True)
class ReaderToFallible:
    """Make an infallible reader a fallible one. Source: `VmReader::to_fallible`. VmStore: none."""

    reader: ReaderId


@dataclass(slots=True)
class ReaderReadVal:
    """Read one integer, at any alignment. Source: `VmReader::read_val`. VmStore: ReaderReadVal."""

    reader: ReaderId
    ty: Scalar


@dataclass(slots=True)
class ReaderReadOnce:
    """Read one integer in one access; infallible readers only. Source: `VmReader::read_once`.

    VmStore: none.
    """

    reader: ReaderId
    ty: Scalar


@dataclass(slots=True)
class ReaderAtomicLoad:
    """Load a `u32` atomically and stay in place; fallible readers only.

    Source: `VmReader::atomic_load`. VmStore: none.
    """

    reader: ReaderId


@dataclass(slots=True)
class ReaderRead:
    """Copy as much as fits, both infallible. Source: `VmReader::read`. VmStore: Read."""

    reader: ReaderId
    writer: WriterId


@dataclass(slots=True)
class ReaderReadFallible:
    """Copy as much as fits up to a fault, one side or both fallible.

    Source: `FallibleVmRead::read_fallible`. VmStore: none.
    """

    reader: ReaderId
    writer: WriterId


@dataclass(slots=True)
class ReaderDrop:
    """Let go of a reader. Source: `Drop`. VmStore: DropReader."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("reader",)

    reader: ReaderId


ReaderOp = (
    ReaderNew
    | ReaderRemain
    | ReaderSkip
    | ReaderLimit
    | ReaderClone
    | ReaderToFallible
    | ReaderReadVal
    | ReaderReadOnce
    | ReaderAtomicLoad
    | ReaderRead
    | ReaderReadFallible
    | ReaderDrop
)
