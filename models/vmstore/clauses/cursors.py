"""Invariants of page-table cursors (CUR, CURS) and of what they keep locked (LOCK).

Upstream numbers a path from 0; here `path[level]` is the node of that level.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.clauses.abstraction import same_place, same_queue, spans
from vmstore.clauses.registry import Clause, Group, Scope
from vmstore.clauses.space_cases import PlaceCase
from vmstore.exec import pte
from vmstore.node_cells import Node

_CUR: Final = "vostd CursorOwner::inv"
_LOCK: Final = "page_table::cursor::locking"
_CURS: Final = "vostd CursorEntry::inv"
_SRC: Final = "where the ops have left the cursor"
_TLB: Final = "vm_space, tlb: TlbFlusher"
_STORE: Final = "vostd VmStore::structural_inv"
_BEYOND: Final = "beyond vostd VmStore::inv"
_I: Final[Group] = "invariants"
_X: Final[Group] = "extra"
_V: Final[Group] = "view"
_P: Final[Scope] = "place"
WRAPS: Final = "past the kernel's last entry, at 2^64, a release build goes on at 0"


def _stays_inside(c: PlaceCase) -> bool:
    """All cursors but those that a release build lets out at the top of the address space."""
    return c.state.machine.debug or c.cursor.config.name != "kernel"


def _in_range(c: PlaceCase) -> bool:
    return c.cursor.start <= c.cursor.va <= c.cursor.end


def _aligned(c: PlaceCase) -> bool:
    cursor = c.cursor
    return (cursor.va | cursor.start | cursor.end) % PAGE_SIZE == 0 and (
        cursor.config.is_valid_range(cursor.start, cursor.end)
    )


def _path_is_full(c: PlaceCase) -> bool:
    """A node of each level from the current one up to the guard's, and none elsewhere."""
    cursor = c.cursor
    return all(
        (node is not None and node.level == level)
        if cursor.level <= level <= cursor.guard_level
        else node is None
        for level, node in enumerate(cursor.path)
    )


def _path_links(c: PlaceCase) -> bool:
    nodes = c.held()
    for above, below in pairwise(nodes):
        word = above.word(c.cursor.geometry.index(c.cursor.va, above.level))
        if not pte.is_child(word) or pte.child_paddr(word) != below.index * PAGE_SIZE:
            return False
    return True


def _guard_covers(c: PlaceCase) -> bool:
    cursor = c.cursor
    size = cursor.geometry.sizes[cursor.guard_level + 1]
    return cursor.start & -size == (cursor.end - 1) & -size


def _guard_is_lowest(c: PlaceCase) -> bool:
    cursor, index = c.cursor, c.cursor.geometry.index
    level = cursor.guard_level
    crosses = index(cursor.start, level) != index(cursor.end - 1, level)
    return level == 1 or crosses or c.place.began_in_leaf


def _stands_inside(c: PlaceCase) -> bool:
    """The current node is, in its tree, where the address is."""
    cursor, tables = c.cursor, c.state.view.spaces.tables
    node = cursor.path[cursor.level]
    table = tables.get(node.index) if node is not None else None
    while table is not None and table.at is not None:
        page, index = table.at
        table = tables.get(page)
        if table is not None and cursor.geometry.index(cursor.va, table.level) != index:
            return False
    return table is not None and table.page == cursor.table.root.index


def _shares_no_node(c: PlaceCase) -> bool:
    mine = {id(node) for node in c.held()}
    return not any(id(node) in mine for other in c.others() for node in other.path if node)


def covered(c: PlaceCase) -> Iterator[Node]:
    """Yield the guard node and each node below it that meets the range, as memory has them."""
    cursor = c.cursor
    guard = cursor.path[cursor.guard_level]
    if guard is not None:
        size = cursor.geometry.sizes[guard.level + 1]
        yield from _covered(c, guard, cursor.start & -size)


def _covered(c: PlaceCase, node: Node, base: int) -> Iterator[Node]:
    yield node
    if node.level <= 1:
        return
    size = c.cursor.geometry.sizes[node.level]
    for index, word in sorted(node.words.items()):
        first = base + index * size
        child = c.state.machine.nodes.nodes.get(pte.child_paddr(word) // PAGE_SIZE)
        meets = first < c.cursor.end and first + size > c.cursor.start
        if not pte.is_child(word) or child is None or not meets:
            continue
        if child.level < node.level:
            yield from _covered(c, child, first)


def _free(c: PlaceCase) -> list[str]:
    return [f"{node.index * PAGE_SIZE:#x}" for node in covered(c) if not node.locked]


def _ranges_are_disjoint(c: PlaceCase) -> bool:
    mine = c.cursor
    return not any(
        other.table is mine.table and other.start < mine.end and mine.start < other.end
        for other in c.others()
    )


def _space_is_live(c: PlaceCase) -> bool:
    store = c.state.view.store
    entry = store.cursors.get(c.handle)
    return entry is not None and entry.vm_space in store.vm_spaces


def _queue_adds_up(c: PlaceCase) -> bool:
    queue = c.queue
    if queue is None or queue.flushes_all:
        return queue is None or not queue.ops
    pages = sum(pages for _, pages in spans(queue))
    if c.state.view.spaces.counts_requests:
        return queue.pages == len(queue.ops) <= 32
    return queue.pages == pages <= 31 and len(queue.ops) <= pages


def _show_queue(c: PlaceCase) -> str:
    queue, waiting = c.queue, c.waiting
    if queue is None or waiting is None:
        return "a flusher on one side only"
    kept = [slot.index for slot in queue.keeper]
    return (
        f"queued {spans(queue)} pages={queue.pages} all={queue.flushes_all} keeps {kept};"
        f" by the ops {waiting.spans} all={waiting.is_all}"
        f" keeps {[owner.index for owner in waiting.kept]}"
    )


CLAUSES: Final = (
    Clause("CURS.2", "no node below the cursor is locked through it", _CURS, _P, _I,
           holds=lambda c: all(node is None for node in c.cursor.path[: max(c.cursor.level, 0)])),
    Clause("CURS.3'", "each node from the cursor's level up to the guard is locked", _CURS, _P, _I,
           when=_stays_inside, holds=lambda c: all(node.locked for node in c.held()),
           reason=WRAPS),
    Clause("CURS.4", "the cursor is not above its guard", _CURS, _P, _I,
           holds=lambda c: c.cursor.level <= c.cursor.guard_level),
    Clause("STRUCT.08", "every cursor's space is live", _STORE, _P, _I,
           when=lambda c: c.is_of_space, holds=_space_is_live),
    Clause("CUR.INV.1", "1 <= level <= guard_level <= levels", _CUR, _P, _X,
           holds=lambda c: 1 <= c.cursor.level <= c.cursor.guard_level <= c.state.world.levels),
    Clause("CUR.INV.2'", "start <= va <= end", _CUR, _P, _X, when=_stays_inside,
           holds=_in_range, reason=WRAPS),
    Clause("CUR.INV.3", "va, start and end are page aligned, the range is one of the table", _CUR,
           _P, _X, holds=_aligned),
    Clause("CUR.INV.4", "the path has a node of each level from level to guard_level, no other",
           _CUR, _P, _X, holds=_path_is_full),
    Clause("CUR.INV.5'", "each node of the path is the child that va names in the one above", _CUR,
           _P, _X, when=_stays_inside, holds=_path_links, reason=WRAPS),
    Clause("CUR.INV.6", "the guard node covers the range", _CUR, _P, _X, holds=_guard_covers),
    Clause("CUR.INV.7", "no lower node than the guard covers the range, unless it began in a leaf",
           _CUR, _P, _X, holds=_guard_is_lowest),
    Clause("CUR.INV.8", "range and guard level are those that the cursor was opened with", _CUR,
           _P, _X, holds=lambda c: (c.cursor.start, c.cursor.end, c.cursor.guard_level)
           == (c.place.start, c.place.end, c.place.guard.level)),
    Clause("CUR.INV.9'", "before the end, the current node covers va", _CUR, _P, _X, reason=WRAPS,
           when=lambda c: c.cursor.start <= c.cursor.va < c.cursor.end and _stays_inside(c),
           holds=_stands_inside),
    Clause("CUR.INV.10'", "no other cursor has a node of this one's path", _CUR, _P, _X,
           when=_stays_inside, holds=_shares_no_node, reason=WRAPS),
    Clause("CUR.INV.12", "the nodes of the path are distinct", _CUR, _P, _X,
           holds=lambda c: len({id(node) for node in c.held()}) == len(c.held())),
    Clause("LOCK.INV.2'", "the guard and every node below it that meets the range are locked",
           _LOCK, _P, _X, when=_stays_inside, holds=lambda c: not _free(c), reason=WRAPS,
           show=lambda c: f"not locked: {', '.join(_free(c))}"),
    Clause("XTRA.6", "the ranges of two cursors on one table do not overlap", _BEYOND, _P, _X,
           holds=_ranges_are_disjoint),
    Clause("TLB.INV.1", "a queue adds up to what may wait, or flushes everything", _TLB, _P,
           _X, when=lambda c: c.queue is not None, holds=_queue_adds_up, show=_show_queue),
    Clause("TLB.INV.2", "pages are kept only for flushes that wait", _TLB, _P, _X,
           when=lambda c: c.queue is not None, show=_show_queue,
           holds=lambda c: not c.queue.keeper or bool(c.queue.ops) or c.queue.flushes_all),
    Clause("VIEW.CUR", "the cursor stands where the ops have left it", _SRC, _P, _V,
           holds=lambda c: same_place(c.state.machine.nodes, c.cursor, c.place)),
    Clause("VIEW.QUEUE", "what waits for a flush is what the ops have queued", _SRC, _P, _V,
           holds=lambda c: same_queue(c.queue, c.waiting), show=_show_queue),
)  # fmt: skip
