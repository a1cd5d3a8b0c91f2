"""When memory and Rust values of address spaces say what the view says.

One decision each, over a cell, a node, a cursor, a queue. A word is compared by its parts, with its
properties decoded once per combination of bits.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.exec import pte
from vmstore.exec.pte import Prop
from vmstore.exec.space_state import Cursor, OpsStack
from vmstore.geometry import AVAIL1
from vmstore.ids import CachePolicy
from vmstore.node_cells import CHILD_BITS, CHILDREN, LOCK, STRAY, Node, NodeCells
from vmstore.view.spaces import HELD, Queue
from vmstore.view.tables import Leaf, Place, Table

_PAGES_MASK = 0x3F  # of a request's word: its page count
# The bits of an x86-64 leaf as the manuals number them, volume 3, 4.5; 51 is the `cvm_guest` mark.
# Written down here again: what the code encodes must not be judged by how the code decodes it.
_FLAG_OF_BIT: Final = {0: 0x01, 1: 0x02, 5: 0x08, 6: 0x10, 53: 0x80}
_PRIV_OF_BIT: Final = {2: 0x01, 8: 0x02, 52: 0x40, 51: 0x80}
_EXECUTE: Final = 0x04
_NO_EXECUTE_BIT: Final = 63
_LEAF_BIT: Final = 7
_CACHE_OF_BITS: Final[tuple[CachePolicy, ...]] = ("WB", "WT", "WC", "UC")  # bits 4 and 3
_KNOWN_BITS: Final = sum(
    1 << bit for bit in (*_FLAG_OF_BIT, *_PRIV_OF_BIT, 3, 4, _LEAF_BIT, _NO_EXECUTE_BIT)
)
_NO_PROP: Final = Prop(-1, "WP", -1)  # of no leaf
_PROPS: dict[int, Prop] = {}


def prop_of(word: int) -> Prop:
    """Return the property of a leaf's word, which its address bits do not change.

    A word with a bit that has no meaning has a property that no leaf has.
    """
    bits = word & ~pte.ADDRESS
    found = _PROPS.get(bits)
    if found is None:
        found = _PROPS[bits] = _meaning(bits)
    return found


def _meaning(bits: int) -> Prop:
    if bits & ~_KNOWN_BITS:
        return _NO_PROP
    flags = sum(flag for bit, flag in _FLAG_OF_BIT.items() if bits >> bit & 1)
    if not bits >> _NO_EXECUTE_BIT & 1:
        flags |= _EXECUTE
    priv = sum(flag for bit, flag in _PRIV_OF_BIT.items() if bits >> bit & 1)
    return Prop(flags, _CACHE_OF_BITS[bits >> 3 & 3], priv)


def same_word(nodes: NodeCells, node: Node, table: Table, index: int) -> bool:
    """Return whether one entry of a node is that of the table, in the kernel's half included."""
    word, entry = node.word(index), table.entries.get(index)
    if entry is None:
        if index < node.config.end_index or not table.shares_kernel:
            return word == 0
        base, step = nodes.kernel_run()
        return word == base + index * step
    if isinstance(entry, Leaf):
        paddr, prop, is_tracked = entry
        bits = word & ~pte.ADDRESS
        return (
            word & pte.ADDRESS == paddr
            and word & pte.LEAF != 0
            and (_PROPS.get(bits) or prop_of(word)) == prop
            and (word & AVAIL1 == node.config.tracked_word) == is_tracked
        )
    return word == entry.page * PAGE_SIZE | CHILD_BITS and entry.at == (node.index, index)


def same_cell(nodes: NodeCells, node: Node, table: Table, cell: int) -> bool:
    """Return whether one cell of a node, as a journal names it, is as the table says."""
    if cell >= 0:
        return node.children == len(table.entries) and same_word(nodes, node, table, cell)
    if cell == CHILDREN:
        return node.children == len(table.entries)
    if cell in {LOCK, STRAY}:
        return _same_hold(node, table)
    return same_node(nodes, node, table)


def same_touched(nodes: NodeCells, node: Node, table: Table, cell: int) -> bool:
    """Return the same for a cell that the view touched."""
    return _same_hold(node, table) if cell == HELD else same_cell(nodes, node, table, cell)


def _same_hold(node: Node, table: Table) -> bool:
    return node.locked == (table.holder is not None) and node.stray == table.is_cut


def same_node(nodes: NodeCells, node: Node, table: Table) -> bool:
    """Return whether all of a node is as its table says. Cost: what is stored in it."""
    if (
        node.level != table.level
        or node.config is not table.config
        or node.children != len(table.entries)
        or not _same_hold(node, table)
    ):
        return False
    indices = node.words.keys() | table.entries.keys()
    if table.shares_kernel:
        run = (nodes.half, *nodes.kernel_run())
        if (node.fill_from, node.fill_base, node.fill_step) != run:
            return False
    elif node.fill_from < nodes.entries:
        indices |= set(range(node.fill_from, nodes.entries))
    return all(same_word(nodes, node, table, index) for index in indices)


def same_kernel_node(nodes: NodeCells, node: Node) -> bool:
    """Return whether one of the kernel's own nodes is as boot left it."""
    if node.stray or node.locked or any(node.words.values()):
        return False
    if node.index != nodes.first:
        return node.children == 0 and node.fill_from >= nodes.entries
    run = (nodes.half, *nodes.kernel_run())
    return node.children == nodes.half and (node.fill_from, node.fill_base, node.fill_step) == run


def same_place(nodes: NodeCells, c: Cursor, place: Place) -> bool:
    """Return whether a cursor stands where it should: address, level, path, range, guard."""
    va, level, path, table = c.va, c.level, c.path, place.guard
    above = c.guard_level
    if va != place.va or level != place.level or above != table.level:
        return False
    if c.start != place.start or c.end != place.end:
        return False
    if path.count(None) != len(path) - (above - level + 1):
        return False
    built, shifts, mask = nodes.nodes, c.geometry.shifts, c.geometry.index_mask
    while True:
        node = path[above]
        if node is None or node is not built.get(table.page):
            return False
        if above == level:
            return True
        entry = table.entries.get(va >> shifts[above] & mask)
        if not isinstance(entry, Table):
            return False
        table = entry
        above -= 1


def same_queue(queue: OpsStack | None, expected: Queue | None) -> bool:
    """Return whether the same flushes wait, and the same pages for them."""
    if queue is None or expected is None:
        return queue is None and expected is None
    if not (queue.ops or expected.spans or queue.keeper or expected.kept or queue.pages):
        return queue.flushes_all == expected.is_all
    return (
        queue.flushes_all == expected.is_all
        and spans(queue) == expected.spans
        and queue.pages == expected.amount
        and [slot.index for slot in queue.keeper] == [owner.index for owner in expected.kept]
    )


def spans(queue: OpsStack) -> list[tuple[int, int]]:
    """Return what waits as (start, pages)."""
    return [(request & ~_PAGES_MASK, request & _PAGES_MASK) for request in queue.ops]
