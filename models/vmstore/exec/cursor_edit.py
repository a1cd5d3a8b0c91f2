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
    mapped or a table stands; what was created or split stays.
    """
    while c.level != level:
        if c.level < level:
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
    if not pte.is_absent(word) and not m.faults.map_over_loses_old:
        raise Unwinding("map-over-mapping")


def check_inside(c: Cursor) -> None:
    """Errors: panic at the end of the barrier. The first check of `map`."""
    if c.va >= c.end:
        raise Unwinding("cursor-at-barrier")


def check_map(m: Machine, c: Cursor, level: int) -> None:
    """Check that an item of `level` has its place at `va`.

    Errors, in order: panic for a level that is not mapped, a misaligned `va`, a page that does not
    fit into the rest of the barrier.
    """
    if not 1 <= level <= c.config.highest_level:
        raise Unwinding("level-unsupported")
    size = c.geometry.sizes[level]
    if c.va % size != 0:
        raise Unwinding("va-unaligned-for-level")
    if size > remaining(m, c) and not (m.faults.map_end_wrap and c.va + size > U64_MASK):
        raise Unwinding("map-beyond-barrier")


def put(m: Machine, c: Cursor, paddr: int, prop: Prop) -> None:
    """Map in the current, absent entry and move past it. The second half of `map`.

    Errors: those of `entry.store_leaf`; the item is lost then.
    """
    entry.store_leaf(m, current(c), c.geometry.index(c.va, c.level), paddr, prop)
    forward(m, c)


def take_next(m: Machine, c: Cursor, length: int) -> Fragment | None:
    """Cut out the next leaf, or sub-tree that fits, and move past it. Errors: as `find_next`."""
    if not find_next(m, c, length, unmap_subtree=True, split=True):
        return None
    va, level = c.va, c.level
    word = entry.clear(m, current(c), c.geometry.index(va, level))
    frames = None
    if pte.is_child(word):
        frames = locking.mark_stray_and_unlock(m, child_node(m, word))
        if not c.start <= va < c.end:
            m.quirks.append("cursor-cuts-outside-its-range")
    forward(m, c)
    return Fragment(c.va if m.faults.take_next_reports_end else va, word, level, frames)


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
