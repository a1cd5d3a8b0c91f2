"""The address-space half of the running system: Rust values, per-CPU state, the node pool, RCU."""

from typing import NamedTuple

from vmstore.cells import Slot
from vmstore.geometry import Config, Geometry, geometry
from vmstore.node_cells import Node
from vmstore.world import World


class PageTable:
    """A `PageTable` value: it owns one reference on its root. `borrows` counts its live cursors."""

    __slots__ = ("borrows", "config", "root")

    def __init__(self, root: Node, config: Config) -> None:
        self.root = root
        self.config = config
        self.borrows = 0


class Cursor:
    """A page-table cursor over `[start, end)`, its barrier.

    `path[level]` is the locked node of that level, for `level ..= guard_level`, else None.
    Source: `page_table::Cursor`.
    """

    __slots__ = ("config", "end", "geometry", "guard_level", "level", "path", "start", "table",
                 "va")  # fmt: skip

    def __init__(self, table: PageTable, geometry: Geometry, start: int, end: int) -> None:
        self.table = table
        self.config = table.config
        self.geometry = geometry
        self.start = start
        self.end = end
        self.va = start
        self.level = 0
        self.guard_level = 0
        self.path: list[Node | None] = [None] * len(geometry.sizes)


class IoMem(NamedTuple):
    """A region of device memory. Units: bytes."""

    paddr: int
    size: int


class VmSpace:
    """An address space, known to the trace as `number`.

    `strong` counts the trace's handle and the CPUs that have it active; `borrows` the cursors,
    readers and writers that keep the handle from being dropped.
    """

    __slots__ = ("borrows", "cpus", "iomems", "number", "strong", "table")

    def __init__(self, number: int, table: PageTable) -> None:
        self.number = number
        self.table = table
        self.cpus: set[int] = set()
        self.iomems: list[IoMem] = []
        self.strong = 1
        self.borrows = 0


class OpsStack:
    """Flush requests that wait, and the pages kept alive until they ran.

    `pages` is how much waits: pages, or requests in that variant; `flushes_all` replaces `ops` once
    that is too much. Source: `tlb::OpsStack`.
    """

    __slots__ = ("flushes_all", "keeper", "ops", "pages")

    def __init__(self) -> None:
        self.ops: list[int] = []
        self.pages = 0
        self.flushes_all = False
        self.keeper: list[Slot] = []


class VmCursor:
    """A cursor of a space; `queue` is its flusher's own queue, None for a read-only cursor."""

    __slots__ = ("inner", "queue", "space")

    def __init__(self, space: VmSpace, inner: Cursor, queue: OpsStack | None) -> None:
        self.space = space
        self.inner = inner
        self.queue = queue


class Cpu:
    """What one CPU has: the active space, the root in CR3, requests from other CPUs."""

    __slots__ = ("active", "queue", "root")

    def __init__(self, root: Node) -> None:
        self.active: VmSpace | None = None
        self.root = root
        self.queue = OpsStack()


class NodePool:
    """The free pages for nodes, lowest first: those given back, then those never handed out."""

    __slots__ = ("end", "handed", "limit", "next", "returned")

    def __init__(self, world: World) -> None:
        self.next = world.frames + world.kernel_nodes
        self.end = world.pages
        self.returned: list[int] = []
        self.handed: set[int] = set()
        self.limit: int | None = None


class SpaceState:
    """Everything about address spaces that exec code can reach.

    `work_limit` bounds one search: a terminating one looks at each entry of each node once.
    `callbacks` are the batches of pages that wait for the end of an RCU grace period. The flags
    are variants.
    """

    __slots__ = (
        "callbacks",
        "counts_requests",
        "cpu",
        "cpus",
        "cursors",
        "defers_rcu",
        "geometry",
        "jumps_from_end",
        "maps_at_guard",
        "pool",
        "ptables",
        "ptcursors",
        "queries_clone",
        "replaces_mappings",
        "vm_spaces",
        "work_limit",
    )

    def __init__(self, world: World) -> None:
        self.geometry = geometry(world.levels, world.entries)
        self.pool = NodePool(world)
        self.work_limit = world.entries * (world.pt_frames + world.levels)
        self.defers_rcu = world.rcu == "deferred"
        self.replaces_mappings = world.variant("map_over") == "replaces"
        self.maps_at_guard = world.variant("map_level") == "up-to-guard"
        self.queries_clone = world.variant("query_item") == "clones"
        self.jumps_from_end = world.variant("jump_from_end") == "allowed"
        self.counts_requests = world.variant("flush_limit") == "requests"
        self.callbacks: list[list[Slot]] = []
        self.cpu = 0
        self.cpus: dict[int, Cpu] = {}
        self.ptables: dict[int, PageTable] = {}
        self.ptcursors: dict[int, Cursor] = {}
        self.vm_spaces: dict[int, VmSpace] = {}
        self.cursors: dict[int, VmCursor] = {}
