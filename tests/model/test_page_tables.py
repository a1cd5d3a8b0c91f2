"""Page tables in small random worlds: structure, locks, counts, the journal, exhaustion."""

from random import Random
from typing import Any

import pytest

from vmfuzz.oracle import Session
from vmfuzz.report.block import finding_block
from vmfuzz.swarm import SwarmConfig, SwarmTrace, fuzz_world
from vmfuzz.trace import Step, Trace
from vmstore.exec import pte
from vmstore.exec.space_state import Cursor
from vmstore.geometry import Geometry
from vmstore.node_cells import ALLOCATED, CHILDREN, FILLED, LOCK, STRAY, Node
from vmstore.ops import BY_NAME, Declaration, Op
from vmstore.outcome import Blocked, Diverges, Err, Ok, Outcome, Panic
from vmstore.step import State, execute
from vmstore.world import World

FRAMES = 6
AREAS = ("page_table", "pt_cursor", "vm_space", "cursor")
DRIVEN = [d for d in BY_NAME.values() if d.area in AREAS]
FIRST = BY_NAME["frame_from_unused"]
LIMITS = ((1 << 63) - 1, 7)
CHOICES: dict[str, list[Any]] = {
    "config": ["user", "kernel", "test", "kernel_full"],
    "cpu": [0, 1],
    "cache": ["WB", "UC"],
    "kind": ["all", "single"],
    "flags": [0, 1, 3, 7],
    "set": [0, 1, 3, 7],
    "clear": [0, 1, 3, 7],
    "meta": ["unit", "umeta"],
}
WORLDS = [
    World(frames=FRAMES, pt_frames=40, levels=levels, entries=entries, build=build, rcu=rcu)
    for levels, entries in ((4, 4), (3, 2), (2, 4), (5, 2), (4, 2))
    for build, rcu in (("debug", "immediate"), ("release", "deferred"))
]


class Driver:
    """Draws ops next to what is live and runs them; nothing here knows what they should do."""

    def __init__(self, world: World, seed: int) -> None:
        self.rng = Random(seed)
        self.state = State(world)
        self.next_id = 0

    @property
    def geometry(self) -> Geometry:
        return self.state.machine.spaces.geometry

    def step(self, declaration: Declaration) -> Outcome | None:
        """Run one op; None when it needs a handle of which none is live."""
        op = self.draw(declaration)
        if op is None:
            return None
        self.state.begin_step()
        return execute(self.state.machine, op)

    def draw(self, declaration: Declaration) -> Op | None:
        """Return an op whose handles are live, None when there is none."""
        values: dict[str, Any] = {}
        for field in declaration.handles:
            assert field.kind
            live = sorted(self.state.live[field.kind.name])
            if not live:
                return None
            values[field.name] = self.rng.choice(live)
        for field in declaration.destinations:
            values[field.name] = self.next_id
            self.next_id += 1
        for field in declaration.arguments:
            values[field.name] = self.argument(field.name, values)
        made: Op = declaration.make(values)
        return made

    def argument(self, name: str, values: dict[str, Any]) -> Any:
        g, rng = self.geometry, self.rng
        c = self.cursor(values)
        if c is not None and rng.random() < 0.95:
            inside = self.inside(name, c)
            if inside is not None:
                return inside
        high = values.get("ptable") in self.high_tables()
        base = g.kernel_start if high else 0
        if name in {"va", "start"}:
            page = rng.randrange(min(g.user_end // 0x1000, 40))
            if rng.random() < 0.2:
                page = g.user_end // 0x1000 - 1 - page
            return base + page * 0x1000
        if name == "end":
            size = g.sizes[rng.choice([1, 1, 2, min(3, g.levels)])]
            return min((values.get("start", base) | (size - 1)) + 1, (1 << 64) - 0x1000)
        if name in {"len", "size"}:
            return g.sizes[rng.choice([1, 1, 2])] * rng.randrange(3)
        if name == "paddr":
            return 0x1000 * rng.randrange(8) & -g.sizes[2]
        if name == "level":
            return rng.choice([1, 1, 1, min(2, g.levels - 1)])
        return rng.choice(CHOICES[name]) if name in CHOICES else 0

    def inside(self, name: str, c: Cursor) -> int | None:
        """Return an address or a length that keeps the cursor in its range."""
        left = c.end - c.va
        if name == "va":
            return c.start + self.rng.randrange((c.end - c.start) // 0x1000) * 0x1000
        return self.rng.choice([0x1000, 0x4000, left]) & left if name == "len" else None

    def cursor(self, values: dict[str, Any]) -> Cursor | None:
        """Return the cursor that the op works with."""
        if "cursor" in values:
            inner: Cursor = self.state.live["cursor"][values["cursor"]].inner
            return inner
        found: Cursor | None = self.state.live["ptcursor"].get(values.get("ptcursor", -1))
        return found

    def high_tables(self) -> set[int]:
        tables = self.state.machine.spaces.ptables
        return {n for n, table in tables.items() if table.config.name == "kernel"}


def children(g: Geometry, node: Node) -> list[int]:
    """Return the words of the entries that are not absent, a user root's kernel half apart."""
    entries = range(g.entries)
    if node.level == g.levels:
        entries = range(node.config.first_index, node.config.end_index)
    return [w for w in map(node.word, entries) if not pte.is_absent(w)]


def live_nodes(state: State) -> dict[int, Node]:
    nodes = state.machine.nodes
    return {i: nodes.node(i) for i in state.machine.spaces.pool.handed}


def check_structure(state: State) -> None:
    """Counters count, levels descend, each node has one parent or is a root, or waits for RCU."""
    machine = state.machine
    spaces, g = machine.spaces, machine.spaces.geometry
    links: dict[int, int] = {}
    for node in live_nodes(state).values():
        words = children(g, node)
        assert node.children == len(words)
        for word in filter(pte.is_child, words):
            child = machine.nodes.node(pte.child_paddr(word) // 0x1000)
            assert child.level == node.level - 1
            links[child.index] = links.get(child.index, 0) + 1
    tables = list(spaces.ptables.values())
    alive = {id(s): s for s in spaces.vm_spaces.values()}
    alive |= {id(c.active): c.active for c in spaces.cpus.values() if c.active}
    for table in [*tables, *(s.table for s in alive.values())]:
        links[table.root.index] = links.get(table.root.index, 0) + 1
    for cpu in spaces.cpus.values():
        links[cpu.root.index] = links.get(cpu.root.index, 0) + 1
    waiting = [slot for batch in spaces.callbacks for slot in batch]
    waiting += [slot for c in spaces.cursors.values() if c.queue for slot in c.queue.keeper]
    for slot in waiting:
        links[slot.index] = links.get(slot.index, 0) + 1
    for index, node in live_nodes(state).items():
        assert node.slot.ref_count == links.get(index, 0), index


def check_locks(state: State) -> None:
    """Exactly the guard nodes, and what meets the barriers below them, are locked."""
    machine = state.machine
    held: set[int] = set()
    cursors = [c.inner for c in machine.spaces.cursors.values()]
    for c in [*cursors, *machine.spaces.ptcursors.values()]:
        guard = c.path[c.guard_level]
        assert guard
        mine = covered(state, guard, c.start & -c.geometry.sizes[guard.level + 1], c.start, c.end)
        assert not held & mine
        assert all(n is None or n.index in mine for n in c.path)
        may_wrap = c.config.name == "kernel" and not machine.debug
        assert may_wrap or c.start <= c.va <= c.end
        assert 1 <= c.level <= c.guard_level
        held |= mine
    assert {i for i, node in live_nodes(state).items() if node.locked} == held


def covered(state: State, node: Node, base: int, start: int, end: int) -> set[int]:
    found = {node.index}
    g = state.machine.spaces.geometry
    if node.level > 1:
        size = g.sizes[node.level]
        for index in range(g.entries):
            first = base + index * size
            word = node.word(index)
            if pte.is_child(word) and first < end and first + size > start:
                child = state.machine.nodes.node(pte.child_paddr(word) // 0x1000)
                found |= covered(state, child, first, start, end)
    return found


def picture(state: State) -> dict[int, tuple[object, ...]]:
    """Return all page-table memory, as values."""
    nodes = state.machine.nodes
    return {
        index: (n.level, n.children, n.stray, n.locked, *map(n.word, range(nodes.entries)))
        for index, n in nodes.nodes.items()
    }


def undo(state: State) -> None:
    nodes = state.machine.nodes
    for node, cell, old in reversed(nodes.journal):
        if cell == ALLOCATED:
            if node.before is None:
                del nodes.nodes[node.index]
            else:
                nodes.nodes[node.index] = node.before
        elif cell == FILLED:
            node.fill_from = old
        elif cell == CHILDREN:
            node.children = old
        elif cell == STRAY:
            node.stray = bool(old)
        elif cell == LOCK:
            node.locked = bool(old)
        else:
            node.words[cell] = old


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: " ".join(map(str, w.settings().values())))
def test_random_calls_keep_structure_counts_and_locks(world: World) -> None:
    seen: dict[str, int] = {}
    for seed in range(30):
        driver = Driver(world, seed)
        for _ in range(250):
            name = driver.rng.choice(DRIVEN) if driver.rng.random() < 0.9 else FIRST
            outcome = driver.step(name)
            if outcome is None:
                continue
            seen[name.name] = seen.get(name.name, 0) + (type(outcome) is Ok)
            assert not driver.state.machine.hazards
            if isinstance(outcome, Panic | Diverges):
                break
            check_structure(driver.state)
            check_locks(driver.state)
    assert {d.name for d in DRIVEN if not seen.get(d.name)} <= {"cursor_map_iomem"}


@pytest.mark.parametrize("world", WORLDS[:4], ids=lambda w: f"{w.levels}x{w.entries} {w.build}")
def test_undoing_the_journal_gives_the_memory_before_the_step(world: World) -> None:
    for seed in range(8):
        driver = Driver(world, seed)
        for _ in range(120):
            before = picture(driver.state)
            outcome = driver.step(driver.rng.choice(DRIVEN))
            after = picture(driver.state)
            if outcome is None:
                continue
            if isinstance(outcome, Err | Blocked):
                assert {i: after[i] for i in before} == before
            redo = dict(driver.state.machine.nodes.nodes)
            undo(driver.state)
            assert {i: v for i, v in picture(driver.state).items() if i in before} == before
            if driver.state.machine.nodes.journal:
                break  # the memory is now that of the step before: no further step makes sense
            driver.state.machine.nodes.nodes = redo


def drop_everything(state: State) -> None:
    for kind, op in (
        ("ptcursor", "pt_cursor_drop"),
        ("cursor", "cursor_drop"),
        ("ptable", "pt_drop"),
        ("vs", "vmspace_drop"),
    ):
        declaration = BY_NAME[op]
        for handle in sorted(state.live[kind]):
            state.begin_step()
            done = execute(state.machine, declaration.make({declaration.handles[0].name: handle}))
            assert isinstance(done, Ok)
    state.begin_step()
    execute(state.machine, BY_NAME["host_rcu_sync"].make({}))


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: " ".join(map(str, w.settings().values())))
def test_everything_comes_back_in_the_end(world: World) -> None:
    for seed in range(12):
        driver = Driver(world, seed)
        state = driver.state
        for _ in range(200):
            outcome = driver.step(driver.rng.choice(DRIVEN))
            if isinstance(outcome, Panic | Diverges):
                break
        else:
            drop_everything(state)
            active = {id(c.active) for c in state.machine.spaces.cpus.values() if c.active}
            roots = [n for n in live_nodes(state).values() if n.level == world.levels]
            assert len(roots) == len(active)
            assert not any(node.locked for node in live_nodes(state).values())


@pytest.mark.parametrize("free", range(8))
def test_a_full_pool_is_a_panic_that_leaks_no_node(free: int) -> None:
    state = State(World(frames=4))
    run: list[tuple[str, dict[str, Any]]] = [
        ("host_pool_limit", {"free": free}),
        ("pt_new", {"dst": 0, "config": "test"}),
        ("pt_cursor_open_mut", {"dst": 0, "ptable": 0, "start": 0, "end": 0x1000}),
        ("pt_cursor_drop", {"ptcursor": 0}),
        ("pt_cursor_open_mut", {"dst": 1, "ptable": 0, "start": 1 << 30, "end": (1 << 30) + 4096}),
        ("pt_cursor_drop", {"ptcursor": 1}),
        ("pt_drop", {"ptable": 0}),
    ]
    outcomes = []
    for name, values in run:
        state.begin_step()
        outcomes.append(execute(state.machine, BY_NAME[name].make(values)))
        if isinstance(outcomes[-1], Panic):
            break
    held = len(state.machine.spaces.pool.handed)
    if free < 6:
        assert outcomes[-1] == Panic("no-memory")
        assert held == free
        if free:
            state.begin_step()
            state.machine.spaces.ptables[0].borrows = 0
            execute(state.machine, BY_NAME["pt_drop"].make({"ptable": 0}))
    assert not state.machine.spaces.pool.handed


def test_the_node_of_a_dead_table_lives_on_with_a_handle_on_it() -> None:
    state = State(World(frames=4))
    run: list[tuple[str, dict[str, Any]]] = [
        ("vmspace_new", {"dst": 0}),
        ("frame_from_in_use", {"dst": 0, "paddr": (4 + 257) * 0x1000}),
        ("vmspace_drop", {"vs": 0}),
    ]
    for name, values in run:
        state.begin_step()
        assert isinstance(execute(state.machine, BY_NAME[name].make(values)), Ok)
    assert len(state.machine.spaces.pool.handed) == 1

    execute(state.machine, BY_NAME["frame_drop"].make({"frame": 0}))

    assert not state.machine.spaces.pool.handed


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_the_view_predicts_every_call_and_every_clause_holds(first: int) -> None:
    """Outcome, events, counts, nodes and cursors, from the ops alone."""
    done: set[str] = set()
    for seed in range(first, first + 40):
        rng = Random(seed)
        session = Session(fuzz_world(rng, World(frames=8), frozenset({"frames"})), full_every=50)
        config = SwarmConfig(rng, session.state.world, ("space", "table"))
        source = SwarmTrace(rng, config, session.state)
        taken: list[Step] = []
        while len(taken) < 150 and not session.is_over:
            op = source.next_op()
            taken.append(Step(op))
            found = session.step(op)
            assert found is None, finding_block(found, Trace(session.state.world, taken))
            source.settle(op)
            if session.outcome.__class__ is Ok:
                done.add(type(op).__name__)
        if not session.is_over:
            assert session.check_everything(None) is None
    assert len(done) > len(DRIVEN) - 3
