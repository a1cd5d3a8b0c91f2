"""Ops on the cursors of address spaces. Source: `ostd/src/mm/vm_space.rs`, `tlb.rs`."""

from dataclasses import dataclass
from typing import ClassVar, Final

from vmstore.ids import (
    NO_FLAGS,
    ByteLength,
    ByteOffset,
    CacheChange,
    CachePolicy,
    CursorId,
    FlushKind,
    FrameId,
    Paddr,
    PageFlags,
    Vaddr,
    VaddrEnd,
    VmSpaceId,
)

_NO_VA: Final = Vaddr(0)
_NO_END: Final = VaddrEnd(0)


@dataclass(slots=True)
class CursorOpen:
    """Lock a range to read it. Source: `VmSpace::cursor`. VmStore: OpenCursor."""

    dst: CursorId
    vs: VmSpaceId
    start: Vaddr
    end: VaddrEnd


@dataclass(slots=True)
class CursorOpenMut:
    """Lock a range to change it. Source: `VmSpace::cursor_mut`. VmStore: OpenCursorMut."""

    dst: CursorId
    vs: VmSpaceId
    start: Vaddr
    end: VaddrEnd


@dataclass(slots=True)
class CursorDrop:
    """Unlock the range. Source: `vm_space::Cursor::drop`. VmStore: DropCursor."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("cursor",)

    cursor: CursorId


@dataclass(slots=True)
class CursorQuery:
    """Read what is mapped here. Source: `vm_space::Cursor::query`. VmStore: Query."""

    cursor: CursorId


@dataclass(slots=True)
class CursorFindNext:
    """Search the next mapping within `len`. Source: `vm_space::Cursor::find_next`.

    VmStore: FindNext.
    """

    cursor: CursorId
    len: ByteLength


@dataclass(slots=True)
class CursorJump:
    """Move inside the range. Source: `vm_space::Cursor::jump`. VmStore: Jump."""

    cursor: CursorId
    va: Vaddr


@dataclass(slots=True)
class CursorVirtAddr:
    """Read the cursor's address. Source: `vm_space::Cursor::virt_addr`.

    VmStore: VirtAddr.
    """

    cursor: CursorId


@dataclass(slots=True)
class CursorMap:
    """Map an untyped frame, whose reference moves into the entry. Source: `CursorMut::map`.

    VmStore: Map.
    """

    CONSUMES: ClassVar[tuple[str, ...]] = ("frame",)

    cursor: CursorId
    frame: FrameId
    flags: PageFlags
    cache: CachePolicy


@dataclass(slots=True)
class CursorMapIomem:
    """Map `len` bytes of a device region from `offset` on. Source: `CursorMut::map_iomem`.

    VmStore: none.
    """

    cursor: CursorId
    paddr: Paddr
    size: ByteLength
    flags: PageFlags
    cache: CachePolicy
    len: ByteLength
    offset: ByteOffset


@dataclass(slots=True)
class CursorFindIomem:
    """Find the device region that has an address. Source: `CursorMut::find_iomem_by_paddr`.

    VmStore: none.
    """

    cursor: CursorId
    paddr: Paddr


@dataclass(slots=True)
class CursorUnmap:
    """Unmap `len` bytes and flush. Source: `CursorMut::unmap`. VmStore: Unmap."""

    cursor: CursorId
    len: ByteLength


@dataclass(slots=True)
class CursorProtectNext:
    """Change the next mapping's property: set flags, then clear. Source: `CursorMut::protect_next`.

    `cache=keep` leaves the cache policy as it is. VmStore: ProtectNext.
    """

    cursor: CursorId
    len: ByteLength
    set: PageFlags = NO_FLAGS
    clear: PageFlags = NO_FLAGS
    cache: CacheChange = "keep"


@dataclass(slots=True)
class CursorFlusherIssue:
    """Queue a flush of everything, of the page at `va`, or of `[va, end)`.

    Source: `TlbFlusher::issue_tlb_flush`. VmStore: none.
    """

    cursor: CursorId
    kind: FlushKind
    va: Vaddr = _NO_VA
    end: VaddrEnd = _NO_END


@dataclass(slots=True)
class CursorFlusherDispatch:
    """Flush what is queued. Source: `TlbFlusher::dispatch_tlb_flush`. VmStore: none."""

    cursor: CursorId


@dataclass(slots=True)
class CursorFlusherSync:
    """Wait for the other CPUs. Source: `TlbFlusher::sync_tlb_flush`. VmStore: none."""

    cursor: CursorId
