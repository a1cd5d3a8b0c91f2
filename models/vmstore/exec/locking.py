"""Which nodes a cursor locks, and giving them back.

Source: `ostd/src/mm/page_table/cursor/locking.rs`.
"""

from vmstore.arch import U64_MASK
from vmstore.exec import entry, pte
from vmstore.exec.machine import Machine
from vmstore.exec.node import child_node
from vmstore.exec.space_state import Cursor
from vmstore.node_cells import Node
from vmstore.outcome import OutOfWork, Unwinding


class _WouldBlock(Exception):
    """The node's lock is held by a live cursor: the real code would spin for ever."""


def lock_range(m: Machine, c: Cursor) -> bool:
    """Lock the lowest node that covers the barrier and every node below that meets it.

    Missing nodes above it are created, for read-only cursors too. Returns False where the call
    would wait for ever; nothing has changed then, because a node that was just created cannot be
    locked by anybody else.
    Errors: panic without memory, debug panic where the end of an entry is 2^64.
    """
    taken: list[Node] = []
    try:
        # Nobody else runs: a node that is stray at the second look stays so.
        guard = _traverse(m, c) or _traverse(m, c)
        if guard is None:
            raise OutOfWork
        taken.append(guard)
        g = c.geometry
        base = c.start & -g.sizes[guard.level + 1]
        _dfs_lock(m, guard, base, c.start, c.end, taken)
    except _WouldBlock:
        if not m.faults.blocked_open_keeps_locks:
            for node in reversed(taken):
                m.nodes.unlock(node)
        return False
    c.guard_level = c.level = guard.level
    c.path[guard.level] = guard
    c.va = c.start
    return True


def _lock(m: Machine, node: Node) -> None:
    if not m.nodes.lock(node) and not m.faults.twin_cursor_new_foreign_owner:
        raise _WouldBlock


def _traverse(m: Machine, c: Cursor) -> Node | None:
    """Walk down to the guard node, creating what is missing; None where it was cut out meanwhile.

    Shape: a node that was created comes back locked, any other one is locked at the end.
    """
    nodes, g = m.nodes, c.geometry
    current = c.table.root
    is_held = False
    last = c.end if m.faults.guard_covers_exclusive_end else c.end - 1
    for level in range(g.levels, 1, -1):
        index = g.index(c.start, level)
        if index != g.index(last, level):
            break
        word = current.word(index)
        if pte.is_child(word):
            if is_held:
                nodes.unlock(current)
                is_held = False
            current = child_node(m, word)
            continue
        if not pte.is_absent(word):
            break
        if not is_held:
            _lock(m, current)
        if current.stray:
            nodes.unlock(current)
            return None
        if m.faults.nuttx_level_index:
            index = g.index(c.start, level + 1)
        try:
            child = entry.alloc_if_none(m, current, index)
        finally:
            nodes.unlock(current)
        if child is None:
            return None
        current, is_held = child, True
    if not is_held:
        _lock(m, current)
    if current.stray:
        nodes.unlock(current)
        return None
    return current


def _dfs_lock(m: Machine, node: Node, base: int, start: int, end: int, taken: list[Node]) -> None:
    """Lock every node below `node`, whose span starts at `base`, that meets `[start, end)`."""
    if node.level == 1:
        return
    size = m.spaces.geometry.sizes[node.level]
    bound = end & -size if m.faults.dfs_lock_misses_last else end
    for index in _children(node, base, size, start, bound):
        child = child_node(m, node.word(index))
        _lock(m, child)
        taken.append(child)
        child_base = base + index * size
        child_end = _child_end(m, child_base, size, end)
        _dfs_lock(m, child, child_base, max(start, child_base), child_end, taken)


def unlock_range(m: Machine, c: Cursor) -> None:
    """Unlock what the cursor holds: the nodes that are there now, those it created included.

    Errors: debug panic where the end of an entry is 2^64; what was not reached stays locked.
    """
    guard = c.path[c.guard_level]
    if guard is None:
        raise Unwinding("level-popped-too-high")
    if m.faults.drop_unlocks_guard_only:
        m.nodes.unlock(guard)
        return
    base = c.start & -c.geometry.sizes[c.guard_level + 1]
    _dfs_unlock(m, guard, base, c.start, c.end)


def _dfs_unlock(m: Machine, node: Node, base: int, start: int, end: int) -> None:
    if node.level > 1:
        size = m.spaces.geometry.sizes[node.level]
        for index in reversed(_children(node, base, size, start, end)):
            child_base = base + index * size
            child_end = _child_end(m, child_base, size, end)
            child = child_node(m, node.word(index))
            _dfs_unlock(m, child, child_base, max(start, child_base), child_end)
    m.nodes.unlock(node)


def mark_stray_and_unlock(m: Machine, node: Node) -> int:
    """Mark a sub-tree that was cut out, unlock it, count the level-1 entries that it maps.

    Huge leaves count nothing. Source: `dfs_mark_stray_and_unlock`.
    """
    nodes = m.nodes
    if not m.faults.stray_not_marked:
        nodes.mark_stray(node)
    frames = node.children
    if node.level > 1:
        if not m.faults.stray_counts_tables:
            frames = 0
        if m.faults.stray_stops_at_root:
            nodes.unlock(node)
            return frames
        for index in sorted(node.words, reverse=True):  # a filled run holds no children
            word = node.words[index]
            if pte.is_child(word):
                frames += mark_stray_and_unlock(m, child_node(m, word))
    nodes.unlock(node)
    return frames


def _children(node: Node, base: int, size: int, start: int, end: int) -> list[int]:
    """Return which entries of a node at `base` meet a range and point to a child, ascending.

    The real code looks at each of them; a run that was filled at once holds no children.
    Source: `dfs_get_idx_range`.
    """
    met = range((start - base) // size, -((base - end) // size))
    return sorted(
        index for index, word in node.words.items() if index in met and pte.is_child(word)
    )


def _child_end(m: Machine, base: int, size: int, end: int) -> int:
    """Return where the part of a child's span ends that lies before `end`.

    Errors: debug panic where the span ends at 2^64. A release build takes 0 for the smaller one,
    and subtracting from that makes 2^64 of it: the child is taken up to its end.
    """
    child_end = base + size
    if child_end <= U64_MASK:
        return min(end, child_end)
    if m.debug:
        raise Unwinding("overflow")
    return child_end
