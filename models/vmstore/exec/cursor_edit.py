"""What a cursor changes: it maps, cuts out, protects.

Source: `ostd/src/mm/page_table/cursor/mod.rs`.
"""

from typing import NamedTuple

from vmstore.arch import U64_MASK
from vmstore.exec import entry, locking, pte
from vmstore.exec.cursor import current, find_next, forward, pop, push, remaining, slot_of
from vmstore.exec.entry import Change
from vmstore.exec.machine import Machine
from vmstore.exec.node import child_node
from vmstore.exec.pte import Prop
from vmstore.exec.space_state import Cursor
from vmstore.node_cells import Node
from vmstore.outcome import Unwinding


class Fragment(NamedTuple):
    """What `take_next` cut out at `va`: a leaf's word, or a sub-tree when `frames` is a count."""

    va: int
    word: int
    level: int
    frames: int | None


def go_to_absent(m: Machine, c: Cursor, level: int) -> None:
    """Descend or climb to an absent entry of `level` at `va`, creating nodes, splitting leaves.

    The first half of `map`: after it the item is moved into the entry, whatever happens.
    Requires: the checks of `check_map` hold.
    Errors, in order: panic when climbing over the guard node, without memory, where something is
    mapped or a table stands (variant map_over=panics); what was created or split stays.
    """
    while c.level != level:
        if c.level < level:
            if c.level == c.guard_level:
                m.quirks.append("exact-huge-range-guard-too-low")
            pop(m, c)
            continue
        node, index = current(c), c.geometry.index(c.va, c.level)
        word = node.word(index)
        if pte.is_child(word):
            child: Node | None = child_node(m, word)
        elif pte.is_absent(word):
            child = entry.alloc_if_none(m, node, index)
            if m.faults.entry_cached_pte_stale:  # the copy still says absent
                child = entry.alloc_child(m, node, index)
        else:
            child = entry.split_if_mapped_huge(m, node, index)
        if child is not None:
            push(c, child)
    word = current(c).word(c.geometry.index(c.va, level))
    if pte.is_absent(word) or m.faults.map_over_loses_old or m.spaces.replaces_mappings:
        return
    if pte.is_child(word) and not child_node(m, word).children:
        m.quirks.append("map-over-empty-table")
    raise Unwinding("map-over-mapping")


def check_inside(c: Cursor) -> None:
    """Errors: panic at the end of the barrier. The first check of `map`."""
    if c.va >= c.end:
        raise Unwinding("cursor-at-barrier")


def check_map(m: Machine, c: Cursor, level: int) -> None:
    """Check that an item of `level` has its place at `va`.

    Errors, in order: panic for a level that is not mapped, a misaligned `va`, a page that does not
    fit into the rest of the barrier, the guard's level (variant map_level=below-guard).
    """
    if not 1 <= level <= c.config.highest_level:
        raise Unwinding("level-unsupported")
    size = c.geometry.sizes[level]
    if c.va % size != 0:
        raise Unwinding("va-unaligned-for-level")
    if size > remaining(m, c) and not (m.faults.map_end_wrap and c.va + size > U64_MASK):
        raise Unwinding("map-beyond-barrier")
    if level >= c.guard_level and not m.spaces.maps_at_guard:
        raise Unwinding("level-at-guard")


def put(m: Machine, c: Cursor, paddr: int, prop: Prop, *, owns: bool) -> Fragment | None:
    """Map in the current entry and move past it; return what was there.

    The second half of `map`. Requires: the entry is absent, or variant map_over=replaces.
    Errors: those of `entry.new_leaf`; the item, which `owns` a reference or not, is lost then.
    """
    node, index = current(c), c.geometry.index(c.va, c.level)
    try:
        leaf = entry.new_leaf(m, node, paddr, prop)
    except Unwinding:
        if owns:
            m.quirks.append("map-panic-leaks-frame")
        raise
    if c.va < c.start:
        m.quirks.append("cursor-leaves-its-range")
    taken = None
    if not pte.is_absent(node.word(index)) and not m.faults.map_over_loses_old:
        taken = _cut(m, c)
    m.nodes.store(node, index, leaf)
    forward(m, c)
    return taken


def take_next(m: Machine, c: Cursor, length: int) -> Fragment | None:
    """Cut out the next leaf, or sub-tree that fits, and move past it. Errors: as `find_next`."""
    if not find_next(m, c, length, unmap_subtree=True, split=True):
        return None
    taken = _cut(m, c)
    forward(m, c)
    return taken._replace(va=c.va) if m.faults.take_next_reports_end else taken


def _cut(m: Machine, c: Cursor) -> Fragment:
    """Make the current entry absent and return what it was."""
    word = entry.clear(m, current(c), c.geometry.index(c.va, c.level))
    frames = None
    if pte.is_child(word):
        frames = locking.mark_stray_and_unlock(m, child_node(m, word))
        if not c.start <= c.va < c.end:
            m.quirks.append("cursor-leaves-its-range")
    return Fragment(c.va, word, c.level, frames)


def protect_next(m: Machine, c: Cursor, length: int, change: Change) -> tuple[int, int] | None:
    """Change the next leaf's property and move past it; return its span.

    Errors: as `find_next`; panic for cache policy WP, the entry unchanged.
    """
    if not find_next(m, c, length, split=True):
        return None
    entry.protect(m, current(c), c.geometry.index(c.va, c.level), change)
    span = slot_of(m, c)
    forward(m, c)
    return span
