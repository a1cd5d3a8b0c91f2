"""Invariants of page-table nodes (PT, VIEW), of what their entries refer to (MR), of their locks.

Each is a predicate of the node's memory and of the slots that its words name; the view is asked
only where the specification has ghost state. The entries of a space's root are those of its own
half; the kernel's are looked at by `PT.INV.10` alone.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.clauses.abstraction import same_node, same_word
from vmstore.clauses.cursors import WRAPS
from vmstore.clauses.registry import Clause, Group, Scope, SlotCase, count_name
from vmstore.clauses.space_cases import NodeCase, all_spaces, partner
from vmstore.exec import pte
from vmstore.view.page_table import translation
from vmstore.view.tables import Table

_PT: Final = "vostd PageTableOwner::inv"
_VIEW: Final = "vostd PageTableView::inv"
_MR: Final = "vostd metaregion_sound"
_LOCK: Final = "page_table::cursor::locking"
_SRC: Final = "what the ops have mapped"
_X: Final[Group] = "extra"
_V: Final[Group] = "view"
_N: Final[Scope] = "node"


def _own(c: NodeCase) -> bool:
    """All nodes but the kernel's, which nobody may change, and dead ones, which say nothing."""
    return not c.is_kernel and c.table is not None


def _level_below(c: NodeCase) -> bool:
    children = [c.peer(page) for _, page in c.children()]
    return all(child is not None and child.level == c.node.level - 1 for child in children)


def _one_parent(c: NodeCase) -> bool:
    """Each child is linked from here alone, and this node from where the ops put it."""
    tables = c.state.view.spaces.tables
    for index, page in c.children():
        child = tables.get(page)
        if child is None or child.at != (c.node.index, index):
            return False
    at = c.table.at if c.table is not None else None
    if at is None:
        return True
    parent = c.peer(at[0])
    word = parent.word(at[1]) if parent is not None else 0
    return pte.is_child(word) and pte.child_paddr(word) == c.node.index * PAGE_SIZE


def _show_parents(c: NodeCase) -> str:
    at = c.table.at if c.table is not None else None
    below = ", ".join(f"[{i}] -> {page * PAGE_SIZE:#x}" for i, page in c.children())
    link = f"linked by entry {at[1]} of {at[0] * PAGE_SIZE:#x}" if at else "linked by nobody"
    return f"it should be {link}; it links {below or 'nothing'}"


def _present(c: NodeCase) -> int:
    return sum(not pte.is_absent(word) for _, word in c.words())


def _stray_if_cut(c: NodeCase) -> bool:
    at, is_cut = (c.table.at, c.table.is_cut) if c.table is not None else (None, False)
    parent = c.peer(at[0]) if at is not None else None
    return c.node.stray == is_cut and (parent is None or parent.stray == c.node.stray)


def _maps_pages(c: NodeCase) -> bool:
    g, node = c.state.machine.spaces.geometry, c.node
    size = g.sizes[node.level]
    is_mapping_level = 1 <= node.level <= node.config.highest_level
    return all(is_mapping_level and not word & pte.ADDRESS & (size - 1) for _, word in c.leaves())


def _kernel_half(c: NodeCase) -> bool:
    """Whether the half that all roots share is as boot left it: these words, nothing below them."""
    nodes, node = c.state.machine.nodes, c.node
    if c.is_kernel and node.index != nodes.first:
        return not node.children and not any(node.words.values())
    base, step = nodes.kernel_run()
    upper = range(nodes.half, nodes.entries)
    return all(node.word(index) == base + index * step for index in upper)


def _has_kernel_half(c: NodeCase) -> bool:
    return c.is_kernel or (c.table is not None and c.table.shares_kernel)


def _io_is_recorded(c: NodeCase) -> bool:
    root, state = c.root(), c.state
    known = next((s for s in all_spaces(state) if s.tree.root is root), None)
    space = partner(state, known) if known is not None else None
    if space is None:
        return True
    return all(
        c.node.config.is_tracked(word)
        or any(r.paddr <= word & pte.ADDRESS < r.paddr + r.size for r in space.iomems)
        for _, word in c.leaves()
    )


def _is_below_max(c: NodeCase) -> bool:
    top, size = c.state.world.max_paddr, c.state.machine.spaces.geometry.sizes[c.node.level]
    tracked = (w for _, w in c.leaves() if c.node.config.is_tracked(w))
    return all((word & pte.ADDRESS) + size <= top for word in tracked)


def _nothing_outside(c: NodeCase) -> bool:
    made = c.node.config
    outside = [*range(made.first_index), *range(made.end_index, c.state.world.entries)]
    return not any(c.node.word(index) for index in outside)


def _walks(c: NodeCase) -> bool:
    path, root = c.path(), c.root()
    if path is None or root is None or c.table is None:
        return True
    for index in sorted({i for i, _ in c.words()} | c.table.entries.keys()):
        found = _walked(c, root.page, c.vaddr(path, index))
        expected = translation(c.state.view, root, c.vaddr(path, index))
        if found != (None if expected is None else (expected[0], expected[1].prop)):
            return False
    return True


def _walked(c: NodeCase, root: int, va: int) -> object:
    """Translate as the hardware does, one level after the other: nothing lies below level 1."""
    g, page = c.state.machine.spaces.geometry, root
    for level in range(g.levels, 0, -1):
        node = c.peer(page)
        word = node.word(g.index(va, level)) if node is not None else 0
        if pte.is_absent(word):
            return None
        if not pte.is_child(word):
            offset = va & (g.sizes[level] - 1)
            return pte.leaf_paddr(g, word, level) + offset, pte.decode_prop(word)
        page = pte.child_paddr(word) // PAGE_SIZE
    return None


def _show_walks(c: NodeCase) -> str:
    path, root = c.path() or [], c.root()
    if root is None or c.table is None:
        return ""
    shown = []
    for index in sorted({i for i, _ in c.words()} | c.table.entries.keys()):
        va = c.vaddr(path, index)
        found, expected = _walked(c, root.page, va), translation(c.state.view, root, va)
        wanted = None if expected is None else (expected[0], expected[1].prop)
        if found != wanted:
            shown.append(f"{va:#x} translates to {_at(found)}, mapped was {_at(wanted)}")
    return "; ".join(shown)


def _at(found: object) -> str:
    if not isinstance(found, tuple):
        return "nothing"
    (paddr, (flags, cache, priv)) = found
    return f"{paddr:#x} flags={flags:#x} {cache} priv={priv:#x}"


def _is_live(at: SlotCase) -> bool:
    return at.rc not in {REF_COUNT_UNUSED, REF_COUNT_UNIQUE} and at.is_shared


def _frames_are_live(c: NodeCase) -> bool:
    return all(at.owner.usage in {"Frame", "PageTable"} and _is_live(at) for _, at in c.tracked())


def _paths_are_kept(c: NodeCase) -> bool:
    return all((c.node.index, index) in at.owner.paths for index, at in c.tracked())


def _show_frames(c: NodeCase) -> str:
    return "; ".join(
        f"entry {i} maps {at.slot.index * PAGE_SIZE:#x}: rc={count_name(at.rc)}"
        f" usage={at.owner.usage} paths={sorted(at.owner.paths)}"
        for i, at in c.tracked()
    )


def _is_live_node(c: NodeCase) -> bool:
    at = c.at
    is_counted = at.is_shared or (at.rc == REF_COUNT_UNIQUE and at.owner.uniques > 0)
    return at.owner.usage == "PageTable" and is_counted and at.slot.vtable == "pt"


def _same_extent(c: NodeCase) -> bool:
    t, n = c.table, c.node
    return t is not None and n.level == t.level and n.config is t.config


def _show_diff(c: NodeCase) -> str:
    node, table = c.node, c.table
    if table is None:
        return ""
    shown = []
    for index in sorted({i for i, _ in c.words()} | table.entries.keys()):
        if not same_word(c.state.machine.nodes, node, table, index):
            entry = table.entries.get(index)
            wanted = f"table {entry.page * PAGE_SIZE:#x}" if isinstance(entry, Table) else entry
            shown.append(f"entry {index} is {node.word(index):#x}, mapped was {wanted}")
    return "; ".join(shown) or f"nr_children={node.children} of {len(table.entries)} entries"


def _is_held(c: NodeCase) -> bool:
    return c.node.locked == (c.table is not None and c.table.holder is not None)


CLAUSES: Final = (
    Clause("PT.INV.1", "a root is at the top level and not stray", _PT, _N, _X,
           when=lambda c: c.is_root and _own(c),
           holds=lambda c: c.node.level == c.state.world.levels and not c.node.stray),
    Clause("PT.INV.2", "a child is one level below its parent", _PT, _N, _X, when=_own,
           holds=_level_below),
    Clause("PT.INV.3", "no entry of level 1 points to a table", _PT, _N, _X,
           when=lambda c: c.node.level == 1 and _own(c), holds=lambda c: not any(c.children())),
    Clause("PT.INV.4", "each node is linked by exactly one entry: page tables are trees", _PT, _N,
           _X, when=_own, holds=_one_parent, show=_show_parents),
    Clause("PT.INV.5", "nr_children is the number of entries that are not absent", _PT, _N, _X,
           when=_own, holds=lambda c: c.node.children == _present(c),
           show=lambda c: f"nr_children={c.node.children}, but {_present(c)} are not absent"),
    Clause("PT.INV.6", "0 <= nr_children <= entries", _PT, _N, _X,
           holds=lambda c: 0 <= c.node.children <= c.state.world.entries),
    Clause("PT.INV.8", "a node is stray iff it was cut out of its tree, as its parent then is",
           _PT, _N, _X, when=_own, holds=_stray_if_cut),
    Clause("PT.INV.9", "a leaf is of a level that maps, its address aligned to its size", _PT, _N,
           _X, when=_own, holds=_maps_pages),
    Clause("PT.INV.10", "the upper half of the kernel and of every space is as boot left it", _PT,
           _N, _X, when=_has_kernel_half, holds=_kernel_half),
    Clause("PT.INV.11", "a user table has leaves on level 1 only", _PT, _N, _X,
           when=lambda c: c.node.config.name == "user" and c.node.level > 1 and _own(c),
           holds=lambda c: not any(c.leaves())),
    Clause("PT.INV.13", "a space maps device memory only of regions that it recorded", _PT, _N, _X,
           when=lambda c: c.node.config.name == "user" and _own(c), holds=_io_is_recorded),
    Clause("PT.INV.14", "a stray node is not locked", _PT, _N, _X,
           when=lambda c: c.node.stray and _own(c), holds=lambda c: not c.node.locked),
    Clause("PT.INV.16", "a node with nr_children == 0 has zero words only", _PT, _N, _X,
           when=lambda c: c.node.children == 0 and _own(c), holds=lambda c: not any(c.words())),
    Clause("VIEW.INV.2'", "a mapped frame lies in physical memory", _VIEW, _N, _X, when=_own,
           holds=_is_below_max, reason="plain addresses and device memory lie anywhere"),
    Clause("VIEW.INV.4'", "a table maps nothing outside of its own half", _VIEW, _N, _X,
           when=lambda c: c.is_root and _own(c) and not c.table.shares_kernel
           and (c.state.machine.debug or c.node.config.name != "kernel"),
           holds=_nothing_outside, reason=WRAPS),
    Clause("MR.INV.1'", "a node's page has usage PageTable, node metadata, 1 <= rc <= MAX", _MR,
           _N, _X, holds=_is_live_node,
           reason="the last handle on the node of a dead table may become exclusive"),
    Clause("MR.INV.3'", "a mapped frame has usage Frame, or PageTable (dynamic), 1 <= rc <= MAX",
           _MR, _N, _X, when=_own, holds=_frames_are_live, show=_show_frames,
           reason="a kernel table maps any frame, dynamic handles on nodes too (AX-21)"),
    Clause("MR.INV.4", "the paths of a mapped frame contain the entry", _MR, _N, _X, when=_own,
           holds=_paths_are_kept, show=_show_frames),
    Clause("MR.INV.5'", "a huge leaf owns no frame", _MR, _N, _X,
           when=lambda c: c.node.level > 1 and _own(c), holds=lambda c: not any(c.tracked()),
           reason="no call maps a frame above level 1: a huge leaf has no pages to be live"),
    Clause("VIEW.INV.8", "each address translates to what is mapped there", _VIEW, _N, _X,
           when=_own, holds=_walks, show=_show_walks),
    Clause("LOCK.INV.1", "a node is locked iff a live cursor holds it", _LOCK, _N, _X,
           holds=_is_held),
    Clause("VIEW.NODE", "the live nodes are the tables that the ops made, of their level", _SRC,
           _N, _V, when=lambda c: not c.is_kernel, holds=_same_extent),
    Clause("VIEW.PT", "a node has the entries that the ops made, and their number", _SRC, _N, _V,
           when=_own, show=_show_diff,
           holds=lambda c: same_node(c.state.machine.nodes, c.node, c.table)),
)  # fmt: skip
