"""Page-table nodes as frames: allocation and destruction.

Source: `ostd/src/mm/page_table/node/mod.rs`.
"""

from vmstore.arch import PAGE_SIZE
from vmstore.cells import Slot
from vmstore.exec import allocator, meta, pte
from vmstore.exec.machine import Machine
from vmstore.geometry import Config
from vmstore.node_cells import Node


def alloc_node(m: Machine, level: int, config: Config) -> Node:
    """Take a zeroed page as a node of `level`: count 1, unlocked. Errors: panic without memory."""
    slot = allocator.alloc_node_page(m)
    meta.write_meta(m, slot, "pt", 0)
    m.cells.store_ref_count(slot, 1)
    return m.nodes.allocate(slot, level, config)


def child_node(m: Machine, word: int) -> Node:
    """Return the node that a child word points to."""
    return m.nodes.node(pte.child_paddr(word) // PAGE_SIZE)


def destroy(m: Machine, slot: Slot) -> None:
    """Drop what a node's entries own, ascending; of a root its own half only.

    A node whose counter says that it is empty is not looked at. Source: `on_drop` of
    `PageTablePageMeta`.
    """
    node = m.nodes.node(slot.index)
    faults = m.faults
    if node.children == 0 or faults.aarch64_paging_root_leak:
        return
    g, config = m.nodes.geometry, node.config
    first, end = 0, g.entries
    if node.level == g.levels and not faults.drop_walks_kernel_half:
        first, end = config.first_index, config.end_index
    if faults.destroy_skips_last_entry:
        end -= 1
    stored = sorted(node.words) if node.fill_from >= end else range(first, end)
    for index in stored:
        if first <= index < end:
            drop_entry(m, config, node.level, node.word(index))


def drop_entry(m: Machine, config: Config, level: int, word: int) -> None:
    """Drop what one word owns: a reference on a child, on a tracked frame, or nothing."""
    if pte.is_child(word):
        meta.drop_shared(m, child_node(m, word).slot)
    elif not pte.is_absent(word):
        slot = tracked_slot(m, config, level, word)
        if slot is not None:
            meta.drop_shared(m, slot)


def tracked_slot(m: Machine, config: Config, level: int, word: int) -> Slot | None:
    """Return the slot on which a leaf owns a reference, None where it owns none."""
    if not config.is_tracked(word):
        return None
    paddr = pte.leaf_paddr(m.nodes.geometry, word, level)
    if paddr >= m.max_paddr:
        m.hazards.append("frame-from-foreign-paddr")
        return None
    return m.cells.slot(paddr // PAGE_SIZE)


meta.DESTRUCTORS["pt"] = destroy
