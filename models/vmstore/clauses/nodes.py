"""Which page-table nodes and cursors a step is about, and the quick decision about them."""

from vmstore.arch import PAGE_SIZE
from vmstore.clauses.registry import NodeCase, PlaceCase
from vmstore.exec import pte
from vmstore.exec.space_state import Cursor
from vmstore.node_cells import FILLED
from vmstore.step import State
from vmstore.view.tables import Place, Table

Touched = dict[int, set[int]]  # page -> entries


def touched_nodes(state: State) -> Touched:
    """Return what this step declared or wrote of the tables that are alive after it."""
    tables, nodes = state.view.spaces.tables, state.machine.nodes
    found: Touched = {}
    for table, index in state.view.spaces.touched:
        if tables.get(table.page) is table:
            entries = found.setdefault(table.page, set())
            if index >= 0:
                entries.add(index)
    for node, cell, _ in nodes.journal:
        written = tables.get(node.index)
        if written is None or nodes.nodes.get(node.index) is not node:
            continue
        entries = found.setdefault(node.index, set())
        if cell >= 0:
            entries.add(cell)
        elif cell == FILLED:
            # The kernel's half is one run, of which one word tells.
            whole = range(written.config.end_index, written.config.end_index + 1)
            entries.update(whole if written.shares_kernel else range(nodes.entries))
    return found


def all_nodes(state: State) -> Touched:
    """Return every entry of every table that is alive."""
    entries = set(range(state.machine.nodes.entries))
    return dict.fromkeys(state.view.spaces.tables, entries)


def node_cases(state: State, touched: Touched) -> list[NodeCase]:
    """Return both sides of each node, by page. A page that never was a node has slot clauses."""
    tables, nodes = state.view.spaces.tables, state.machine.nodes.nodes
    return [
        NodeCase(state, nodes[page], tables[page], sorted(touched[page]))
        for page in sorted(touched)
        if page in nodes
    ]


def place_cases(state: State) -> list[PlaceCase]:
    """Return both sides of each live cursor."""
    machine, view = state.machine.spaces, state.view.spaces
    spaces = [
        PlaceCase(state, f"c{i}", machine.cursors[i].inner, view.cursors[i].place)
        for i in sorted(view.cursors)
        if i in machine.cursors
    ]
    return spaces + [
        PlaceCase(state, f"pc{i}", machine.ptcursors[i], view.ptcursors[i])
        for i in sorted(view.ptcursors)
        if i in machine.ptcursors
    ]


def entry_agrees(case: NodeCase, index: int) -> bool:
    """Return whether entry `index` of the node is that of the table."""
    word, entry = case.node.word(index), case.table.entries.get(index)
    if entry is None:
        return pte.is_absent(word) or case.is_kernels(index)
    if isinstance(entry, Table):
        return pte.is_child(word) and pte.child_paddr(word) == entry.page * PAGE_SIZE
    return (
        is_leaf(word)
        and pte.leaf_paddr(case.geometry, word, case.node.level) == entry.paddr
        and pte.decode_prop(word) == entry.prop
        and case.table.config.is_tracked(word) == entry.is_tracked
    )


def nodes_hold(state: State) -> bool:
    """Return whether every clause holds of the nodes that this step touched."""
    return all(node_holds(case) for case in node_cases(state, touched_nodes(state)))


def node_holds(case: NodeCase) -> bool:
    """Return whether every clause holds of one node and the entries to look at."""
    node, table = case.node, case.table
    if (
        node.level != table.level
        or node.children != len(table.entries)
        or node.stray != table.is_cut
        or node.locked != (table.holder is not None)
    ):
        return False
    for index in case.indices:
        if not entry_agrees(case, index):
            return False
        if is_leaf(node.word(index)) and not leaf_fits(case, index):
            return False
        if case.is_kernels(index) and not is_kernel_word(case, index):
            return False
    return True


def is_leaf(word: int) -> bool:
    """Return whether a word maps a page."""
    return not pte.is_absent(word) and not pte.is_child(word)


def leaf_fits(case: NodeCase, index: int) -> bool:
    """Return whether the level is mapped at all, and the address a multiple of the page's size."""
    level, address = case.table.level, pte.child_paddr(case.node.word(index))
    return not address % case.geometry.sizes[level] and level <= case.table.config.highest_level


def is_kernel_word(case: NodeCase, index: int) -> bool:
    """Return whether the word is that of the kernel's root, as boot left it if nobody looked."""
    nodes = case.state.machine.nodes
    root = nodes.nodes.get(case.state.world.frames)
    base, step = nodes.kernel_run()
    return case.node.word(index) == (root.word(index) if root else base + index * step)


def places_hold(state: State) -> bool:
    """Return whether every clause holds of every live cursor. Runs per step: no cases are built."""
    machine, view = state.machine.spaces, state.view.spaces
    for handle, c in view.cursors.items():
        held = machine.cursors.get(handle)
        if held is not None and not _place_holds(state, held.inner, c.place):
            return False
    for handle, place in view.ptcursors.items():
        inner = machine.ptcursors.get(handle)
        if inner is not None and not _place_holds(state, inner, place):
            return False
    return True


def _place_holds(state: State, c: Cursor, place: Place) -> bool:
    return (
        c.va == place.va
        and c.level == place.level
        and 1 <= c.level <= c.guard_level
        and (c.start <= c.va <= c.end or may_wrap(state, place))
    )


def may_wrap(state: State, place: Place) -> bool:
    """Return whether the cursor is one of those that a release build lets out at the top."""
    return not state.machine.debug and place.tree.config.name == "kernel"
