"""Page tables: creation, destruction, walks without locks; and the ops on raw tables.

Source: `ostd/src/mm/page_table/mod.rs`.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.exec import cursor_edit, entry, meta, pte
from vmstore.exec.cursor_edit import Fragment
from vmstore.exec.machine import Machine
from vmstore.exec.node import alloc_node, child_node
from vmstore.exec.pte import PRIV_AVAIL1, Prop
from vmstore.exec.space_state import Cursor, PageTable
from vmstore.geometry import Config, config
from vmstore.node_cells import Node
from vmstore.ops.page_table import PtDrop, PtLargestPages, PtNew, PtPageWalk
from vmstore.outcome import BORROWED, OK, Ok, Outcome, Unwinding

MAX_SHOWN_PAGES: Final = 200
NOT_WALKED: Final = Ok({"paddr": None})


def configuration(m: Machine, name: str) -> Config:
    """Return the configuration `user`, `kernel` or `test` of this world."""
    return config(name, m.world.levels, m.world.entries)


def empty_table(m: Machine, name: str) -> PageTable:
    """Create a table with a root only. Errors: panic without memory. Source: `empty`."""
    made = configuration(m, name)
    return PageTable(alloc_node(m, m.world.levels, made), made)


def kernel_table(m: Machine) -> PageTable:
    """Create a table whose upper half has all its nodes. Source: `new_kernel_page_table`.

    Errors: panic without memory; what was taken until then is given back.
    """
    table = empty_table(m, "kernel")
    try:
        for index in range(table.config.first_index, table.config.end_index):
            child = entry.alloc_if_none(m, table.root, index)
            if child is not None:
                m.nodes.unlock(child)
    except Unwinding:
        drop_table(m, table)
        raise
    return table


def user_table(m: Machine) -> PageTable:
    """Create a user table that shares the kernel's nodes. Source: `create_user_page_table`.

    The kernel's words are copied; no reference is taken and the counter stays 0.
    Errors: panic without memory.
    """
    table = empty_table(m, "user")
    first = table.config.end_index + (1 if m.faults.kernel_half_starts_late else 0)
    m.nodes.fill(table.root, first, *m.nodes.kernel_run())
    return table


def drop_table(m: Machine, table: PageTable) -> None:
    """Give the handle's reference on the root back. Source: `PageTable::drop`."""
    meta.drop_shared(m, table.root.slot)


def walk(m: Machine, root: Node, va: int) -> tuple[int, int] | None:
    """Translate `va` to (physical address, leaf word); no lock, no barrier, no canonical check."""
    g, node = m.spaces.geometry, root
    while True:
        word = node.word(g.index(va, node.level))
        if not pte.is_child(word):
            break
        node = child_node(m, word)
    if pte.is_absent(word):
        return None
    offset = 0 if m.faults.translate_drops_page_offset else va & (g.sizes[node.level] - 1)
    return pte.leaf_paddr(g, word, node.level) + offset, word


def translate(m: Machine, cpu_root: Node, va: int, want_write: bool) -> int | None:
    """Return the physical address that an access of the CPU reaches, None where it faults."""
    found = walk(m, cpu_root, va)
    if found is None:
        return None
    paddr, word = found
    return paddr if pte.permits(word, want_write=want_write) and paddr < m.max_paddr else None


def item_prop(m: Machine, made: Config, prop: Prop, *, tracked: bool) -> Prop:
    """Mark the property of an item by what it owns. Source: `item_into_raw`.

    Errors: debug panic for a property that has the kernel's mark already.
    """
    flags, cache, priv = prop
    if made.name == "kernel" and m.asserts and priv & PRIV_AVAIL1:
        raise Unwinding("reserved-prop-bit")
    if made.name == "test":
        return prop
    marked = tracked == (made.name == "kernel")
    if m.faults.user_frame_keeps_mark and tracked and priv & PRIV_AVAIL1:
        marked = True
    if m.faults.iomem_not_marked and not tracked:
        marked = False
    return Prop(flags, cache, priv | PRIV_AVAIL1 if marked else priv & ~PRIV_AVAIL1)


def map_item(
    m: Machine, c: Cursor, paddr: int, level: int, prop: Prop, *, tracked: bool
) -> Fragment | None:
    """Map an item at the cursor; a reference on a tracked frame moves into the entry.

    Returns what was mapped there before, in a variant that replaces it.

    Errors, in order: panic at the barrier, for a reserved property bit (kernel, debug), those of
    `check_map` and `go_to_absent`: the item is dropped on the way out. Then those of
    `pte.encode_leaf`: its reference is lost.
    """
    try:
        cursor_edit.check_inside(c)
        marked = item_prop(m, c.config, prop, tracked=tracked)
        cursor_edit.check_map(m, c, level)
        cursor_edit.go_to_absent(m, c, level)
    except Unwinding:
        if tracked and not m.faults.map_refused_leaks_frame:
            meta.drop_shared(m, m.cells.slot(paddr // PAGE_SIZE))
        raise
    return cursor_edit.put(m, c, paddr, marked, owns=tracked)


# -- ops -------------------------------------------------------------------------------------------


def pt_new(m: Machine, op: PtNew) -> Outcome:
    """Create a table. Errors: panic without memory."""
    full = op.config == "kernel_full"
    m.spaces.ptables[op.dst] = kernel_table(m) if full else empty_table(m, op.config)
    return OK


def pt_drop(m: Machine, op: PtDrop) -> Outcome:
    """Drop a table and all that it maps, ascending. Errors: Borrowed while a cursor lives."""
    if m.spaces.ptables[op.ptable].borrows:
        return BORROWED
    drop_table(m, m.spaces.ptables.pop(op.ptable))
    return OK


def pt_page_walk(m: Machine, op: PtPageWalk) -> Outcome:
    """Translate an address; null where nothing is mapped. No checks."""
    found = walk(m, m.spaces.ptables[op.ptable].root, op.va)
    if found is None:
        return NOT_WALKED
    return Ok({"paddr": found[0], "prop": entry.leaf_prop(m, found[1]).shown()})


def pt_largest_pages(m: Machine, op: PtLargestPages) -> Outcome:
    """Tile `[va, va + len)` with the largest pages that both addresses allow.

    Errors, in order: panic unless `va`, `paddr`, `len` are page aligned, debug panic when
    `va + len` overflows, panic unless it is a range of the table's half; so for an empty one.
    """
    made, g = m.spaces.ptables[op.ptable].config, m.spaces.geometry
    if op.va % PAGE_SIZE or op.paddr % PAGE_SIZE or op.len % PAGE_SIZE:
        raise Unwinding("len-unaligned")
    if op.va + op.len > U64_MASK and m.faults.largest_pages_va_len_wrap:
        return Ok({"pages": []})
    if op.va + op.len > U64_MASK and m.debug:
        raise Unwinding("overflow")
    if not made.is_valid_range(op.va, op.va + op.len & U64_MASK):
        raise Unwinding("range-invalid")
    va, paddr, left = int(op.va), int(op.paddr), int(op.len)
    pages: list[list[int]] = []
    while left and len(pages) < MAX_SHOWN_PAGES:
        level = made.highest_level
        aligned = va if m.faults.largest_pages_ignores_paddr else va | paddr
        while g.sizes[level] > left or aligned & (g.sizes[level] - 1):
            level -= 1
        pages.append([paddr, level])
        va, paddr, left = va + g.sizes[level], paddr + g.sizes[level], left - g.sizes[level]
    return Ok({"pages": pages})
