"""Cursors over a page table. `level` is state: where a cursor stands decides what it finds.

Source: `ostd/src/mm/page_table/cursor/mod.rs`.
"""

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.exec import entry, locking, pte
from vmstore.exec.machine import Machine
from vmstore.exec.node import child_node
from vmstore.exec.space_state import Cursor, PageTable
from vmstore.geometry import Config
from vmstore.node_cells import Node
from vmstore.outcome import BLOCKED, UNALIGNED_VADDR, Blocked, Err, OutOfWork, Unwinding


def open_cursor(m: Machine, table: PageTable, start: int, end: int) -> Cursor | Err | Blocked:
    """Lock `[start, end)` of a table.

    Errors, in order: InvalidVaddrRange, UnalignedVaddr, blocked; panics as `locking.lock_range`.
    """
    if not _is_valid_range(m, table.config, start, end):
        return Err("InvalidVaddrRange", {"info": [start, end]})
    if start % PAGE_SIZE != 0 or end % PAGE_SIZE != 0:
        return UNALIGNED_VADDR
    c = Cursor(table, m.spaces.geometry, start, end)
    if not locking.lock_range(m, c):
        return BLOCKED
    table.borrows += 1
    return c


def _is_valid_range(m: Machine, made: Config, start: int, end: int) -> bool:
    """Return whether a cursor may be opened on `[start, end)`."""
    faults = m.faults
    if faults.range_end_zero_underflow and end == 0 and m.debug:
        raise Unwinding("overflow")
    if faults.xous_map_range_alias or (faults.empty_range_accepted and start == end):
        return start <= end
    if faults.range_end_inclusive_check and end > made.high:
        return False
    return made.is_valid_range(start, end)


def drop_cursor(m: Machine, c: Cursor) -> None:
    """Give the locks back. Errors: as `locking.unlock_range`."""
    c.table.borrows -= 1
    locking.unlock_range(m, c)


def slot_of(m: Machine, c: Cursor) -> tuple[int, int]:
    """Return the span of the current entry. Errors: debug panic where it ends at 2^64."""
    size = c.geometry.sizes[c.level]
    start = c.va if m.faults.query_range_unaligned_in_huge else c.va & -size
    return start, m.add(start, size)


def current(c: Cursor) -> Node:
    """Return the node in which the cursor stands. Errors: panic without one."""
    node = c.path[c.level]
    if node is None:
        raise Unwinding("level-popped-too-high")
    return node


def pop(m: Machine, c: Cursor) -> None:
    """Leave the current node. Errors: panic without one, debug panic at the guard node."""
    if c.path[c.level] is None:
        raise Unwinding("level-popped-too-high")
    c.path[c.level] = None
    if m.asserts and c.level >= c.guard_level:
        raise Unwinding("level-at-guard")
    c.level += 1


def push(c: Cursor, child: Node) -> None:
    """Enter a child of the current node."""
    c.level -= 1
    c.path[c.level] = child


def forward(m: Machine, c: Cursor) -> None:
    """Move to the end of the current entry, up as far as nodes end there."""
    g = c.geometry
    size = g.sizes[c.level]
    after = m.add(c.va & -size, size)
    guard = c.level if m.faults.forward_keeps_level else c.guard_level
    while c.level < guard and not after >> g.shifts[c.level] & g.index_mask:
        pop(m, c)
    c.va = after


def query(m: Machine, c: Cursor) -> int | None:
    """Descend to the entry that decides about `va`; return its word, or None at the end.

    Errors: none here; the entry's span may overflow when asked for.
    """
    if c.va >= c.end:
        return None
    while True:
        node = current(c)
        word = node.word(c.geometry.index(c.va, c.level))
        if not pte.is_child(word):
            return word
        push(c, child_node(m, word))


def find_next(
    m: Machine, c: Cursor, length: int, *, unmap_subtree: bool = False, split: bool = False
) -> bool:
    """Stand on the next leaf within `length`, or sub-tree that fits; else skip what is absent.

    A miss may end beyond `length`, at the end of the last absent entry, but not of the barrier.
    With `split`, a leaf that does not fit is split until its part does.
    Errors, in order: panic unless `length` is page aligned and within the barrier; debug panic
    where an entry ends at 2^64, after which a release build never comes back.
    Source: `find_next_impl`.
    """
    end, faults = _search_end(m, c, length), m.faults
    may_cut_top = c.config.can_unmap_top or faults.kernel_top_table_taken
    g, work = c.geometry, m.spaces.work_limit
    while c.va < end:
        level = c.level
        size = g.sizes[level]
        start = c.va & -size
        fits = m.add(start, size) <= end and (c.va == start or faults.fit_ignores_start)
        node = current(c)
        index = c.va >> g.shifts[level] & g.index_mask
        word = node.word(index)
        if pte.is_child(word):
            if unmap_subtree and fits and (may_cut_top or level != g.levels):
                return True
            child = child_node(m, word)
            if child.children:
                push(c, child)
            else:
                forward(m, c)
        elif pte.is_absent(word):
            if unmap_subtree and faults.take_next_skip_leaves_va_short and start + size >= end:
                return False
            forward(m, c)
        else:
            if fits or not split or (unmap_subtree and faults.nanos_unmap_handler_range):
                return True
            if (part := entry.split_if_mapped_huge(m, node, index)) is not None:
                push(c, part)
        work -= 1
        if work < 0:
            m.quirks.append("search-never-ends")
            raise OutOfWork
    if not faults.find_next_overshoots_barrier:
        c.va = min(c.va, c.end)
    return False


def _search_end(m: Machine, c: Cursor, length: int) -> int:
    if length % PAGE_SIZE != 0:
        raise Unwinding("len-unaligned")
    end = c.va + length
    if length > remaining(m, c):
        if m.faults.find_next_len_wrap and end & U64_MASK <= c.end:
            return end & U64_MASK
        raise Unwinding("len-beyond-barrier")
    return end - PAGE_SIZE if m.faults.find_next_stops_early else end


def remaining(m: Machine, c: Cursor) -> int:
    """Return the bytes up to the end of the barrier. Errors: debug panic beyond it."""
    if c.va > c.end and m.debug:
        raise Unwinding("overflow")
    return (c.end - c.va) & U64_MASK


def jump(m: Machine, c: Cursor, va: int) -> bool:
    """Move to `va`, up only as far as the node that covers it. Returns False outside the barrier.

    Errors, in order: panic unless `va` is page aligned, where it would leave the guard node, which
    it never does within its range (but with variant jump_from_end=panics).
    """
    if va % PAGE_SIZE != 0 and not m.faults.jump_misaligned_contract:
        raise Unwinding("va-unaligned")
    if not c.start <= va < c.end:
        return False
    may_climb = m.spaces.jumps_from_end and not m.faults.jump_back_pops_guard
    if (c.va == c.end and may_climb) or m.faults.jump_climbs_to_guard:
        while c.level < c.guard_level:
            pop(m, c)
        c.va = va
        return True
    while True:
        size = c.geometry.sizes[c.level + 1]
        start = c.va & -size
        if m.faults.jump_node_end_wrap and start + size > U64_MASK:
            size = 0
        if start <= va and va - start < size:
            c.va = va
            return True
        if c.level == c.guard_level and not m.spaces.jumps_from_end:
            raise Unwinding("level-at-guard")
        pop(m, c)
