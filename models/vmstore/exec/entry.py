"""One entry of a locked node. Source: `ostd/src/mm/page_table/node/entry.rs`."""

from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.exec import meta, pte
from vmstore.exec.machine import Machine
from vmstore.exec.node import alloc_node
from vmstore.exec.pte import Prop
from vmstore.ids import CacheChange
from vmstore.node_cells import Node

RWX: Final = 0x07  # the permissions among the flags
ACCESSED: Final = 0x08


def alloc_if_none(m: Machine, node: Node, index: int) -> Node | None:
    """Put a new, locked child where the entry is absent; None on level 1 or where it is not.

    Errors: panic without memory, nothing changed.
    """
    if node.level == 1 or not pte.is_absent(node.word(index)):
        return None
    return alloc_child(m, node, index)


def alloc_child(m: Machine, node: Node, index: int) -> Node:
    """Put a new, locked child into an entry, whatever was there. Errors: as `alloc_if_none`."""
    nodes = m.nodes
    child = alloc_node(m, node.level - 1, node.config)
    nodes.lock(child)
    nodes.store(node, index, pte.encode_child(child.index * PAGE_SIZE))
    if not m.faults.alloc_skips_child_count:
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
    paddr, prop = pte.leaf_paddr(g, word, level), leaf_prop(m, word)
    if m.faults.split_loses_privileges:
        prop = prop._replace(priv=0)
    shared = _table_over(m, paddr, level - 1) if m.faults.kvm_huge_pde_access_share else None
    if shared is not None:
        meta.inc_ref_count(m, shared.slot)
        nodes.store(node, index, pte.encode_child(shared.index * PAGE_SIZE))
        return shared
    child = alloc_node(m, level - 1, node.config)
    nodes.lock(child)
    step = 0 if m.faults.split_repeats_first_part else g.sizes[level - 1]
    nodes.fill(child, 0, _leaf_word(m, paddr, level - 1, prop), step)
    nodes.add_children(child, g.entries)
    nodes.store(node, index, pte.encode_child(child.index * PAGE_SIZE))
    if m.faults.split_counts_in_parent:
        nodes.add_children(node, 1)
    return child


def _table_over(m: Machine, paddr: int, level: int) -> Node | None:
    """Return a live table that was split from a huge leaf of `paddr`. For a planted bug only."""
    g = m.nodes.geometry
    for node in m.nodes.nodes.values():
        is_full = node.fill_from == 0 and node.slot.ref_count != REF_COUNT_UNUSED
        if is_full and node.level == level and pte.leaf_paddr(g, node.fill_base, level) == paddr:
            return node
    return None


def leaf_prop(m: Machine, word: int) -> Prop:
    """Return the property of a leaf."""
    prop = pte.decode_prop(word)
    if m.faults.pte_roundtrip_forces_accessed:
        prop = prop._replace(flags=prop.flags | ACCESSED)
    return prop


def _leaf_word(m: Machine, paddr: int, level: int, prop: Prop) -> int:
    """Return the word of a leaf. Errors: those of `pte.encode_leaf`."""
    g, faults = m.nodes.geometry, m.faults
    if faults.twin_pte_precondition_assumed:
        return pte.encode_leaf(g, paddr & pte.address_mask(g, level), level, prop) | paddr
    if faults.cache_bits_swapped and prop.cache == "WC":
        prop = prop._replace(cache="WT")
    word = pte.encode_leaf(g, paddr, level, prop)
    if not prop.flags & RWX:
        if faults.protect_none_loses_frame:
            word &= ~pte.LEAF
        if faults.noperm_upper_leaf_decodes_as_table and level > 1:
            word = word & ~pte.LEAF | pte.PRESENT
    return word


def new_leaf(m: Machine, node: Node, paddr: int, prop: Prop) -> int:
    """Count one more entry and return its word. Source: `Entry::replace` with a mapped state.

    Errors: those of `pte.encode_leaf`; the counter has already been raised by then.
    """
    if not m.faults.map_skips_child_count:
        m.nodes.add_children(node, 1)
    return _leaf_word(m, paddr, node.level, prop)


def clear(m: Machine, node: Node, index: int) -> int:
    """Make the entry absent and return its old word, with what that owns.

    Requires: it is not absent. Source: `Entry::replace` with the absent state.
    """
    word = node.word(index)
    if not m.faults.clear_keeps_child_count:
        m.nodes.add_children(node, -1)
    if not (m.faults.sweb_unmap_double_free and pte.is_child(word)):
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
    prop = leaf_prop(m, word)
    changed = change.of(prop)
    if m.faults.protect_resets_cache and change.cache == "keep":
        changed = changed._replace(cache="WB")
    if m.faults.protect_keeps_status_flags:
        changed = changed._replace(flags=changed.flags & RWX | prop.flags & ~RWX)
    if changed != prop:
        paddr = pte.leaf_paddr(nodes.geometry, word, node.level)
        nodes.store(node, index, _leaf_word(m, paddr, node.level, changed))
