"""Goals about frame lists and their cursors."""

from typing import Any, Final

from vmstore.arch import PAGE_SIZE
from vmstore.goals.record import Goal, Moment
from vmstore.ops import linked_list
from vmstore.step import State
from vmstore.view.state import CursorView

_PUSHES: Final = (linked_list.ListPushFront, linked_list.ListPushBack)
_MOVES: Final = (linked_list.LcursorMoveNext, linked_list.LcursorMovePrev)
_LOOKUPS: Final = (linked_list.ListContains, linked_list.ListCursorAt)


def _cursor(m: Moment) -> CursorView:
    return m.view.lcursors[m.op.lcursor]


def _is_at_ghost(c: CursorView) -> bool:
    return c.position == len(c.list.pages)


def _position(state: State, op: Any) -> tuple[int, int]:
    """Note where the cursor stands, and how long its list is."""
    c = state.view.lcursors[op.lcursor]
    return c.position, len(c.list.pages)


def _list(state: State, op: Any) -> tuple[int, int]:
    """Note how long the list is, and its id."""
    held = state.view.lists[op.list]
    return len(held.pages), held.list_id


def _is_elsewhere(m: Moment) -> bool:
    """Return whether the page is in a list, but in another one."""
    held = m.view.linked.get(m.op.paddr // PAGE_SIZE) if m.op.paddr % PAGE_SIZE == 0 else None
    return held is not None and held is not m.view.lists.get(m.op.list)


GOALS: Final[tuple[Goal, ...]] = (
    Goal("ghost-of-two", "a list cursor stands at the ghost position of two or more elements",
         _MOVES, lambda m: _is_at_ghost(_cursor(m)) and len(_cursor(m).list.pages) >= 2),
    Goal("ghost-of-none", "a cursor moves in an empty list", _MOVES,
         lambda m: not _cursor(m).list.pages),
    Goal("ghost-left", "a cursor goes on from the ghost position of two or more elements", _MOVES,
         lambda m: m.before[0] == m.before[1] >= 2, _position),
    Goal("take-last", "the last of several elements is taken at a cursor, which is left at the"
         " ghost", (linked_list.LcursorTakeCurrent,),
         lambda m: m.is_ok and m.before[0] == m.before[1] - 1 >= 1, _position),
    Goal("take-between", "an element between two others is taken at a cursor",
         (linked_list.LcursorTakeCurrent,),
         lambda m: m.is_ok and 0 < m.before[0] < m.before[1] - 1, _position),
    Goal("insert-at-ghost", "an element is inserted at the ghost of a list that has some",
         (linked_list.LcursorInsertBefore,),
         lambda m: m.is_ok and m.before[0] == m.before[1] > 0, _position),
    Goal("insert-at-front", "an element is inserted before the first one",
         (linked_list.LcursorInsertBefore,),
         lambda m: m.is_ok and m.before[0] == 0 < m.before[1], _position),
    Goal("insert-between", "an element is inserted between two others",
         (linked_list.LcursorInsertBefore,),
         lambda m: m.is_ok and 0 < m.before[0] < m.before[1], _position),
    Goal("list-refilled", "a list that was emptied is filled again and keeps its id", _PUSHES,
         lambda m: m.is_ok and m.before[0] == 0 < m.before[1], _list),
    Goal("list-of-others", "a list is asked for a page that another list holds", _LOOKUPS,
         lambda m: m.is_ok and _is_elsewhere(m)),
    Goal("list-dropped-full", "a list of several elements is dropped", (linked_list.ListDrop,),
         lambda m: m.is_ok and m.before[0] >= 2, _list),
)  # fmt: skip
