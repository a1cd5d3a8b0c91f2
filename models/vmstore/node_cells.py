"""Modelled page-table memory: the nodes' words and metadata. The only place that writes them.

Every write is journalled as (node, cell, what it held before), so that undoing the journal
backwards gives the state before the step. A node costs what was written into it: the words of a
run that was filled at once, the copied kernel half or the parts of a split leaf, are computed.
"""

from typing import Final

from vmstore.cells import Cells, Slot
from vmstore.geometry import Config, Geometry, config, geometry
from vmstore.world import World

# Cells of a node's metadata in the journal; a word is the cell of its index.
ALLOCATED: Final = -1
FILLED: Final = -2
CHILDREN: Final = -3
STRAY: Final = -4
LOCK: Final = -5

CHILD_BITS: Final = 0x7  # present, writable, user: an entry that points to a node


class Node:
    """One page of page-table memory and its metadata.

    `words` holds what was stored entry by entry; entries from `fill_from` on that are not in it
    hold `fill_base + index * fill_step`, the others 0. `children` counts the entries that are not
    absent, as the code does; `before` is what the page held, for undoing.
    Source: `PageTableNode`, `PageTablePageMeta`.
    """

    __slots__ = ("before", "children", "config", "fill_base", "fill_from", "fill_step", "index",
                 "level", "locked", "slot", "stray", "words")  # fmt: skip

    def __init__(
        self, slot: Slot, level: int, config: Config, entries: int, before: "Node | None"
    ) -> None:
        self.slot = slot
        self.index = slot.index
        self.config = config
        self.level = level
        self.children = 0
        self.stray = False
        self.locked = False
        self.words: dict[int, int] = {}
        self.fill_from = entries
        self.fill_base = 0
        self.fill_step = 0
        self.before = before

    def word(self, index: int) -> int:
        """Return the word of entry `index`."""
        found = self.words.get(index)
        if found is not None:
            return found
        return self.fill_base + index * self.fill_step if index >= self.fill_from else 0


NodeUndo = tuple[Node, int, int]


class NodeCells:
    """All page-table memory of one machine, with the journal of the current step.

    `nodes` maps a page index to the node that was last built there, alive or not: the slot's count
    says which. The kernel's own nodes are as boot left them when nobody looked before.
    """

    __slots__ = ("cells", "entries", "first", "geometry", "half", "journal", "nodes")

    def __init__(self, world: World, cells: Cells) -> None:
        self.cells = cells
        self.geometry: Geometry = geometry(world.levels, world.entries)
        self.entries = world.entries
        self.half = world.entries // 2
        self.first = world.frames
        self.nodes: dict[int, Node] = {}
        self.journal: list[NodeUndo] = []

    def node(self, index: int) -> Node:
        """Return the node at page `index`. Requires: it is or was a page-table page."""
        found = self.nodes.get(index)
        return found if found is not None else self._boot_node(index)

    def _boot_node(self, index: int) -> Node:
        is_root = index == self.first
        level = self.geometry.levels - (0 if is_root else 1)
        kernel = config("kernel", self.geometry.levels, self.entries)
        fresh = Node(self.cells.slot(index), level, kernel, self.entries, None)
        if is_root:
            fresh.children = self.half
            fresh.fill_from = self.half
            fresh.fill_base, fresh.fill_step = self.kernel_run()
        self.nodes[index] = fresh
        return fresh

    def kernel_run(self) -> tuple[int, int]:
        """Return base and step of the words in the upper half of the kernel's root."""
        return ((self.first + 1 - self.half) << 12) | CHILD_BITS, 1 << 12

    def allocate(self, slot: Slot, level: int, config: Config) -> Node:
        """Build an empty node of `level` in the page of `slot`."""
        fresh = Node(slot, level, config, self.entries, self.nodes.get(slot.index))
        self.nodes[slot.index] = fresh
        self.journal.append((fresh, ALLOCATED, 0))
        return fresh

    def fill(self, node: Node, first: int, base: int, step: int) -> None:
        """Store `base + index * step` into every entry from `first` on. Requires: all absent."""
        self.journal.append((node, FILLED, node.fill_from))
        node.fill_from = first
        node.fill_base = base
        node.fill_step = step

    def store(self, node: Node, index: int, word: int) -> None:
        """Overwrite the word of entry `index`. Source: `store_pte`."""
        self.journal.append((node, index, node.word(index)))
        if word or index >= node.fill_from:
            node.words[index] = word
        else:
            node.words.pop(index, None)

    def add_children(self, node: Node, delta: int) -> None:
        """Move the counter of entries that are not absent."""
        self.journal.append((node, CHILDREN, node.children))
        node.children += delta

    def mark_stray(self, node: Node) -> None:
        """Mark the node as cut out of its tree."""
        self.journal.append((node, STRAY, node.stray))
        node.stray = True

    def lock(self, node: Node) -> bool:
        """Take the lock byte; return False, changing nothing, where it is taken."""
        if node.locked:
            return False
        self.journal.append((node, LOCK, 0))
        node.locked = True
        return True

    def unlock(self, node: Node) -> None:
        """Clear the lock byte, whoever held it."""
        self.journal.append((node, LOCK, node.locked))
        node.locked = False
