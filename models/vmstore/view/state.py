"""The view: what each page carries, the lists as plain sequences, the events to be seen."""

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, U64_MASK
from vmstore.cells import NONE
from vmstore.exec.machine import Event
from vmstore.outcome import (
    IN_USE,
    NOT_ALIGNED,
    OUT_OF_BOUND,
    UNIQUE,
    UNUSED,
    Err,
    PoweredOff,
    Unwinding,
)
from vmstore.owner import SlotOwner
from vmstore.store import VmStore
from vmstore.view.contents import Contents
from vmstore.view.spaces import Spaces
from vmstore.view.tables import Table
from vmstore.world import World

Page = tuple[str, int]  # metadata kind and payload


class ListView:
    """A list as a plain sequence of page indices; `list_id` is 0 until something needs it.

    `handle` is the id under which the trace knows the list.
    """

    __slots__ = ("handle", "is_borrowed", "list_id", "pages")

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.pages: list[int] = []
        self.list_id = 0
        self.is_borrowed = False


class CursorView:
    """A list cursor as a position in `0 ..= len`; `len` is the ghost."""

    __slots__ = ("list", "position")

    def __init__(self, borrowed: ListView, position: int) -> None:
        self.list = borrowed
        self.position = position

    def element(self) -> int:
        """Return the page index under the cursor, `NONE` on the ghost."""
        pages = self.list.pages
        return pages[self.position] if self.position < len(pages) else NONE


class View:
    """Store and view together: all that a rule may read and write.

    `contents` are the bytes that pages and buffers must hold;
    `pages` maps a live page to its metadata; `linked` a listed page to its list; `events` are
    those that this step must show, in order; `touched_lists` and `touched_cursors` the lists and
    the cursor ids that it may change.
    """

    __slots__ = (
        "asserts",
        "contents",
        "debug",
        "events",
        "frames",
        "lcursors",
        "linked",
        "list_ids",
        "lists",
        "max_paddr",
        "next_list_id",
        "pages",
        "push_back_appends",
        "rc_max",
        "reports_dealloc",
        "rolls_back",
        "slice_checks_offsets",
        "spaces",
        "store",
        "top_page_accepted",
        "touched_cursors",
        "touched_lists",
    )

    def __init__(self, world: World) -> None:
        self.store = VmStore(world)
        self.contents = Contents()
        self.spaces = Spaces(world)
        self.frames = world.frames
        self.max_paddr = world.max_paddr
        self.rc_max = world.rc_max
        self.list_ids = world.list_ids
        self.debug = world.build == "debug"
        self.asserts = self.debug and world.variant("debug_assertions") == "checked"
        self.reports_dealloc = world.variant("dealloc_upcall") == "called"
        self.push_back_appends = world.variant("push_back") == "append"
        self.rolls_back = world.variant("rollback") == "released"
        self.slice_checks_offsets = world.variant("slice_check") == "offsets"
        self.top_page_accepted = world.variant("top_page") == "accepted"
        self.next_list_id = 1
        self.pages: dict[int, Page] = {}
        self.lists: dict[int, ListView] = {}
        self.lcursors: dict[int, CursorView] = {}
        self.linked: dict[int, ListView] = {}
        self.events: list[Event] = []
        self.touched_lists: list[ListView] = []
        self.touched_cursors: list[int] = []

    def add(self, address: int, length: int) -> int:
        """Return where a range ends. Errors: debug panic beyond 64 bits; a release build wraps."""
        end = address + length
        if end > U64_MASK and self.debug:
            raise Unwinding("overflow")
        return end & U64_MASK

    def claim_error(self, paddr: int) -> Err | None:
        """Return why the page at `paddr` cannot be claimed as unused, None if it can."""
        if paddr % PAGE_SIZE:
            return NOT_ALIGNED
        if paddr >= self.max_paddr:
            return OUT_OF_BOUND
        owner = self.store.owners.get(paddr // PAGE_SIZE) or self.store.owner_at(paddr)
        if owner.uniques:
            return UNIQUE
        return IN_USE if owner.references() else None

    def share_error(self, paddr: int) -> Err | None:
        """Return why the page at `paddr` cannot be shared, None if it can."""
        if paddr % PAGE_SIZE:
            return NOT_ALIGNED
        if paddr >= self.max_paddr:
            return OUT_OF_BOUND
        owner = self.store.owner_at(paddr)
        if owner.uniques:
            return UNIQUE
        return None if owner.references() else UNUSED

    def claim(self, index: int, kind: str, val: int) -> None:
        """Record that page `index` now carries metadata and is a `Frame`."""
        self.pages[index] = (kind, 0 if kind == "unit" else val)
        owner = self.store.owner(index)
        owner.usage = "Frame"
        if self.store.extracts_slots:
            owner.parked = False

    def retire(self, owner: SlotOwner, *, freed: bool = True) -> None:
        """Record that the page lost its last reference: hook, then the allocator is told."""
        self.drop_meta(owner)
        owner.parked = True
        if freed and owner.index >= self.frames:
            self.spaces.pool.give_back(owner.index)
        elif freed and self.reports_dealloc:
            self.events.append(("freed", owner.index * PAGE_SIZE))

    def drop_meta(self, owner: SlotOwner) -> None:
        """Record that the page's metadata goes: its hook runs, or a table's entries go with it."""
        if owner.usage == "PageTable":
            self._drop_table(owner)
        else:
            kind, val = self.pages.pop(owner.index, ("", 0))
            self.show_on_drop(owner.index, kind, val)

    def _drop_table(self, owner: SlotOwner) -> None:
        """Record that a table went, and the references of its entries with it, ascending."""
        owner.usage = "Unused"
        table = self.spaces.tables.pop(owner.index)
        for index, entry in sorted(table.entries.items()):
            if isinstance(entry, Table):
                below = self.store.owner(entry.page)
                below.links -= 1
                entry.at = None
            elif entry.is_tracked:
                below = self.store.owner_at(entry.paddr)
                below.drop_path((table.page, index))
            else:
                continue
            self.store.touch(below)
            self.retire_if_last(below)

    def check_room(self, owner: SlotOwner) -> None:
        """Errors: abort where one more reference on a page is too many; it is counted and lost."""
        self.store.touch(owner)
        if owner.references() >= self.rc_max:
            owner.leaked += 1
            raise PoweredOff("ref-count-saturated")

    def let_go(self, batch: list[SlotOwner]) -> None:
        """Give deferred references back: at once, or with the next end of a grace period."""
        self.spaces.touched.has_pages = True
        if self.spaces.defers:
            self.spaces.waiting.append(batch)
            self.spaces.touched.batches += 1
        else:
            self.end_deferral(batch)

    def end_deferral(self, batch: list[SlotOwner]) -> None:
        """Give deferred references back, in order."""
        for owner in batch:
            owner.deferred -= 1
            self.store.touch(owner)
            self.retire_if_last(owner)

    def retire_if_last(self, owner: SlotOwner) -> None:
        """Retire the page if nothing refers to it any more."""
        if not owner.references():
            self.retire(owner)

    def show_on_drop(self, index: int, kind: str, val: int) -> None:
        """Expect the drop hook of one metadata value; `unit` has none."""
        if kind != "unit":
            self.events.append(("on_drop", kind, index * PAGE_SIZE, val))

    def page(self, owner: SlotOwner) -> Page:
        """Return kind and payload of a live page; a page-table node shows as `pt`, 0."""
        return self.pages.get(owner.index, ("pt", 0))

    def count_word(self, owner: SlotOwner) -> int:
        """Return the reference count that the owners of a page amount to."""
        return REF_COUNT_UNIQUE if owner.uniques else owner.references()
