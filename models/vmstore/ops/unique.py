"""Ops on exclusive frame handles. Source: `ostd/src/mm/frame/unique.rs`."""

from dataclasses import dataclass
from typing import ClassVar

from vmstore.ids import NO_VAL, FrameId, MetaKind, MetaVal, Paddr, RawUniqueId, UniqueId


@dataclass(slots=True)
class UniqueFromUnused:
    """Claim an unused page exclusively. Source: `UniqueFrame::from_unused`.

    VmStore: UniqueFromUnused, whose guard also wants a page that was never used before.
    """

    dst: UniqueId
    paddr: Paddr
    meta: MetaKind = "unit"
    val: MetaVal = NO_VAL


@dataclass(slots=True)
class UniqueInfo:
    """Read address, size, level, metadata. Source: `UniqueFrame::{paddr, meta}`. VmStore: none."""

    unique: UniqueId


@dataclass(slots=True)
class UniqueSetVal:
    """Change the payload in place. Source: `UniqueFrame::meta_mut`. VmStore: none."""

    unique: UniqueId
    val: MetaVal


@dataclass(slots=True)
class UniqueRepurpose:
    """Tear the metadata down and write another. Source: `UniqueFrame::repurpose`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("unique",)

    dst: UniqueId
    unique: UniqueId
    meta: MetaKind = "unit"
    val: MetaVal = NO_VAL


@dataclass(slots=True)
class UniqueIntoRaw:
    """Forget the handle. Source: `UniqueFrame::into_raw`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("unique",)

    dst: RawUniqueId
    unique: UniqueId


@dataclass(slots=True)
class UniqueFromRaw:
    """Restore a forgotten handle. Source: `UniqueFrame::from_raw`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("raw_unique",)

    dst: UniqueId
    raw_unique: RawUniqueId


@dataclass(slots=True)
class UniqueIntoShared:
    """Give up exclusiveness. Source: `Frame::from(UniqueFrame)`. VmStore: FromUnique."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("unique",)

    dst: FrameId
    unique: UniqueId


@dataclass(slots=True)
class UniqueTryFromShared:
    """Make the only handle exclusive. Source: `UniqueFrame::try_from`. VmStore: TryFromShared.

    Errors: `Shared`; the frame goes back to the caller, who can no longer name it in a trace.
    """

    CONSUMES: ClassVar[tuple[str, ...]] = ("frame",)

    dst: UniqueId
    frame: FrameId


@dataclass(slots=True)
class UniqueDrop:
    """Free the page. Source: `UniqueFrame::drop`. VmStore: UniqueDrop."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("unique",)

    unique: UniqueId


@dataclass(slots=True)
class UniqueResetAsUnused:
    """Free the slot, not the page. Source: `UniqueFrame::reset_as_unused`. VmStore: none."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("unique",)

    unique: UniqueId
