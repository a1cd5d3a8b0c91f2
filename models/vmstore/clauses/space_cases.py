"""Subjects of the clauses on address spaces: what the code has, with what the view says of it."""

from collections.abc import Iterator

from vmstore.arch import PAGE_SIZE
from vmstore.clauses.registry import SlotCase, slot_case
from vmstore.exec import pte
from vmstore.exec.space_state import Cpu, Cursor, OpsStack, VmSpace
from vmstore.geometry import config
from vmstore.node_cells import Node
from vmstore.step import State
from vmstore.view.spaces import Queue, SpaceView
from vmstore.view.tables import Place, Table


class NodeCase:
    """One page-table node and the table that it should be; `table` is None for the kernel's own."""

    __slots__ = ("at", "is_kernel", "node", "state", "table")

    def __init__(self, state: State, index: int) -> None:
        self.state = state
        nodes = state.machine.nodes
        first, end, _ = state.view.store.kernel
        self.is_kernel = first <= index < end
        self.table = state.view.spaces.tables.get(index)
        self.at = slot_case(state, index)
        found = nodes.node(index) if self.is_kernel else nodes.nodes.get(index)
        if found is None:  # the table has no node: one of level 0 is none
            none = config("user", state.world.levels, state.world.entries)
            found = Node(self.at.slot, 0, none, nodes.entries, None)
        self.node = found

    @property
    def is_root(self) -> bool:
        """Whether the node is at the top of a table, on either side."""
        levels = self.state.world.levels
        return self.node.level == levels or (self.table is not None and self.table.level == levels)

    def words(self) -> Iterator[tuple[int, int]]:
        """Yield index and word of each entry that is not zero, but for the kernel's half."""
        node = self.node
        first, end = 0, self.state.world.entries
        if self.table is not None and self.table.shares_kernel:
            end = node.config.end_index
        run = range(max(first, node.fill_from), end)
        for index in sorted({i for i in node.words if first <= i < end} | set(run)):
            word = node.word(index)
            if word:
                yield index, word

    def leaves(self) -> Iterator[tuple[int, int]]:
        """Yield index and word of each leaf."""
        return ((i, w) for i, w in self.words() if not pte.is_absent(w) and not pte.is_child(w))

    def tracked(self) -> Iterator[tuple[int, SlotCase]]:
        """Yield the index of each leaf that owns a reference, and the slot that it is on."""
        for index, word in self.leaves():
            if self.node.config.is_tracked(word):
                page = (word & pte.ADDRESS) // PAGE_SIZE
                if page < self.state.world.pages:
                    yield index, slot_case(self.state, page)

    def children(self) -> Iterator[tuple[int, int]]:
        """Yield the index of each entry that points to a node, and the page it points to."""
        return ((i, pte.child_paddr(w) // PAGE_SIZE) for i, w in self.words() if pte.is_child(w))

    def peer(self, page: int) -> Node | None:
        """Return another node, None where no node ever was."""
        return self.state.machine.nodes.nodes.get(page)

    def path(self) -> list[int] | None:
        """Return the indices that lead here from a root, None where no root does."""
        found: list[int] = []
        table, tables = self.table, self.state.view.spaces.tables
        while table is not None and table.at is not None:
            page, index = table.at
            found.insert(0, index)
            table = tables.get(page)
        is_root = table is not None and table.level == self.state.world.levels
        return found if is_root else None

    def root(self) -> Table | None:
        """Return the topmost table above this one."""
        table, tables = self.table, self.state.view.spaces.tables
        while table is not None and table.at is not None:
            table = tables.get(table.at[0])
        return table

    def vaddr(self, path: list[int], index: int) -> int:
        """Return the address that entry `index` of the node at `path` maps first."""
        g = self.state.machine.spaces.geometry
        indices = [*path, index]
        va = sum(i << g.shifts[g.levels - depth] for depth, i in enumerate(indices))
        return va + (g.kernel_start - g.user_end if indices[0] >= g.half else 0)

    def describe(self) -> str:
        """Return both sides in one line."""
        n, t = self.node, self.table
        path = self.path()
        where = "/".join(map(str, path)) if path is not None else "in no tree"
        said = f"{len(t.entries)} entries, level {t.level}" if t else "no table"
        return (
            f"node {n.index * PAGE_SIZE:#x} ({where or 'root'}): level={n.level}"
            f" nr_children={n.children} stray={n.stray} locked={n.locked}"
            f" rc={self.at.rc}; the ops made {said}"
        )


class PlaceCase:
    """One cursor, of a space (`c0`) or of a raw table (`pc0`), live on both sides."""

    __slots__ = ("cursor", "handle", "name", "place", "queue", "state", "waiting")

    def __init__(self, state: State, kind: str, handle: int) -> None:
        self.state = state
        self.handle = handle
        self.name = f"c{handle}" if kind == "cursor" else f"pc{handle}"
        self.queue: OpsStack | None = None
        self.waiting: Queue | None = None
        self.cursor: Cursor
        self.place: Place
        if kind == "cursor":
            held, known = state.machine.spaces.cursors[handle], state.view.spaces.cursors[handle]
            self.cursor, self.place = held.inner, known.place
            self.queue, self.waiting = held.queue, known.queue
        else:
            self.cursor = state.machine.spaces.ptcursors[handle]
            self.place = state.view.spaces.ptcursors[handle]

    @property
    def is_of_space(self) -> bool:
        """Whether it is a cursor of an address space."""
        return self.name[0] == "c"

    def held(self) -> list[Node]:
        """Return the nodes of the path, from the guard node down."""
        c = self.cursor
        found = (c.path[level] for level in range(len(c.path) - 1, 0, -1))
        return [node for node in found if node is not None]

    def others(self) -> Iterator[Cursor]:
        """Yield the other cursors of the code."""
        spaces = self.state.machine.spaces
        for c in [*(s.inner for s in spaces.cursors.values()), *spaces.ptcursors.values()]:
            if c is not self.cursor:
                yield c

    def describe(self) -> str:
        """Return both sides in one line."""
        c, p = self.cursor, self.place
        return (
            f"cursor {self.name}: va={c.va:#x} level={c.level} guard={c.guard_level}"
            f" range {c.start:#x}..{c.end:#x}; by the ops va={p.va:#x} level={p.level}"
            f" guard={p.guard.level}"
        )


class SpaceCase:
    """One address space, alive by its handle or by a CPU that has it active."""

    __slots__ = ("known", "space", "state")

    def __init__(self, state: State, known: SpaceView, space: VmSpace) -> None:
        self.state = state
        self.known = known
        self.space = space

    def describe(self) -> str:
        """Return both sides in one line."""
        s, k = self.space, self.known
        return (
            f"space vs{k.number}: cpus={sorted(s.cpus)} strong={s.strong}"
            f" io regions={len(s.iomems)}; by the ops active on {sorted(k.active_on)},"
            f" {k.owners} owners, {len(k.iomems)} io regions"
        )


class CpuCase:
    """One CPU: what it runs, and what other CPUs asked of it."""

    __slots__ = ("cpu", "held", "state")

    def __init__(self, state: State, cpu: int, held: Cpu) -> None:
        self.state = state
        self.cpu = cpu
        self.held = held

    def describe(self) -> str:
        """Return both sides in one line."""
        active, spaces = self.held.active, self.state.view.spaces
        known = spaces.active.get(self.cpu)
        return (
            f"cpu {self.cpu}: root={self.held.root.index * PAGE_SIZE:#x}"
            f" active={f'vs{active.number}' if active else None}; by the ops"
            f" root={spaces.roots.get(self.cpu, spaces.kernel_root) * PAGE_SIZE:#x}"
            f" active={f'vs{known.number}' if known else None}"
        )


def all_spaces(state: State) -> list[SpaceView]:
    """Return the spaces that a handle or a CPU keeps alive."""
    spaces = state.view.spaces
    found = [*spaces.vm_spaces.values(), *spaces.active.values()]
    return list({id(space): space for space in found}.values())


def partner(state: State, known: SpaceView) -> VmSpace | None:
    """Return the code's value of a space, None where it has none."""
    spaces = state.machine.spaces
    if known.handle is not None:
        return spaces.vm_spaces.get(known.handle)
    cpus = (spaces.cpus.get(cpu) for cpu in sorted(known.active_on))
    return next((cpu.active for cpu in cpus if cpu is not None), None)


def cpu_of(state: State, cpu: int) -> Cpu:
    """Return the code's state of a CPU, as boot left it when nothing ran there before."""
    found = state.machine.spaces.cpus.get(cpu)
    return found if found is not None else Cpu(state.machine.nodes.node(state.world.frames))


def leaf_page(word: int) -> int | None:
    """Return the page that a leaf's word maps, None for any other word."""
    if pte.is_absent(word) or pte.is_child(word):
        return None
    return (word & pte.ADDRESS) // PAGE_SIZE
