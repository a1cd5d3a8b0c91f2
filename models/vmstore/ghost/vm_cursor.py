"""The contracts of the cursor calls of an address space, on the view of a cursor.

Source: `Cursor` and `CursorMut` of `VmSpace` in the seed documents. Each requires is stronger than
what the code checks, so that where it holds, the call returns, with one exception: `map` is to
replace what is mapped, and upstream panics.
"""

from collections.abc import Sequence
from typing import Protocol

from vmstore.arch import PAGE_SIZE
from vmstore.ghost.cursor_view import CursorView
from vmstore.ghost.mapping import Prop
from vmstore.owner import SlotOwner
from vmstore.view.state import View
from vmstore.view.tables import Place


class Position(Protocol):
    """Where a cursor stands, of the running view or of a value. Units: bytes."""

    @property
    def start(self) -> int:
        """Where the locked range begins."""

    @property
    def end(self) -> int:
        """Where it ends, exclusive."""

    @property
    def va(self) -> int:
        """The position."""

    @property
    def level(self) -> int:
        """The level of the current entry."""

    @property
    def guard_level(self) -> int:
        """The level of the table that has the whole range."""


def in_locked_range(place: Position) -> bool:
    """Return whether the cursor stands inside the range that it has locked."""
    return place.start <= place.va < place.end


def query_success_requires(place: Position) -> bool:
    """Return whether a query answers: the cursor is in its range. Source: of the same name."""
    return in_locked_range(place)


def query_success_ensures(
    view: CursorView, found: tuple[int, int], item: tuple[int, int, Prop] | None
) -> bool:
    """Return whether a query's answer is that of the view: its range, and what is mapped.

    Where nothing is mapped the range is to begin at the cursor. The code's begins where the hole
    does, which in a hole of a higher level may be before it.
    """
    if view.present():
        return item is not None and view.query_item_spec(*item) == found
    return item is None and found[0] == view.cur_va


def move_requires(place: Position, length: int) -> bool:
    """Return whether `find_next` returns: below the guard, aligned, inside what is left."""
    return (
        place.level < place.guard_level
        and in_locked_range(place)
        and length % PAGE_SIZE == 0
        and place.va + length <= place.end
    )


def jump_panic_condition(sizes: Sequence[int], place: Position, va: int) -> bool:
    """Return whether a jump may panic: misaligned, or to nowhere below the guard's table.

    The verified code panics too when the cursor has left the tables of its range at their end,
    where upstream goes back to the guard. Shape: `sizes[level]` as in `Geometry`.
    """
    if va % PAGE_SIZE:
        return True
    if not place.start <= va < place.end:
        return False
    return not any(
        va // sizes[level + 1] == place.va // sizes[level + 1]
        for level in range(place.level, place.guard_level + 1)
    )


def map_cursor_requires(place: Position) -> bool:
    """Return whether the cursor can map: in its range, below the guard. Source: the same name."""
    return in_locked_range(place) and place.level < place.guard_level


def map_item_requires(v: View, place: Place, frame: SlotOwner) -> bool:
    """Return whether a frame can be mapped here: it fits, and it is mapped nowhere.

    The latter excludes all aliasing, which the code allows. Source: `map_item_requires`,
    `item_not_mapped`, `item_slot_in_regions`; a frame is always of level 1.
    """
    return (
        place.guard.level > 1
        and place.va + PAGE_SIZE <= place.end
        and place.va % PAGE_SIZE == 0
        and not frame.paths
        and frame.parked
        and v.page(frame)[0] in {"unit", "umeta"}
    )


def map_item_ensures(old: CursorView, new: CursorView, paddr: int, prop: Prop) -> bool:
    """Return whether the frame is mapped where the cursor was. Source: of the same name."""
    return new == old.map_spec(paddr, PAGE_SIZE, prop)


def unmap_requires(place: Position, length: int) -> bool:
    """Return whether `unmap` returns: a non-empty, aligned length inside what is left."""
    return (
        length > 0
        and length % PAGE_SIZE == 0
        and place.va % PAGE_SIZE == 0
        and in_locked_range(place)
        and place.va + length <= place.end
    )


def protect_requires(view: CursorView, place: Position, length: int) -> bool:
    """Return whether `protect_next` returns: as `unmap`, and the cursor stands on a page."""
    inside = in_locked_range(place) and place.va + length <= place.end
    return length % PAGE_SIZE == 0 and inside and view.present()
