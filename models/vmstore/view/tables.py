"""Page tables as nested maps: a table maps entries to leaves and tables, and owns one page.

No words, no locks, no counters: how many entries there are is the size of the map, and who keeps a
range for itself is written on its tables.
"""

from heapq import heappop, heappush
from typing import NamedTuple, Union

from vmstore.arch import PAGE_SIZE
from vmstore.geometry import Config
from vmstore.outcome import Unwinding
from vmstore.owner import EntryAt, SlotOwner
from vmstore.store import VmStore
from vmstore.world import World

Prop = tuple[int, str, int]  # flags, cache policy, privileged flags
PRIV_AVAIL1 = 0x40
KEPT_FLAGS, KEPT_PRIV = 0x9F, 0xC3  # the bits that an entry has room for


class Leaf(NamedTuple):
    """A mapping of one page, huge or not; `is_tracked` if it owns a reference on the frame."""

    paddr: int
    prop: Prop
    is_tracked: bool


class Table:
    """A table on `page`: its entries that are not absent, by index; `holder` keeps it locked.

    `at` is the one entry that links it, None for a root or once it `is_cut` out of its tree. The
    root of a space `shares_kernel`: its upper half is the kernel's.
    """

    __slots__ = ("at", "config", "entries", "holder", "is_cut", "level", "page",
                 "shares_kernel")  # fmt: skip

    def __init__(self, page: int, level: int, config: Config) -> None:
        self.page = page
        self.level = level
        self.config = config
        self.entries: dict[int, Entry] = {}
        self.holder: object = None
        self.at: EntryAt | None = None
        self.is_cut = False
        self.shares_kernel = False


Entry = Union[Leaf, Table]  # noqa: UP007 -- the name of a class that is defined by then


class Pool:
    """The pages for tables: the lowest one that nobody refers to is the next."""

    __slots__ = ("end", "limit", "live", "next", "returned")

    def __init__(self, world: World) -> None:
        self.next = world.frames + world.kernel_nodes
        self.end = world.pages
        self.returned: list[int] = []
        self.live: set[int] = set()
        self.limit: int | None = None

    def take(self, store: VmStore) -> SlotOwner:
        """Return the owner of the next free page. Errors: panic when there is none."""
        if self.limit is not None and len(self.live) >= self.limit:
            raise Unwinding("no-memory")
        while self.returned or self.next < self.end:
            if self.returned:
                index = heappop(self.returned)
            else:
                index = self.next
                self.next += 1
            owner = store.owner(index)
            if not owner.references() and not owner.uniques:
                self.live.add(index)
                return owner
        raise Unwinding("no-memory")

    def give_back(self, index: int) -> None:
        """Take a page back that lost its last reference."""
        self.live.discard(index)
        if index < self.next:
            heappush(self.returned, index)


class Tree:
    """A page table: its root, how many cursors borrow it."""

    __slots__ = ("borrows", "config", "root")

    def __init__(self, root: Table) -> None:
        self.root = root
        self.config = root.config
        self.borrows = 0


class Place:
    """Where a cursor stands: `va` and `level` inside `[start, end)`, all of it below `guard`.

    `began_in_leaf` when the range was a part of one huge page.
    """

    __slots__ = ("began_in_leaf", "end", "guard", "level", "start", "tree", "va")

    def __init__(
        self, tree: Tree, guard: Table, start: int, end: int, *, began_in_leaf: bool = False
    ) -> None:
        self.tree = tree
        self.guard = guard
        self.began_in_leaf = began_in_leaf
        self.level = guard.level
        self.start = start
        self.end = end
        self.va = start

    @property
    def guard_level(self) -> int:
        """The level of the table that has the whole range."""
        return self.guard.level


def tracked(store: VmStore, leaf: Leaf) -> SlotOwner | None:
    """Return the owner of the frame on which a leaf has a reference."""
    return store.owner(leaf.paddr // PAGE_SIZE) if leaf.is_tracked else None


def small_pages(table: Table) -> int:
    """Return how many entries the level-1 tables of a sub-tree have. Huge pages do not count."""
    if table.level == 1:
        return len(table.entries)
    return sum(small_pages(e) for e in table.entries.values() if isinstance(e, Table))


def shown(prop: Prop) -> dict[str, object]:
    """Return a property as outcomes show it."""
    return {"flags": prop[0], "cache": prop[1], "priv": prop[2]}
