"""The running system: modelled memory plus the Rust values that a caller's variables would hold."""

from vmstore.arch import U64_MASK
from vmstore.cells import Cells, ListHead, Slot
from vmstore.exec.io_state import IoState
from vmstore.exec.space_state import SpaceState
from vmstore.faults import Faults
from vmstore.node_cells import NodeCells
from vmstore.outcome import Unwinding
from vmstore.tlb_cells import TlbCells
from vmstore.world import World

Event = tuple[object, ...]


class Segment:
    """A `Segment` value: the physical byte range `[start, end)`, nothing else."""

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class LinkedList:
    """A `LinkedList` value; `is_borrowed` while a cursor lives, as the borrow checker says."""

    __slots__ = ("head", "is_borrowed")

    def __init__(self) -> None:
        self.head = ListHead()
        self.is_borrowed = False


class CursorMut:
    """A list cursor: the list it borrows and the page index it stands on (`NONE` = the ghost)."""

    __slots__ = ("current", "list")

    def __init__(self, borrowed: LinkedList, current: int) -> None:
        self.list = borrowed
        self.current = current


class Machine:
    """Everything that exec code can reach.

    `cells`, `nodes` and `tlbs` are its memory, `spaces` is all there is about address spaces;
    `frames`, `uniques` and their raw twins map handle ids to slots (a handle is a slot pointer);
    `events` are what the recorder saw in this step; `hazards` are codes of undefined behaviour
    reached and `quirks` the ids of upstream's own live bugs met, until somebody takes them out.
    """

    __slots__ = (
        "asserts",
        "calls_dealloc",
        "cells",
        "debug",
        "events",
        "faults",
        "frames",
        "hazards",
        "io",
        "lcursors",
        "lists",
        "max_paddr",
        "next_list_id",
        "nodes",
        "push_back_appends",
        "quirks",
        "raw_segments",
        "raw_uniques",
        "raws",
        "rc_max",
        "rolls_back",
        "segments",
        "slice_checks_offsets",
        "spaces",
        "tlbs",
        "top_page_accepted",
        "uniques",
        "world",
    )

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self.cells = Cells(world)
        self.nodes = NodeCells(world, self.cells)
        self.tlbs = TlbCells()
        self.spaces = SpaceState(world)
        self.io = IoState(self.cells)
        self.max_paddr = world.max_paddr
        self.rc_max = world.rc_max
        self.debug = world.build == "debug"
        self.asserts = self.debug and world.variant("debug_assertions") == "checked"
        self.calls_dealloc = world.variant("dealloc_upcall") == "called"
        self.push_back_appends = world.variant("push_back") == "append"
        self.rolls_back = world.variant("rollback") == "released"
        self.slice_checks_offsets = world.variant("slice_check") == "offsets"
        self.top_page_accepted = world.variant("top_page") == "accepted"
        self.next_list_id = 1
        self.frames: dict[int, Slot] = {}
        self.raws: dict[int, Slot] = {}
        self.segments: dict[int, Segment] = {}
        self.raw_segments: dict[int, Segment] = {}
        self.uniques: dict[int, Slot] = {}
        self.raw_uniques: dict[int, Slot] = {}
        self.lists: dict[int, LinkedList] = {}
        self.lcursors: dict[int, CursorMut] = {}
        self.events: list[Event] = []
        self.hazards: list[str] = []
        self.quirks: list[str] = []

    def add(self, address: int, length: int) -> int:
        """Return the sum. Errors: debug panic when it leaves 64 bits; a release build wraps."""
        end = address + length
        if end > U64_MASK:
            if self.debug:
                raise Unwinding("overflow")
            end &= U64_MASK
        return end
