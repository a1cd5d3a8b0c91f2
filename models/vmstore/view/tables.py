"""Page tables as nested maps: a table maps entries to leaves and tables, and owns one page.

No words, no locks, no counters: how many entries there are is the size of the map, and who keeps a
range for itself is written on its tables.
"""

from heapq import heappop, heappush
from typing import NamedTuple, Union

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.geometry import Config, config, geometry
from vmstore.outcome import Unwinding
from vmstore.owner import SlotOwner
from vmstore.store import VmStore
from vmstore.world import World

Prop = tuple[int, str, int]  # flags, cache policy, privileged flags
PRIV_AVAIL1 = 0x40
WHOLE = -1  # no entry: the table itself
KEPT_FLAGS, KEPT_PRIV = 0x9F, 0xC3  # the bits that an entry has room for


class Leaf(NamedTuple):
    """A mapping of one page, huge or not; `is_tracked` if it owns a reference on the frame."""

    paddr: int
    prop: Prop
    is_tracked: bool


class Table:
    """A table on `page`: its entries that are not absent, by index; `holder` keeps it locked.

    `is_cut` once it was taken out of its tree; `shares_kernel` for the root of a space.
    """

    __slots__ = ("config", "entries", "holder", "is_cut", "level", "page", "shares_kernel")

    def __init__(self, page: int, level: int, config: Config) -> None:
        self.page = page
        self.level = level
        self.config = config
        self.entries: dict[int, Entry] = {}
        self.holder: object = None
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
    """Where a cursor stands: `va` and `level` inside `[start, end)`, all of it below `guard`."""

    __slots__ = ("end", "guard", "level", "start", "tree", "va")

    def __init__(self, tree: Tree, guard: Table, start: int, end: int) -> None:
        self.tree = tree
        self.guard = guard
        self.level = guard.level
        self.start = start
        self.end = end
        self.va = start


class Queue:
    """Flushes that wait as (start, pages), everything once `is_all`; `kept` pages wait as well."""

    __slots__ = ("is_all", "kept", "spans")

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []
        self.is_all = False
        self.kept: list[SlotOwner] = []


class SpaceView:
    """An address space: its tree, where it is active, the device memory it knows."""

    __slots__ = ("active_on", "iomems", "number", "owners", "tree")

    def __init__(self, number: int, tree: Tree) -> None:
        self.number = number
        self.tree = tree
        self.active_on: set[int] = set()
        self.iomems: list[tuple[int, int]] = []
        self.owners = 1


class SpaceCursor:
    """A cursor of a space; a read-only one has no queue."""

    __slots__ = ("place", "queue", "space")

    def __init__(self, space: SpaceView, place: Place, queue: Queue | None) -> None:
        self.space = space
        self.place = place
        self.queue = queue


class Spaces:
    """All that the view knows about address spaces and raw tables.

    `tables` maps a page to the live table on it; `roots` and `active` say what each CPU runs;
    `waiting` are batches of pages whose references end with the grace period. `touched` are the
    entries that this step may change, or `WHOLE` for a table's lock and the like.
    """

    __slots__ = (
        "active",
        "config_shape",
        "cpu",
        "cpus",
        "cursors",
        "defers",
        "geometry",
        "kernel_root",
        "pool",
        "ptcursors",
        "roots",
        "tables",
        "touched",
        "trees",
        "vm_spaces",
        "waiting",
        "work_limit",
    )

    def __init__(self, world: World) -> None:
        self.geometry = geometry(world.levels, world.entries)
        self.config_shape = (world.levels, world.entries)
        self.pool = Pool(world)
        self.cpus = world.cpus
        self.kernel_root = world.frames
        self.work_limit = world.entries * (world.pt_frames + world.levels)
        self.defers = world.rcu == "deferred"
        self.waiting: list[list[SlotOwner]] = []
        self.cpu = 0
        self.roots: dict[int, int] = {}
        self.active: dict[int, SpaceView] = {}
        self.tables: dict[int, Table] = {}
        self.touched: list[tuple[Table, int]] = []
        self.trees: dict[int, Tree] = {}
        self.ptcursors: dict[int, Place] = {}
        self.vm_spaces: dict[int, SpaceView] = {}
        self.cursors: dict[int, SpaceCursor] = {}

    def config(self, name: str) -> Config:
        """Return a configuration in this world."""
        return config(name, *self.config_shape)

    def new_table(self, store: VmStore, level: int, made: Config) -> Table:
        """Take a page for a table, which owes one reference to whoever links it."""
        owner = self.pool.take(store)
        owner.usage = "PageTable"
        owner.links += 1
        store.touch(owner)
        table = self.tables[owner.index] = Table(owner.index, level, made)
        self.touched.append((table, WHOLE))
        return table

    def write(self, table: Table, index: int, entry: "Entry | None") -> None:
        """Make an entry what it is from now on; None is absent."""
        self.touched.append((table, index))
        if entry is None:
            del table.entries[index]
        else:
            table.entries[index] = entry

    def split(self, store: VmStore, table: Table, index: int, leaf: Leaf) -> Table:
        """Replace a huge leaf by a table full of its parts. Errors: panic without memory."""
        child = self.new_table(store, table.level - 1, table.config)
        size = self.geometry.sizes[child.level]
        for part in range(self.geometry.entries):
            child.entries[part] = leaf._replace(paddr=leaf.paddr + part * size)
        self.write(table, index, child)
        return child

    def slot_end(self, start: int, size: int, *, debug: bool) -> int:
        """Return where an entry ends. Errors: debug panic at 2^64; a release build wraps."""
        end = start + size
        if end > U64_MASK:
            if debug:
                raise Unwinding("overflow")
            end &= U64_MASK
        return end


def tracked(store: VmStore, leaf: Leaf) -> SlotOwner | None:
    """Return the owner of the frame on which a leaf has a reference."""
    return store.owner(leaf.paddr // PAGE_SIZE) if leaf.is_tracked else None


def leaf_error(spaces: Spaces, paddr: int, level: int, cache: str) -> str | None:
    """Return the code of the panic that a leaf cannot be encoded with, None if it can."""
    if cache == "WP":
        return "cache-policy-unsupported"
    if paddr % spaces.geometry.sizes[level] or paddr >> 51:
        return "paddr-invalid-bits"
    return None


def shown(prop: Prop) -> dict[str, object]:
    """Return a property as outcomes show it."""
    return {"flags": prop[0], "cache": prop[1], "priv": prop[2]}
