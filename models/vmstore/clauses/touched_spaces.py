"""Which nodes, cursors, spaces and CPUs a step touched, and one decision over all their clauses.

The decision over a footprint compares what was touched with the view, cell by cell: as long as the
rest was equal before, equality there is equality everywhere, and the view's tables are trees whose
counters count. The one over everything evaluates the clauses themselves, except on nodes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.clauses import address_spaces, cursors, tlbs
from vmstore.clauses.abstraction import (
    same_cell,
    same_kernel_node,
    same_node,
    same_place,
    same_queue,
    same_touched,
)
from vmstore.clauses.address_spaces import same_space
from vmstore.clauses.registry import Clause, StoreCase
from vmstore.clauses.space_cases import (
    CpuCase,
    PlaceCase,
    SpaceCase,
    all_spaces,
    cpu_of,
    leaf_page,
    partner,
)
from vmstore.clauses.tlbs import same_touched_translations
from vmstore.exec import pte
from vmstore.node_cells import Node
from vmstore.step import State
from vmstore.view.spaces import SpaceView

PlaceId = tuple[str, int]  # kind and id of a cursor


class SpaceSubjects(NamedTuple):
    """Pages of nodes, cursors, spaces, CPUs, each sorted; `slots` are pages that entries name."""

    nodes: list[int]
    slots: set[int]
    places: list[PlaceId]
    spaces: list[SpaceView]
    cpus: list[int]


def no_spaces() -> SpaceSubjects:
    """Return no subjects: what is left of address spaces after a panic says nothing."""
    return SpaceSubjects([], set(), [], [], [])


def all_in_spaces(state: State) -> SpaceSubjects:
    """Return every live node, cursor, space and CPU."""
    nodes, spaces, view = state.machine.nodes, state.machine.spaces, state.view.spaces
    live = {i for i, n in nodes.nodes.items() if _is_live(state, n)} | view.tables.keys()
    places = [("cursor", n) for n in sorted(spaces.cursors.keys() & view.cursors.keys())]
    places += [("ptcursor", n) for n in sorted(spaces.ptcursors.keys() & view.ptcursors.keys())]
    cpus = sorted(spaces.cpus.keys() | view.active.keys() | state.machine.tlbs.cpus.keys())
    return SpaceSubjects(sorted(live), set(), places, all_spaces(state), cpus)


def _is_live(state: State, node: Node) -> bool:
    first, end, _ = state.view.store.kernel
    slot = node.slot
    return first <= node.index < end or (slot.vtable == "pt" and slot.ref_count != REF_COUNT_UNUSED)


def touched_in_spaces(state: State) -> SpaceSubjects:
    """Return what this step declared or wrote, and the nodes and pages that its entries name."""
    machine, view = state.machine, state.view.spaces
    nodes, spaces, touched = machine.nodes, machine.spaces, view.touched
    found, slots = set[int](), set[int]()
    for node, cell, old in nodes.journal:
        found.add(node.index)
        for word in (old, node.word(cell)) if cell >= 0 else ():
            if pte.is_child(word):
                found.add(pte.child_paddr(word) // PAGE_SIZE)
            else:
                slots.add(leaf_page(word) or 0)
    found |= {table.page for table, _ in touched.cells}
    of_spaces = set(touched.cursors) & spaces.cursors.keys() & view.cursors.keys()
    of_tables = set(touched.ptcursors) & spaces.ptcursors.keys() & view.ptcursors.keys()
    places = [("cursor", n) for n in sorted(of_spaces)]
    places += [("ptcursor", n) for n in sorted(of_tables)]
    return SpaceSubjects(
        nodes=sorted(i for i in found if i in view.tables or _is_known(state, i)),
        slots={index for index in slots if index < state.world.pages},
        places=places,
        spaces=[space for space in all_spaces(state) if space in touched.spaces],
        cpus=_touched_cpus(state),
    )


def _touched_cpus(state: State) -> list[int]:
    """Return every CPU if one changed, else those that cache translations: any may be stale."""
    spaces, view = state.machine.spaces, state.view.spaces
    if view.touched.has_cpus:
        return sorted(spaces.cpus.keys() | view.active.keys())
    cached, known = state.machine.tlbs.cpus, state.view.store.tlb_model.mappings
    return sorted(cpu for cpu in cached.keys() | known.keys() if cached.get(cpu) or known.get(cpu))


def _is_known(state: State, index: int) -> bool:
    node = state.machine.nodes.nodes.get(index)
    return node is not None and _is_live(state, node)


def spaces_hold(state: State) -> bool:
    """Return whether what this step declared or wrote of address spaces is as the view says."""
    machine, touched = state.machine, state.view.spaces.touched
    if not (touched.is_used or touched.has_pages or machine.nodes.journal or machine.tlbs.journal):
        return True
    if not _cells_hold(state):
        return False
    for handle in touched.cursors:
        if not _cursor_holds(state, handle):
            return False
    for handle in touched.ptcursors:
        if not _place_holds(state, handle):
            return False
    if touched.has_pages and not _pages_hold(state):
        return False
    if machine.tlbs.journal or state.view.store.tlb_model.touched:
        if not same_touched_translations(state):
            return False
    return not (touched.spaces or touched.trees or touched.has_cpus) or _values_hold(state)


def _cells_hold(state: State) -> bool:
    """Return whether the entries, locks and counters that were written or should be are right."""
    nodes, view = state.machine.nodes, state.view.spaces
    built, tables = nodes.nodes, view.tables
    seen = set()
    for node, cell, _ in nodes.journal:
        page = node.index
        table = tables.get(page)
        if table is None:
            if not _dead_holds(state, node):
                return False
        elif built[page] is node:
            seen.add((page, cell))
            if not same_cell(nodes, node, table, cell):
                return False
    for table, cell in view.touched.cells:
        page = table.page
        if (page, cell) not in seen and tables.get(page) is table:
            found = built.get(page)
            if found is None or not same_touched(nodes, found, table, cell):
                return False
    return True


def _dead_holds(state: State, node: Node) -> bool:
    """Return whether a node without table is freed, or one of the kernel's as boot left it."""
    first, end, _ = state.view.store.kernel
    if first <= node.index < end:
        return same_kernel_node(state.machine.nodes, node)
    return not _is_live(state, node)


def _cursor_holds(state: State, handle: int) -> bool:
    held, known = state.machine.spaces.cursors.get(handle), state.view.spaces.cursors.get(handle)
    if held is None or known is None:
        return held is None and known is None
    return (
        same_place(state.machine.nodes, held.inner, known.place)
        and same_queue(held.queue, known.queue)
        and state.view.store.cursors[handle].vm_space in state.view.store.vm_spaces
    )


def _place_holds(state: State, handle: int) -> bool:
    c, place = state.machine.spaces.ptcursors.get(handle), state.view.spaces.ptcursors.get(handle)
    if c is None or place is None:
        return c is None and place is None
    return same_place(state.machine.nodes, c, place)


def _pages_hold(state: State) -> bool:
    """Return whether pool and grace period are as the view says, up to what did not change."""
    spaces, view = state.machine.spaces, state.view.spaces
    pool, known = spaces.pool, view.pool
    fresh = view.touched.batches
    return (
        pool.next == known.next
        and pool.limit == known.limit
        and len(pool.handed) == len(known.live)
        and pool.returned[:1] == known.returned[:1]
        and len(pool.returned) == len(known.returned)
        and len(spaces.callbacks) == len(view.waiting)
        and all(
            [slot.index for slot in spaces.callbacks[-at]]
            == [owner.index for owner in view.waiting[-at]]
            for at in range(1, fresh + 1)
        )
    )


def _values_hold(state: State) -> bool:
    """Return whether the touched spaces and tables, and the CPUs, are as the view says."""
    spaces, view = state.machine.spaces, state.view.spaces
    touched = view.touched
    for known in touched.spaces:
        if not _space_holds(state, known):
            return False
    for handle in touched.trees:
        raw, tree = spaces.ptables.get(handle), view.trees.get(handle)
        if raw is None or tree is None:
            if raw is not None or tree is not None:
                return False
        elif raw.root.index != tree.root.page or raw.borrows != tree.borrows:
            return False
    return not touched.has_cpus or (
        all(_cpu_holds(state, cpu) for cpu in spaces.cpus.keys() | view.active.keys())
    )


def _space_holds(state: State, known: SpaceView) -> bool:
    found = partner(state, known)
    if found is None:
        return known.handle is None and not known.active_on
    return same_space(SpaceCase(state, known, found))


def _cpu_holds(state: State, cpu: int) -> bool:
    view, held = state.view.spaces, state.machine.spaces.cpus.get(cpu)
    if held is None:
        return False
    known, active, queue = view.active.get(cpu), held.active, held.queue
    if known is None or active is None:
        is_same = known is None and active is None
    else:
        is_same = known.number == active.number and held.root is active.table.root
    return (
        is_same
        and held.root.index == view.roots.get(cpu, view.kernel_root)
        and not (queue.keeper or queue.ops or queue.flushes_all)
    )


def all_spaces_hold(state: State) -> bool:
    """Return whether every clause holds of all nodes, cursors, spaces and CPUs, and of P."""
    nodes, view = state.machine.nodes, state.view.spaces
    subjects = all_in_spaces(state)
    for index in subjects.nodes:
        node, table = nodes.nodes.get(index), view.tables.get(index)
        if table is None:
            if node is None or not _dead_holds(state, node):
                return False
        elif node is None or not same_node(nodes, node, table) or not _paths_hold(state, node):
            return False
    places = [PlaceCase(state, *place) for place in subjects.places]
    found = ((known, partner(state, known)) for known in subjects.spaces)
    spaces = [SpaceCase(state, known, space) for known, space in found if space is not None]
    cpus = [CpuCase(state, cpu, cpu_of(state, cpu)) for cpu in subjects.cpus]
    return (
        all(_holds(clause, places) for clause in cursors.CLAUSES)
        and all(_holds(c, spaces) for c in address_spaces.CLAUSES if c.scope == "space")
        and all(_holds(c, cpus) for c in address_spaces.CLAUSES if c.scope == "cpu")
        and all(_holds(c, cpus) for c in tlbs.CLAUSES if not c.known)
        and all(_holds(c, [StoreCase(state)]) for c in address_spaces.CLAUSES if c.scope == "store")
    )


def _holds(clause: Clause, cases: Sequence[Any]) -> bool:
    return all(clause.holds(case) for case in cases if clause.when(case))


def _paths_hold(state: State, node: Node) -> bool:
    """Return whether each frame that the node maps knows it."""
    for index, word in node.words.items():
        if leaf_page(word) is not None and node.config.is_tracked(word):
            owner = state.view.store.owners.get((word & pte.ADDRESS) // PAGE_SIZE)
            if owner is None or (node.index, index) not in owner.paths:
                return False
    return True
