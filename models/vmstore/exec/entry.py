"""One entry of a locked node. Source: `ostd/src/mm/page_table/node/entry.rs`."""

from vmstore.arch import PAGE_SIZE
from vmstore.exec import pte
from vmstore.exec.machine import Machine
from vmstore.exec.node import alloc_node
from vmstore.exec.pte import Prop
from vmstore.ids import CacheChange
from vmstore.node_cells import Node


def alloc_if_none(m: Machine, node: Node, index: int) -> Node | None:
    """Put a new, locked child where the entry is absent; None on level 1 or where it is not.

    Errors: panic without memory, nothing changed.
    """
    if node.level == 1 or not pte.is_absent(node.word(index)):
        return None
    nodes = m.nodes
    child = alloc_node(m, node.level - 1, node.config)
    nodes.lock(child)
    nodes.store(node, index, pte.encode_child(child.index * PAGE_SIZE))
    nodes.add_children(node, 1)
    return child


def split_if_mapped_huge(m: Machine, node: Node, index: int) -> Node | None:
    """Replace a leaf by a new, locked child full of leaves with the same property.

    None where the entry is no leaf. References do not move: no huge page is tracked.
    Errors: panic without memory, nothing changed.
    """
    word = node.word(index)
    if pte.is_absent(word) or pte.is_child(word):
        return None
    nodes, level = m.nodes, node.level
    g = nodes.geometry
    child = alloc_node(m, level - 1, node.config)
    nodes.lock(child)
    part = pte.encode_leaf(g, pte.leaf_paddr(g, word, level), level - 1, pte.decode_prop(word))
    nodes.fill(child, 0, part, g.sizes[level - 1])
    nodes.add_children(child, g.entries)
    nodes.store(node, index, pte.encode_child(child.index * PAGE_SIZE))
    return child


def store_leaf(m: Machine, node: Node, index: int, paddr: int, prop: Prop) -> None:
    """Map `paddr` in an absent entry. Source: `Entry::replace` with a mapped state.

    Errors: those of `pte.encode_leaf`; the counter has already been raised by then.
    """
    nodes = m.nodes
    nodes.add_children(node, 1)
    nodes.store(node, index, pte.encode_leaf(nodes.geometry, paddr, node.level, prop))


def clear(m: Machine, node: Node, index: int) -> int:
    """Make the entry absent and return its old word, with what that owns.

    Requires: it is not absent. Source: `Entry::replace` with the absent state.
    """
    word = node.word(index)
    m.nodes.add_children(node, -1)
    m.nodes.store(node, index, 0)
    return word


class Change:
    """What a protect closure does to a property: set, then clear flags; keep the cache or not."""

    __slots__ = ("cache", "clear", "set")

    def __init__(self, set: int, clear: int, cache: CacheChange) -> None:
        self.set = set
        self.clear = clear
        self.cache = cache

    def of(self, prop: Prop) -> Prop:
        """Return the changed property."""
        flags = (prop.flags | self.set) & ~self.clear & 0xFF
        return Prop(flags, prop.cache if self.cache == "keep" else self.cache, prop.priv)


def protect(m: Machine, node: Node, index: int, change: Change) -> None:
    """Change the property of a leaf; what stays equal is not stored. Requires: it is a leaf.

    Errors: panic for cache policy WP, nothing changed.
    """
    nodes, word = m.nodes, node.word(index)
    prop = pte.decode_prop(word)
    changed = change.of(prop)
    if changed != prop:
        paddr = pte.leaf_paddr(nodes.geometry, word, node.level)
        nodes.store(node, index, pte.encode_leaf(nodes.geometry, paddr, node.level, changed))
