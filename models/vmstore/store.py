"""`VmStore`: what a caller owns, and the ghost state of every metadata slot.

Driven by (op, outcome) alone, never by exec state. Counts per slot are kept by the helpers that
insert and extract entries; the full check recomputes them from the registries.
Source: vostd `VmStore`.
"""

from typing import Final, NamedTuple

from vmstore.arch import PAGE_SIZE
from vmstore.owner import SlotOwner
from vmstore.spaces import CursorEntry, RequiresError, VmIoEntry, VmSpaceEntry
from vmstore.tlb_model import TlbModel
from vmstore.world import World

# Registries of handles; the raw ones hold forgotten handles. In `Registry` order everywhere.
FRAME: Final = "frame"
RAW: Final = "raw"
SEGMENT: Final = "segment"
RAW_SEGMENT: Final = "raw_segment"
UNIQUE: Final = "unique"
RAW_UNIQUE: Final = "raw_unique"


class SegmentEntry(NamedTuple):
    """The half-open physical byte range of a segment handle."""

    start: int
    end: int


class VmStore:
    """The registries and the slot owners, with what the current step touched.

    Effect: every insert and extract moves the counts of the slots it names; `touched` lists their
    owners, `fresh` the entries inserted in it.
    Errors: `RequiresError` when an id is not live, or already taken.
    """

    __slots__ = (
        "cursors",
        "extracts_slots",
        "frames",
        "fresh",
        "kernel",
        "ledger_is_exact",
        "owners",
        "raw_frames",
        "raw_segments",
        "raw_uniques",
        "rc_max",
        "segments",
        "stamp",
        "tlb_model",
        "touched",
        "unique_frames",
        "vm_ios",
        "vm_spaces",
    )

    def __init__(self, world: World) -> None:
        self.kernel = (world.frames, world.frames + world.kernel_nodes, 1 + world.cpus)
        self.extracts_slots = world.variant("slot_presence") == "extracted"
        self.rc_max = world.rc_max
        self.ledger_is_exact = world.variant("ledger") == "exact"
        self.owners: dict[int, SlotOwner] = {}
        self.frames: dict[int, int] = {}
        self.raw_frames: dict[int, int] = {}
        self.segments: dict[int, SegmentEntry] = {}
        self.raw_segments: dict[int, SegmentEntry] = {}
        self.unique_frames: dict[int, int] = {}
        self.raw_uniques: dict[int, int] = {}
        self.vm_spaces: dict[int, VmSpaceEntry] = {}
        self.cursors: dict[int, CursorEntry] = {}
        self.vm_ios: dict[int, VmIoEntry] = {}
        self.tlb_model = TlbModel()
        self.stamp = 1
        self.touched: list[SlotOwner] = []
        self.fresh: list[tuple[str, int]] = []

    def owner(self, index: int) -> SlotOwner:
        """Return the owner of slot `index`, pristine when nothing happened to it yet."""
        found = self.owners.get(index)
        return found if found is not None else self._boot_owner(index)

    def owner_at(self, paddr: int) -> SlotOwner:
        """Return the owner of the page that contains `paddr`."""
        index = paddr // PAGE_SIZE
        found = self.owners.get(index)
        return found if found is not None else self._boot_owner(index)

    def _boot_owner(self, index: int) -> SlotOwner:
        fresh = SlotOwner(index)
        first, end, root_links = self.kernel
        if first <= index < end:
            fresh.usage = "PageTable"
            fresh.links = root_links if index == first else 1
        self.owners[index] = fresh
        return fresh

    def touch(self, owner: SlotOwner) -> None:
        """Put `owner` into the footprint of this step."""
        if owner.stamp != self.stamp:
            owner.stamp = self.stamp
            self.touched.append(owner)

    # -- frames: `extract_frame`, `insert_frame` of the seed documents --------------------------

    def insert_frame(self, fid: int, paddr: int) -> None:
        """Register a shared handle. Requires: `fid` fresh. Effect: H + 1 at its page."""
        if fid in self.frames:
            raise RequiresError(f"frame {fid} is already registered")
        self.frames[fid] = paddr
        self.fresh.append((FRAME, fid))
        owner = self.owners.get(paddr // PAGE_SIZE) or self.owner_at(paddr)
        owner.handles += 1
        owner.obligations += 1
        if owner.stamp != self.stamp:
            owner.stamp = self.stamp
            self.touched.append(owner)

    def extract_frame(self, fid: int) -> SlotOwner:
        """Take a shared handle out. Requires: `fid` live. Effect: H - 1 at its page."""
        if fid not in self.frames:
            raise RequiresError(f"frame {fid} is not registered")
        paddr = self.frames.pop(fid)
        owner = self.owners.get(paddr // PAGE_SIZE) or self.owner_at(paddr)
        owner.handles -= 1
        if owner.obligations:
            owner.obligations -= 1
        if owner.stamp != self.stamp:
            owner.stamp = self.stamp
            self.touched.append(owner)
        return owner

    def forget_frame(self, fid: int, rid: int) -> int:
        """Move a handle to the raw registry and return its address. Effect: H unchanged."""
        owner = self.extract_frame(fid)
        if rid in self.raw_frames:
            raise RequiresError(f"raw frame {rid} is already registered")
        owner.handles += 1
        owner.forgotten += 1
        self.raw_frames[rid] = owner.index * PAGE_SIZE
        self.fresh.append((RAW, rid))
        return owner.index * PAGE_SIZE

    def restore_frame(self, rid: int, fid: int) -> None:
        """Move a raw handle back. Requires: `rid` live, `fid` fresh. Effect: H unchanged."""
        if rid not in self.raw_frames:
            raise RequiresError(f"raw frame {rid} is not registered")
        paddr = self.raw_frames[rid]
        self.insert_frame(fid, paddr)
        del self.raw_frames[rid]
        owner = self.owner_at(paddr)
        owner.handles -= 1
        owner.forgotten -= 1

    # -- unique frames -------------------------------------------------------------------------

    def insert_unique(self, uid: int, paddr: int) -> None:
        """Register an exclusive handle. Requires: `uid` fresh. Effect: U + 1 at its page."""
        if uid in self.unique_frames:
            raise RequiresError(f"unique {uid} is already registered")
        self.unique_frames[uid] = paddr
        self.fresh.append((UNIQUE, uid))
        owner = self.owners.get(paddr // PAGE_SIZE) or self.owner_at(paddr)
        owner.uniques += 1
        owner.obligations += 1
        if owner.stamp != self.stamp:
            owner.stamp = self.stamp
            self.touched.append(owner)

    def extract_unique(self, uid: int) -> SlotOwner:
        """Take an exclusive handle out. Requires: `uid` live. Effect: U - 1 at its page."""
        if uid not in self.unique_frames:
            raise RequiresError(f"unique {uid} is not registered")
        paddr = self.unique_frames.pop(uid)
        owner = self.owners.get(paddr // PAGE_SIZE) or self.owner_at(paddr)
        owner.uniques -= 1
        if owner.obligations:
            owner.obligations -= 1
        if owner.stamp != self.stamp:
            owner.stamp = self.stamp
            self.touched.append(owner)
        return owner

    def forget_unique(self, uid: int, rid: int) -> int:
        """Move an exclusive handle to the raw registry. Effect: U unchanged."""
        owner = self.extract_unique(uid)
        if rid in self.raw_uniques:
            raise RequiresError(f"raw unique {rid} is already registered")
        owner.uniques += 1
        owner.forgotten += 1
        self.raw_uniques[rid] = owner.index * PAGE_SIZE
        self.fresh.append((RAW_UNIQUE, rid))
        return owner.index * PAGE_SIZE

    def restore_unique(self, rid: int, uid: int) -> None:
        """Move a raw exclusive handle back. Requires: `rid` live, `uid` fresh."""
        if rid not in self.raw_uniques:
            raise RequiresError(f"raw unique {rid} is not registered")
        paddr = self.raw_uniques[rid]
        self.insert_unique(uid, paddr)
        del self.raw_uniques[rid]
        owner = self.owner_at(paddr)
        owner.uniques -= 1
        owner.forgotten -= 1

    def list_unique(self, uid: int) -> SlotOwner:
        """Let a list swallow an exclusive handle. Requires: `uid` live. Effect: U unchanged."""
        owner = self.extract_unique(uid)
        owner.uniques += 1
        owner.forgotten += 1
        return owner

    def unlist_page(self, index: int) -> SlotOwner:
        """Let a list give a page up. Effect: U - 1; the caller registers or frees the page."""
        owner = self.owner(index)
        owner.uniques -= 1
        owner.forgotten -= 1
        self.touch(owner)
        return owner

    # -- segments: `extract_segment`, `insert_segment` -----------------------------------------

    def insert_segment(self, sid: int, start: int, end: int, *, minted: bool = True) -> None:
        """Register a segment. Requires: `sid` fresh. Effect: C + 1 at every page of its range.

        `minted` says whether the proof's contract mints an obligation for each page.
        """
        if sid in self.segments:
            raise RequiresError(f"segment {sid} is already registered")
        self.segments[sid] = SegmentEntry(start, end)
        self.fresh.append((SEGMENT, sid))
        mint = 1 if minted or self.ledger_is_exact else 0
        owners, stamp = self.owners, self.stamp
        for index in range(start // PAGE_SIZE, end // PAGE_SIZE):
            owner = owners.get(index) or self.owner(index)
            owner.covers += 1
            owner.obligations += mint
            if owner.stamp != stamp:
                owner.stamp = stamp
                self.touched.append(owner)

    def extract_segment(self, sid: int, *, redeemed: bool = True) -> SegmentEntry:
        """Take a segment out. Requires: `sid` live. Effect: C - 1 at every page of its range."""
        if sid not in self.segments:
            raise RequiresError(f"segment {sid} is not registered")
        entry = self.segments.pop(sid)
        for index in range(entry.start // PAGE_SIZE, entry.end // PAGE_SIZE):
            owner = self.owner(index)
            owner.covers -= 1
            if redeemed and owner.obligations:
                owner.obligations -= 1
            if owner.stamp != self.stamp:
                self.touch(owner)
        return entry

    def shrink_front(self, sid: int, fid: int) -> None:
        """Hand the first page of a segment over to a fresh frame. Effect: C - 1, H + 1 there.

        Requires: `sid` live and not empty, `fid` fresh. The obligation passes with the page.
        """
        if sid not in self.segments:
            raise RequiresError(f"segment {sid} is not registered")
        start, end = self.segments[sid]
        if start >= end:
            raise RequiresError(f"segment {sid} is empty")
        self.insert_frame(fid, start)
        owner = self.owner_at(start)
        owner.covers -= 1
        owner.obligations -= 1
        self.segments[sid] = SegmentEntry(start + PAGE_SIZE, end)
        self.fresh.append((SEGMENT, sid))

    def forget_segment(self, sid: int, rid: int) -> SegmentEntry:
        """Move a segment to the raw registry. Effect: C and the ledger unchanged."""
        if sid not in self.segments:
            raise RequiresError(f"segment {sid} is not registered")
        if rid in self.raw_segments:
            raise RequiresError(f"raw segment {rid} is already registered")
        entry = self.segments.pop(sid)
        self.raw_segments[rid] = entry
        self.fresh.append((RAW_SEGMENT, rid))
        return entry

    def restore_segment(self, rid: int, sid: int) -> None:
        """Move a raw segment back. Effect: C and the ledger unchanged."""
        if rid not in self.raw_segments:
            raise RequiresError(f"raw segment {rid} is not registered")
        if sid in self.segments:
            raise RequiresError(f"segment {sid} is already registered")
        self.segments[sid] = self.raw_segments.pop(rid)
        self.fresh.append((SEGMENT, sid))

    # -- the ledger ----------------------------------------------------------------------------

    def is_clean(self) -> bool:
        """Return `clean_inv` without the region's own invariant: the ledger is empty."""
        return all(owner.obligations == 0 for owner in self.owners.values())
