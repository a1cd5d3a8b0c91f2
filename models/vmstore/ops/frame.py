"""Ops on shared frame handles. Source: `ostd/src/mm/frame/mod.rs`."""

from dataclasses import dataclass
from typing import ClassVar

from vmstore.ids import NO_VAL, FrameId, MetaKind, MetaVal, Paddr, RawId


@dataclass(slots=True)
class FrameFromUnused:
    """Claim an unused page. Source: `Frame::from_unused`. VmStore: FrameFromUnused."""

    dst: FrameId
    paddr: Paddr
    meta: MetaKind = "unit"
    val: MetaVal = NO_VAL


@dataclass(slots=True)
class FrameFromInUse:
    """Take a handle on a live page. Source: `Frame::from_in_use`. VmStore: FrameFromInUse."""

    dst: FrameId
    paddr: Paddr


@dataclass(slots=True)
class FrameClone:
    """Take one more handle through an old one. Source: `Frame::clone`. VmStore: FrameFromInUse."""

    dst: FrameId
    frame: FrameId


@dataclass(slots=True)
class FrameDrop:
    """Give a handle back; the last frees the page. Source: `Frame::drop`. VmStore: FrameDrop."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("frame",)

    frame: FrameId


@dataclass(slots=True)
class FrameIntoRaw:
    """Forget a handle, keep its count. Source: `Frame::into_raw`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("frame",)

    dst: RawId
    frame: FrameId


@dataclass(slots=True)
class FrameFromRaw:
    """Restore a forgotten handle. Source: `Frame::from_raw`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("raw",)

    dst: FrameId
    raw: RawId


@dataclass(slots=True)
class FrameReferenceCount:
    """Read the count. Source: `Frame::reference_count`. VmStore: none."""

    frame: FrameId


@dataclass(slots=True)
class FrameInfo:
    """Read address, size, metadata. Source: `Frame::{paddr, size, dyn_meta}`. VmStore: none."""

    frame: FrameId


@dataclass(slots=True)
class FrameBorrow:
    """Read address and count through a `FrameRef`. Source: `Frame::borrow`. VmStore: none."""

    frame: FrameId


@dataclass(slots=True)
class FrameEq:
    """Compare two handles by address. Source: `Frame::eq`. VmStore: none."""

    frame: FrameId
    other: FrameId


@dataclass(slots=True)
class FrameDowncast:
    """Recover the metadata type; the handle survives. Source: `Frame::try_from`. VmStore: none."""

    frame: FrameId
    meta: MetaKind


@dataclass(slots=True)
class FrameToUframe:
    """Narrow to untyped memory; the handle survives. Source: `UFrame::try_from`. VmStore: none."""

    frame: FrameId
