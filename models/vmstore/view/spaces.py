"""What the view knows about address spaces and raw tables, and what one step declares of it."""

from typing import Final

from vmstore.geometry import Config, config, geometry
from vmstore.owner import SlotOwner
from vmstore.store import VmStore
from vmstore.view.tables import Entry, Leaf, Place, Pool, Table, Tree
from vmstore.world import World

WHOLE: Final = -1  # of a touched table: all of it
HELD: Final = -2  # of a touched table: who holds it, and whether it is cut out


class Queue:
    """Flushes that wait as (start, pages), everything once `is_all`; `kept` pages wait as well.

    `amount` is how much waits: pages, or requests where these are counted.
    """

    __slots__ = ("amount", "is_all", "kept", "spans")

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []
        self.amount = 0
        self.is_all = False
        self.kept: list[SlotOwner] = []


class SpaceView:
    """An address space: its tree, where it is active, the device memory it knows.

    `number` is the id that it was made with, `handle` the one it has now, None without one.
    """

    __slots__ = ("active_on", "handle", "iomems", "number", "owners", "tree")

    def __init__(self, number: int, tree: Tree) -> None:
        self.number = number
        self.handle: int | None = number
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


class Touched:
    """What one step declares about address spaces.

    `cells` are tables with the index of an entry, `WHOLE` or `HELD`; the rest are spaces, raw
    tables and cursors by id, how many batches began to wait, whether CPUs changed what they run
    or what waits for them, and whether pages were taken, let go of or given back.
    """

    __slots__ = ("batches", "cells", "cursors", "has_cpus", "has_pages", "is_used", "ptcursors",
                 "spaces", "trees")  # fmt: skip

    def __init__(self) -> None:
        self.is_used = False
        self.cells: list[tuple[Table, int]] = []
        self.spaces: list[SpaceView] = []
        self.trees: list[int] = []
        self.cursors: list[int] = []
        self.ptcursors: list[int] = []
        self.batches = 0
        self.has_cpus = False
        self.has_pages = False


class Spaces:
    """All that the view knows about address spaces and raw tables.

    `touched` is the footprint of the step; `tables` maps a page to the live table on it; `roots`
    and `active` say what each CPU runs; `waiting` are batches of pages whose references end with
    the grace period. The flags are variants.
    """

    __slots__ = (
        "active",
        "config_shape",
        "counts_requests",
        "cpu",
        "cpus",
        "cursors",
        "defers",
        "geometry",
        "jumps_from_end",
        "kernel_root",
        "maps_at_guard",
        "pool",
        "ptcursors",
        "queries_clone",
        "replaces_mappings",
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
        self.replaces_mappings = world.variant("map_over") == "replaces"
        self.maps_at_guard = world.variant("map_level") == "up-to-guard"
        self.queries_clone = world.variant("query_item") == "clones"
        self.jumps_from_end = world.variant("jump_from_end") == "allowed"
        self.counts_requests = world.variant("flush_limit") == "requests"
        self.waiting: list[list[SlotOwner]] = []
        self.cpu = 0
        self.touched = Touched()
        self.roots: dict[int, int] = {}
        self.active: dict[int, SpaceView] = {}
        self.tables: dict[int, Table] = {}
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
        self.touch(table, WHOLE)
        self.touched.has_pages = True
        return table

    def touch(self, table: Table, cell: int) -> None:
        """Put a cell of a table into the footprint of this step."""
        touched = self.touched
        touched.is_used = True
        touched.cells.append((table, cell))

    def write(self, table: Table, index: int, entry: Entry | None) -> None:
        """Change one entry of a table; None makes it absent. A table is linked by its entry."""
        if entry is None:
            del table.entries[index]
        else:
            table.entries[index] = entry
            if entry.__class__ is Table:
                entry.at = (table.page, index)
        self.touch(table, index)

    def cut_out(self, table: Table) -> None:
        """Record that a table and all below it belong to no tree and to no cursor any more."""
        table.holder = None
        table.is_cut = True
        self.touch(table, HELD)
        for entry in table.entries.values():
            if isinstance(entry, Table):
                self.cut_out(entry)

    def cursor(self, handle: int) -> SpaceCursor:
        """Return a cursor that this step may move."""
        self.touched.is_used = True
        self.touched.cursors.append(handle)
        return self.cursors[handle]

    def place(self, handle: int) -> Place:
        """Return where a raw table's cursor stands, which this step may change."""
        self.touched.is_used = True
        self.touched.ptcursors.append(handle)
        return self.ptcursors[handle]

    def touch_space(self, space: SpaceView) -> None:
        """Put a space into the footprint of this step."""
        self.touched.is_used = True
        self.touched.spaces.append(space)

    def touch_tree(self, handle: int) -> None:
        """Put a raw table into the footprint of this step."""
        self.touched.is_used = True
        self.touched.trees.append(handle)

    def split(self, store: VmStore, table: Table, index: int, leaf: Leaf) -> Table:
        """Replace a huge leaf by a table full of its parts. Errors: panic without memory."""
        child = self.new_table(store, table.level - 1, table.config)
        size = self.geometry.sizes[child.level]
        for part in range(self.geometry.entries):
            child.entries[part] = leaf._replace(paddr=leaf.paddr + part * size)
        self.write(table, index, child)
        return child


def leaf_error(spaces: Spaces, paddr: int, level: int, cache: str) -> str | None:
    """Return the code of the panic that a leaf cannot be encoded with, None if it can."""
    if cache == "WP":
        return "cache-policy-unsupported"
    if paddr % spaces.geometry.sizes[level] or paddr >> 51:
        return "paddr-invalid-bits"
    return None
