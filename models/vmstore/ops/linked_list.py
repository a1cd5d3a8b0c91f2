"""Ops on frame lists and their cursor. Source: `ostd/src/mm/frame/linked_list.rs`.

While a cursor lives its list is borrowed: an op on the list is `Borrowed`, nothing happens.
A handle whose metadata kind is not `link` cannot enter a list: `WrongType`, it goes back.
"""

from dataclasses import dataclass
from typing import ClassVar

from vmstore.ids import LcursorId, ListId, Paddr, UniqueId


@dataclass(slots=True)
class ListNew:
    """Make an empty list. Source: `LinkedList::new`."""

    dst: ListId


@dataclass(slots=True)
class ListPushFront:
    """Insert at the front. Source: `LinkedList::push_front`."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("unique",)

    list: ListId
    unique: UniqueId


@dataclass(slots=True)
class ListPushBack:
    """Append; under vostd insert before the last. Source: `LinkedList::push_back`."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("unique",)

    list: ListId
    unique: UniqueId


@dataclass(slots=True)
class ListPopFront:
    """Take the first element out. Source: `LinkedList::pop_front`."""

    dst: UniqueId
    list: ListId


@dataclass(slots=True)
class ListPopBack:
    """Take the last element out. Source: `LinkedList::pop_back`."""

    dst: UniqueId
    list: ListId


@dataclass(slots=True)
class ListContains:
    """Test membership by address. Source: `LinkedList::contains`."""

    list: ListId
    paddr: Paddr


@dataclass(slots=True)
class ListSize:
    """Read length and emptiness. Source: `LinkedList::{size, is_empty}`."""

    list: ListId


@dataclass(slots=True)
class ListDrop:
    """Free every element, front to back. Source: `LinkedList::drop`."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("list",)

    list: ListId


@dataclass(slots=True)
class ListCursorFront:
    """Open a cursor on the first element. Source: `LinkedList::cursor_front_mut`."""

    dst: LcursorId
    list: ListId


@dataclass(slots=True)
class ListCursorBack:
    """Open a cursor on the last element. Source: `LinkedList::cursor_back_mut`."""

    dst: LcursorId
    list: ListId


@dataclass(slots=True)
class ListCursorAt:
    """Open a cursor on the element at `paddr`. Source: `LinkedList::cursor_mut_at`."""

    dst: LcursorId
    list: ListId
    paddr: Paddr


@dataclass(slots=True)
class LcursorMoveNext:
    """Step towards the back; past it stands the ghost. Source: `CursorMut::move_next`."""

    lcursor: LcursorId


@dataclass(slots=True)
class LcursorMovePrev:
    """Step towards the front. Source: `CursorMut::move_prev`."""

    lcursor: LcursorId


@dataclass(slots=True)
class LcursorCurrentMeta:
    """Read the payload under the cursor. Source: `CursorMut::current_meta`."""

    lcursor: LcursorId


@dataclass(slots=True)
class LcursorTakeCurrent:
    """Take the element under the cursor out. Source: `CursorMut::take_current`."""

    dst: UniqueId
    lcursor: LcursorId


@dataclass(slots=True)
class LcursorInsertBefore:
    """Insert before the cursor, at the ghost append. Source: `CursorMut::insert_before`."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("unique",)

    lcursor: LcursorId
    unique: UniqueId


@dataclass(slots=True)
class LcursorAsList:
    """Read length and emptiness through the cursor. Source: `CursorMut::as_list`."""

    lcursor: LcursorId


@dataclass(slots=True)
class LcursorDrop:
    """Give the list back. Source: drop of `CursorMut`."""

    CONSUMES: ClassVar[tuple[str, ...]] = ("lcursor",)

    lcursor: LcursorId
