"""Goals about huge pages and what is left of page tables."""

from typing import Any, Final

from vmstore.arch import PAGE_SIZE
from vmstore.goals.record import Goal, Moment
from vmstore.goals.spaces import cut_tables, new_tables, place_of
from vmstore.ops import page_table
from vmstore.step import State
from vmstore.view.tables import Place, Table
from vmstore.view.walk import current

_OPENS: Final = (page_table.PtCursorOpen, page_table.PtCursorOpenMut)


def _place(state: State, op: Any) -> Place:
    return place_of(state, op)


def _is_split(m: Moment) -> bool:
    """Return whether the step made a table that is full: the parts of one huge page."""
    return any(len(t.entries) == m.state.world.entries for t in new_tables(m))


def _is_empty_table_here(m: Moment) -> bool:
    table, index = current(m.view, m.before)
    entry = table.entries.get(index)
    return isinstance(entry, Table) and not entry.entries


def _fills_range(m: Moment) -> bool:
    sizes = m.spaces.geometry.sizes
    place: Place = m.before
    return bool(2 <= m.op.level < len(sizes) and place.end - place.start == sizes[m.op.level])


def _is_inside_huge(m: Moment) -> bool:
    """Return whether the address lies behind the first small page of a huge one."""
    g = m.spaces.geometry
    table = m.spaces.trees[m.op.ptable].root
    while isinstance(entry := table.entries.get(g.index(m.op.va, table.level)), Table):
        table = entry
    return entry is not None and bool(m.op.va % g.sizes[table.level] >= PAGE_SIZE)


def _stray(m: Moment) -> dict[str, Any]:
    """Return what the step shows of a table that it cut out."""
    return ((m.value.get("frag") or {}).get("stray")) or {}


def _shown_level(m: Moment) -> int:
    """Return the level of the page that a query shows, 0 without one."""
    return int((m.value.get("item") or {}).get("level", 0))


GOALS: Final[tuple[Goal, ...]] = (
    Goal("huge-mapped", "a huge page is mapped", (page_table.PtCursorMap,),
         lambda m: m.is_ok and m.op.level >= 2),
    Goal("huge-split-by-map", "mapping inside of a huge page splits it", (page_table.PtCursorMap,),
         _is_split),
    Goal("huge-split-by-take", "taking a part of a huge page splits it",
         (page_table.PtCursorTakeNext,), lambda m: m.is_ok and bool(new_tables(m))),
    Goal("huge-split-by-protect", "protecting a part of a huge page splits it",
         (page_table.PtCursorProtectNext,), lambda m: m.is_ok and bool(new_tables(m))),
    Goal("huge-split-twice", "a page two levels up is split down to the smallest pages",
         (page_table.PtCursorTakeNext, page_table.PtCursorProtectNext),
         lambda m: m.is_ok and len(new_tables(m)) >= 2),
    Goal("huge-whole-taken", "a huge page is taken out without being split",
         (page_table.PtCursorTakeNext,),
         lambda m: ((m.value.get("frag") or {}).get("mapped") or {})
         .get("item", {}).get("level", 0) >= 2),
    Goal("range-in-huge", "a cursor's range is a part of one huge page", _OPENS,
         lambda m: m.is_ok and m.spaces.ptcursors[m.op.dst].began_in_leaf),
    Goal("query-inside-huge", "a query from the middle of a huge page shows all of it",
         (page_table.PtCursorQuery,),
         lambda m: _shown_level(m) >= 2 and m.value["start"] < place_of(m.state, m.op).va),
    Goal("walk-inside-huge", "an address in the middle of a huge page is translated",
         (page_table.PtPageWalk,),
         lambda m: m.is_ok and _is_inside_huge(m)),
    Goal("stray-huge-uncounted", "a table is cut out whose huge pages count nothing",
         (page_table.PtCursorTakeNext,),
         lambda m: _stray(m).get("num_frames") == 0 and any(t.entries for t in cut_tables(m))),
    Goal("map-over-empty-table", "a huge page is refused by a table without entries",
         (page_table.PtCursorMap,),
         lambda m: m.ended("map-over-mapping") and _is_empty_table_here(m), _place),
    Goal("map-fills-range", "a huge page is refused by a range of exactly its size",
         (page_table.PtCursorMap,), lambda m: m.ended("level-at-guard") and _fills_range(m),
         _place),
    Goal("mixed-sizes", "a range is tiled with pages of different sizes",
         (page_table.PtLargestPages,),
         lambda m: len({level for _, level in m.value.get("pages", ())}) >= 2),
    Goal("kernel-range", "a cursor is open on the kernel's half", _OPENS,
         lambda m: m.is_ok and m.spaces.ptcursors[m.op.dst].tree.config.name == "kernel"),
    Goal("table-dropped-mapping", "a raw table is dropped that maps a frame",
         (page_table.PtDrop,),
         lambda m: m.is_ok and any(o.usage == "Frame" for o in m.touched)),
)  # fmt: skip
