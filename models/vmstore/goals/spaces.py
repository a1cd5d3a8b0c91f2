"""Goals about address spaces and their cursors."""

from collections.abc import Iterator
from typing import Any, Final

from vmstore.arch import PAGE_SIZE
from vmstore.goals.record import Goal, Moment
from vmstore.ops import cursor, page_table, vm_space
from vmstore.owner import SlotOwner
from vmstore.step import State
from vmstore.view.spaces import HELD, WHOLE, SpaceView
from vmstore.view.tables import Leaf, Place, Table

_OPENS: Final = (cursor.CursorOpen, cursor.CursorOpenMut)
_RAW_OPENS: Final = (page_table.PtCursorOpen, page_table.PtCursorOpenMut)
_FINDS: Final = (cursor.CursorFindNext, page_table.PtCursorFindNext)
_JUMPS: Final = (cursor.CursorJump, page_table.PtCursorJump)
_QUERIES: Final = (cursor.CursorQuery, page_table.PtCursorQuery)
_SEARCHES: Final = (*_FINDS, cursor.CursorUnmap, page_table.PtCursorTakeNext)


def place_of(state: State, op: Any) -> Place:
    """Return where the cursor that the op names stands."""
    spaces = state.view.spaces
    if hasattr(op, "ptcursor"):
        return spaces.ptcursors[op.ptcursor]
    return spaces.cursors[op.cursor].place


def _where(state: State, op: Any) -> tuple[int, int]:
    """Note the cursor's address and the end of its range."""
    place = place_of(state, op)
    return place.va, place.end


def _opened(m: Moment) -> Place | None:
    """Return the place of the cursor that the step opened."""
    if not m.is_ok:
        return None
    raw = isinstance(m.op, _RAW_OPENS)
    return m.spaces.ptcursors[m.op.dst] if raw else m.spaces.cursors[m.op.dst].place


def _tree_places(m: Moment) -> list[Place]:
    """Return the places of the cursors on the tree on which the step opens one."""
    if isinstance(m.op, _RAW_OPENS):
        tree = m.spaces.trees[m.op.ptable]
    else:
        tree = m.spaces.vm_spaces[m.op.vs].tree
    raw = m.spaces.ptcursors.values()
    return [p for p in (*raw, *(c.place for c in m.spaces.cursors.values())) if p.tree is tree]


def _is_apart(m: Moment) -> bool:
    return all(p.end <= m.op.start or m.op.end <= p.start for p in _tree_places(m))


def _guard_level(m: Moment) -> int:
    place = _opened(m)
    return place.guard.level if place is not None else 0


def _frame(state: State, op: Any) -> SlotOwner:
    store = state.view.store
    return store.owner_at(store.frames[op.frame])


def roots_of(m: Moment, owner: SlotOwner) -> list[int]:
    """Return the root of each entry that maps a page, cut-out tables left out, ascending."""
    tables, roots = m.spaces.tables, []
    for page, _ in owner.paths:
        table = tables[page]
        while table.at is not None:
            table = tables[table.at[0]]
        if not table.is_cut:
            roots.append(table.page)
    return sorted(roots)


def removed(m: Moment) -> list[Table]:
    """Return the tables in which the step made an entry absent, once per entry."""
    cells = m.spaces.touched.cells
    return [table for table, index in cells if index >= 0 and index not in table.entries]


def cut_tables(m: Moment) -> list[Table]:
    """Return the tables that the step cut out of their tree."""
    return [table for table, cell in m.spaces.touched.cells if cell == HELD and table.is_cut]


def new_tables(m: Moment) -> list[Table]:
    """Return the tables that the step made."""
    return [table for table, cell in m.spaces.touched.cells if cell == WHOLE]


def _leaves(table: Table) -> Iterator[Leaf]:
    for entry in table.entries.values():
        if isinstance(entry, Table):
            yield from _leaves(entry)
        else:
            yield entry


def _space(state: State, op: Any) -> tuple[SpaceView, bool, bool]:
    """Note the space, whether it maps anything, and whether a cursor is open on it."""
    space = state.view.spaces.vm_spaces[op.vs]
    return space, any(_leaves(space.tree.root)), space.tree.borrows > 0


def _left_behind(state: State, _op: Any) -> bool:
    """Note whether the space that is active here lives by that alone, and another one comes."""
    spaces = state.view.spaces
    active = spaces.active.get(spaces.cpu)
    return active is not None and active.handle is None and active.owners == 1


def _regions(state: State, op: Any) -> int:
    return len(state.view.spaces.cursors[op.cursor].space.iomems)


GOALS: Final[tuple[Goal, ...]] = (
    Goal("guard-inner", "a cursor's guard is an inner node", (*_OPENS, *_RAW_OPENS),
         lambda m: 1 < _guard_level(m) < m.state.world.levels),
    Goal("guard-root", "a cursor's guard is the root", (*_OPENS, *_RAW_OPENS),
         lambda m: _guard_level(m) == m.state.world.levels),
    Goal("two-cursors", "two cursors live in one tree", (*_OPENS, *_RAW_OPENS),
         lambda m: m.is_ok and len(_tree_places(m)) >= 2),
    Goal("blocked-apart", "a cursor is blocked by one whose range it does not meet",
         (*_OPENS, *_RAW_OPENS), lambda m: m.is_blocked and _is_apart(m)),
    Goal("blocked-overlap", "a cursor is blocked by one whose range it meets",
         (*_OPENS, *_RAW_OPENS), lambda m: m.is_blocked and not _is_apart(m)),
    Goal("out-of-tables-half-way", "memory runs out after a table was made",
         (*_OPENS, *_RAW_OPENS, cursor.CursorMap, page_table.PtCursorMap),
         lambda m: m.ended("no-memory") and bool(new_tables(m))),
    Goal("last-handle-mapped", "the only handle on a page is mapped", (cursor.CursorMap,),
         lambda m: m.is_ok and m.before.references() == m.before.mappings == 1, _frame),
    Goal("covered-mapped", "a page that a segment covers is mapped", (cursor.CursorMap,),
         lambda m: m.is_ok and m.before.covers > 0, _frame),
    Goal("frame-in-two-spaces", "a frame is mapped in two spaces", (cursor.CursorMap,),
         lambda m: m.is_ok and len(set(roots_of(m, m.before))) >= 2, _frame),
    Goal("frame-twice-in-space", "a frame is mapped twice in one space", (cursor.CursorMap,),
         lambda m: m.is_ok and len(roots := roots_of(m, m.before)) > len(set(roots)), _frame),
    Goal("map-leaves-table", "a mapping fills the last entry of a node, and the cursor leaves it",
         (cursor.CursorMap,), lambda m: m.is_ok and place_of(m.state, m.op).level > 1),
    Goal("map-at-top", "the last page of user space is mapped", (cursor.CursorMap,),
         lambda m: m.is_ok and place_of(m.state, m.op).va == m.spaces.geometry.user_end),
    Goal("query-beyond-range", "a query shows a span that begins before or ends after the range",
         _QUERIES, lambda m: m.is_ok and (m.value["start"] < place_of(m.state, m.op).start
                                          or m.value["end"] > place_of(m.state, m.op).end)),
    Goal("search-overshoots", "a search finds nothing and ends beyond what it was asked for",
         _FINDS, lambda m: m.value.get("found", 0) is None
         and place_of(m.state, m.op).va > m.before[0] + m.op.len, _where),
    Goal("search-at-end", "a cursor at the end of its range searches no bytes", _SEARCHES,
         lambda m: m.is_ok and m.op.len == 0 and m.before[0] == m.before[1], _where),
    Goal("jump-from-end", "a cursor at the end of its range jumps back", _JUMPS,
         lambda m: m.is_ok and m.before[0] == m.before[1], _where),
    Goal("unmap-two-tables", "an unmap takes pages out of two tables", (cursor.CursorUnmap,),
         lambda m: m.is_ok and len({t.page for t in removed(m) if t.level == 1}) >= 2),
    Goal("unmap-holes", "an unmap meets both pages and holes", (cursor.CursorUnmap,),
         lambda m: m.is_ok and 0 < m.value["unmapped"] * PAGE_SIZE < m.op.len),
    Goal("unmap-cuts-table", "an unmap takes a table with mappings out whole",
         (cursor.CursorUnmap,),
         lambda m: m.is_ok and any(t.level == 1 and t.entries for t in cut_tables(m))),
    Goal("unmap-cuts-empty", "an unmap takes out a table that maps nothing",
         (cursor.CursorUnmap,), lambda m: m.is_ok and m.value["unmapped"] == 0
         and any(t.level == 1 and not t.entries for t in cut_tables(m))),
    Goal("unmap-frees", "an unmap gives back the last reference on a frame", (cursor.CursorUnmap,),
         lambda m: m.is_ok and any(o.usage == "Frame" and not o.references() for o in m.touched)),
    Goal("unmap-keeps-other", "a page is unmapped that another entry still maps",
         (cursor.CursorUnmap,), lambda m: m.is_ok and m.value["unmapped"] > 0
         and any(o.usage == "Frame" and o.mappings > 0 for o in m.touched)),
    Goal("iomem-unmapped", "only device memory is unmapped, which counts nothing",
         (cursor.CursorUnmap,), lambda m: m.is_ok and m.value["unmapped"] == 0
         and any(t.level == 1 for t in removed(m))),
    Goal("iomem-clipped", "more of a device region is asked for than it has",
         (cursor.CursorMapIomem,),
         lambda m: m.is_ok and m.op.offset < m.op.size < m.op.offset + m.op.len),
    Goal("iomem-beyond", "device memory is mapped from beyond its end, which does nothing",
         (cursor.CursorMapIomem,), lambda m: m.is_ok and m.op.offset >= m.op.size),
    Goal("iomem-known", "a device region is mapped again and recorded once",
         (cursor.CursorMapIomem,), lambda m: m.is_ok and m.op.offset < m.op.size
         and _regions(m.state, m.op) == m.before, _regions),
    Goal("space-dropped-mapping", "a space is dropped that maps pages, and goes",
         (vm_space.VmspaceDrop,),
         lambda m: m.is_ok and m.before[1] and m.before[0].owners == 0, _space),
    Goal("space-dropped-active", "a space is dropped that a CPU has active, and lives on",
         (vm_space.VmspaceDrop,), lambda m: m.is_ok and m.before[0].owners > 0, _space),
    Goal("space-dropped-read", "a space with an open reader or writer is to be dropped",
         (vm_space.VmspaceDrop,), lambda m: m.failed("Borrowed") and not m.before[2], _space),
    Goal("space-left-last", "a CPU leaves a space that had no handle any more, and ends it",
         (vm_space.VmspaceActivate,), lambda m: m.is_ok and m.before, _left_behind),
    Goal("space-on-two-cpus", "a space is active on two CPUs", (vm_space.VmspaceActivate,),
         lambda m: m.is_ok and len(m.spaces.vm_spaces[m.op.vs].active_on) >= 2),
)  # fmt: skip
