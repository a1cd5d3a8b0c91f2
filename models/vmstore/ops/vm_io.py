"""Ops on kernel buffers and on the contents of frames and segments. Source: `ostd/src/mm/io`.

A target is a frame or a segment of untyped memory; exactly one of the two is given.
"""

from dataclasses import dataclass
from typing import ClassVar

from vmstore.ids import (
    BufId,
    BufLength,
    FrameId,
    IoLength,
    IoOffset,
    IoVal,
    Payload,
    ReaderId,
    Scalar,
    Seed,
    SegmentId,
    WriterId,
)

_TARGET = ("frame", "segment")


@dataclass(slots=True)
class BufNew:
    """Make a kernel buffer whose byte k is `(seed + 7 k) mod 256`. Source: none. VmStore: none."""

    dst: BufId
    len: BufLength
    seed: Seed


@dataclass(slots=True)
class BufRead:
    """Look at the contents of a kernel buffer. Source: none. VmStore: none."""

    buf: BufId


@dataclass(slots=True)
class VmioReadBytes:
    """Read `len` bytes from `offset` on. Source: `VmIo::read_bytes`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    len: IoLength
    frame: FrameId | None = None
    segment: SegmentId | None = None


@dataclass(slots=True)
class VmioWriteBytes:
    """Write bytes from `offset` on. Source: `VmIo::write_bytes`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    data: Payload
    frame: FrameId | None = None
    segment: SegmentId | None = None


@dataclass(slots=True)
class VmioReadVal:
    """Read one integer, at any alignment. Source: `VmIo::read_val`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    ty: Scalar
    frame: FrameId | None = None
    segment: SegmentId | None = None


@dataclass(slots=True)
class VmioWriteVal:
    """Write one integer, at any alignment. Source: `VmIo::write_val`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    ty: Scalar
    val: IoVal
    frame: FrameId | None = None
    segment: SegmentId | None = None


@dataclass(slots=True)
class VmioReadOnce:
    """Read one integer in one access. Source: `VmIoOnce::read_once`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    ty: Scalar
    frame: FrameId | None = None
    segment: SegmentId | None = None


@dataclass(slots=True)
class VmioWriteOnce:
    """Write one integer in one access. Source: `VmIoOnce::write_once`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    ty: Scalar
    val: IoVal
    frame: FrameId | None = None
    segment: SegmentId | None = None


@dataclass(slots=True)
class VmioFillZeros:
    """Write `len` zeros from `offset` on. Source: `VmIoFill::fill_zeros`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    len: IoLength
    frame: FrameId | None = None
    segment: SegmentId | None = None


@dataclass(slots=True)
class VmioRead:
    """Fill a fallible writer from `offset` on. Source: `VmIo::read`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    writer: WriterId
    frame: FrameId | None = None
    segment: SegmentId | None = None


@dataclass(slots=True)
class VmioWrite:
    """Drain a fallible reader from `offset` on. Source: `VmIo::write`. VmStore: none."""

    ONE_OF: ClassVar[tuple[str, ...]] = _TARGET

    offset: IoOffset
    reader: ReaderId
    frame: FrameId | None = None
    segment: SegmentId | None = None


VmIoOp = (
    BufNew
    | BufRead
    | VmioReadBytes
    | VmioWriteBytes
    | VmioReadVal
    | VmioWriteVal
    | VmioReadOnce
    | VmioWriteOnce
    | VmioFillZeros
    | VmioRead
    | VmioWrite
)
