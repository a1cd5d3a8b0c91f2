"""Ops on raw page tables and their cursors. Source: `ostd/src/mm/page_table/`.

The store of the proof knows address spaces only, so these realise none of its operations.
"""

from dataclasses import dataclass
from typing import ClassVar

from vmstore.ids import (
    NO_FLAGS,
    NO_PRIV,
    ByteLength,
    CacheChange,
    CachePolicy,
    FrameId,
    Level,
    Paddr,
    PageFlags,
    PrivFlags,
    PtableId,
    PtcursorId,
    TableConfig,
    Vaddr,
    VaddrEnd,
)


@dataclass(slots=True)
class PtNew:
    """Create an empty table; `kernel_full` has its 256 shared nodes. Source: `PageTable::empty`."""

    dst: PtableId
    config: TableConfig


@dataclass(slots=True)
class PtDrop:
    """Drop a table and what it maps, at once. Source: `PageTable::drop`."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("ptable",)

    ptable: PtableId


@dataclass(slots=True)
class PtPageWalk:
    """Translate as the hardware does, without locks. Source: `PageTable::page_walk`."""

    ptable: PtableId
    va: Vaddr


@dataclass(slots=True)
class PtLargestPages:
    """Tile a range with the largest pages, at most 200 shown. Source: `largest_pages`."""

    ptable: PtableId
    va: Vaddr
    paddr: Paddr
    len: ByteLength


@dataclass(slots=True)
class PtCursorOpen:
    """Lock a range to read it. Source: `PageTable::cursor`."""

    dst: PtcursorId
    ptable: PtableId
    start: Vaddr
    end: VaddrEnd


@dataclass(slots=True)
class PtCursorOpenMut:
    """Lock a range to change it. Source: `PageTable::cursor_mut`."""

    dst: PtcursorId
    ptable: PtableId
    start: Vaddr
    end: VaddrEnd


@dataclass(slots=True)
class PtCursorDrop:
    """Unlock the range. Source: `Cursor::drop`."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("ptcursor",)

    ptcursor: PtcursorId


@dataclass(slots=True)
class PtCursorQuery:
    """Read the entry that decides about the cursor's address. Source: `Cursor::query`."""

    ptcursor: PtcursorId


@dataclass(slots=True)
class PtCursorFindNext:
    """Search the next mapping within `len`. Source: `Cursor::find_next`."""

    ptcursor: PtcursorId
    len: ByteLength


@dataclass(slots=True)
class PtCursorJump:
    """Move inside the range. Source: `Cursor::jump`."""

    ptcursor: PtcursorId
    va: Vaddr


@dataclass(slots=True)
class PtCursorVirtAddr:
    """Read the cursor's address. Source: `Cursor::virt_addr`."""

    ptcursor: PtcursorId


@dataclass(slots=True)
class PtCursorMap:
    """Map a plain address; `user` tables map frames only. Source: `CursorMut::map`."""

    ptcursor: PtcursorId
    paddr: Paddr
    level: Level
    flags: PageFlags
    cache: CachePolicy
    priv: PrivFlags = NO_PRIV


@dataclass(slots=True)
class PtCursorMapFrame:
    """Map a frame, whose reference moves into the entry. Source: `CursorMut::map`."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("frame",)

    ptcursor: PtcursorId
    frame: FrameId
    flags: PageFlags
    cache: CachePolicy
    priv: PrivFlags = NO_PRIV


@dataclass(slots=True)
class PtCursorTakeNext:
    """Cut out the next mapping or sub-tree and drop it. Source: `CursorMut::take_next`."""

    ptcursor: PtcursorId
    len: ByteLength


@dataclass(slots=True)
class PtCursorProtectNext:
    """Change the next mapping's property: set flags, then clear. Source: `CursorMut::protect_next`.

    `cache=keep` leaves the cache policy as it is.
    """

    ptcursor: PtcursorId
    len: ByteLength
    set: PageFlags = NO_FLAGS
    clear: PageFlags = NO_FLAGS
    cache: CacheChange = "keep"
