"""Rules of the ops on frame lists: a list is a plain sequence."""

from vmstore.arch import PAGE_SIZE
from vmstore.ops.linked_list import (
    LcursorAsList,
    LcursorCurrentMeta,
    LcursorDrop,
    LcursorInsertBefore,
    LcursorMoveNext,
    LcursorMovePrev,
    LcursorTakeCurrent,
    ListContains,
    ListCursorAt,
    ListCursorBack,
    ListCursorFront,
    ListDrop,
    ListNew,
    ListPopBack,
    ListPopFront,
    ListPushBack,
    ListPushFront,
    ListSize,
)
from vmstore.outcome import BORROWED, OK, WRONG_TYPE, Abort, Ok, Outcome, returns
from vmstore.view.state import CursorView, ListView, View

IDS_EXHAUSTED = Abort("list-id-exhausted")
NO_UNIQUE = Ok({"unique": None})
NO_CURSOR = Ok({"lcursor": None})


def list_new(v: View, op: ListNew, out: Outcome) -> Outcome | None:
    """Always succeeds: an empty sequence."""
    if out is not OK:
        return OK
    v.lists[op.dst] = ListView(op.dst)
    return None


def list_push_front(v: View, op: ListPushFront, out: Outcome) -> Outcome | None:
    """Inserts at 0."""
    held = v.lists[op.list]
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    return _insert(v, held, 0, op.unique, out)


def list_push_back(v: View, op: ListPushBack, out: Outcome) -> Outcome | None:
    """Inserts at the end, or before the last element under `push_back=before-last`."""
    held = v.lists[op.list]
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    length = len(held.pages)
    position = length if v.push_back_appends else max(0, length - 1)
    return _insert(v, held, position, op.unique, out)


def _insert(v: View, held: ListView, position: int, unique: int, out: Outcome) -> Outcome | None:
    """U stays: the list owns the forgotten handle. Aborts when the list needs an id and none is."""
    owner = v.store.owner_at(v.store.unique_frames[unique])
    if v.page(owner)[0] != "link":
        return None if out is WRONG_TYPE else WRONG_TYPE
    if not _has_id(v, held):
        return None if out == IDS_EXHAUSTED else IDS_EXHAUSTED
    if out is not OK:
        return OK
    v.store.list_unique(unique)
    _mint_id(v, held)
    held.pages.insert(position, owner.index)
    v.linked[owner.index] = held
    v.touched_lists.append(held)
    return None


def list_pop_front(v: View, op: ListPopFront, out: Outcome) -> Outcome | None:
    """Takes element 0; None when empty."""
    held = v.lists[op.list]
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    return _take(v, held, 0, op.dst, out)


def list_pop_back(v: View, op: ListPopBack, out: Outcome) -> Outcome | None:
    """Takes the last element; None when empty."""
    held = v.lists[op.list]
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    return _take(v, held, max(0, len(held.pages) - 1), op.dst, out)


def _take(v: View, held: ListView, position: int, dst: int, out: Outcome) -> Outcome | None:
    if position >= len(held.pages):
        return None if out == NO_UNIQUE else NO_UNIQUE
    if out is not OK:
        return OK
    index = held.pages.pop(position)
    del v.linked[index]
    v.touched_lists.append(held)
    v.store.unlist_page(index)
    v.store.insert_unique(dst, index * PAGE_SIZE)
    return None


def list_contains(v: View, op: ListContains, out: Outcome) -> Outcome | None:
    """True iff the page is an element; a legal address makes the list need an id."""
    held = v.lists[op.list]
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    if not _names_a_page(v, op.paddr):
        allowed = Ok({"contains": False})
        return None if out == allowed else allowed
    if not _has_id(v, held):
        return None if out == IDS_EXHAUSTED else IDS_EXHAUSTED
    allowed = Ok({"contains": v.linked.get(op.paddr // PAGE_SIZE) is held})
    if out != allowed:
        return allowed
    _mint_id(v, held)
    v.touched_lists.append(held)
    return None


def list_size(v: View, op: ListSize, out: Outcome) -> Outcome | None:
    """Returns length and emptiness."""
    held = v.lists[op.list]
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    return _size(held, out)


def list_drop(v: View, op: ListDrop, out: Outcome) -> Outcome | None:
    """Frees every element, front to back."""
    held = v.lists[op.list]
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    if out is not OK:
        return OK
    del v.lists[op.list]
    for index in held.pages:
        del v.linked[index]
        v.retire(v.store.unlist_page(index))
    held.pages = []
    v.touched_lists.append(held)
    return None


def list_cursor_front(v: View, op: ListCursorFront, out: Outcome) -> Outcome | None:
    """Opens at 0, which is the ghost when empty."""
    return _open(v, v.lists[op.list], 0, op.dst, out)


def list_cursor_back(v: View, op: ListCursorBack, out: Outcome) -> Outcome | None:
    """Opens at the last element, or the ghost when empty."""
    held = v.lists[op.list]
    return _open(v, held, max(0, len(held.pages) - 1), op.dst, out)


def list_cursor_at(v: View, op: ListCursorAt, out: Outcome) -> Outcome | None:
    """Opens at the page's position; None when it is no element."""
    held = v.lists[op.list]
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    if not _names_a_page(v, op.paddr):
        return None if out == NO_CURSOR else NO_CURSOR
    if not _has_id(v, held):
        return None if out == IDS_EXHAUSTED else IDS_EXHAUSTED
    index = op.paddr // PAGE_SIZE
    if v.linked.get(index) is held:
        return _open(v, held, held.pages.index(index), op.dst, out)
    if out != NO_CURSOR:
        return NO_CURSOR
    _mint_id(v, held)
    v.touched_lists.append(held)
    return None


def _open(v: View, held: ListView, position: int, dst: int, out: Outcome) -> Outcome | None:
    if held.is_borrowed:
        return None if out is BORROWED else BORROWED
    if out is not OK:
        return OK
    held.is_borrowed = True
    v.lcursors[dst] = CursorView(held, position)
    v.touched_cursors.append(dst)
    return None


def lcursor_move_next(v: View, op: LcursorMoveNext, out: Outcome) -> Outcome | None:
    """Position + 1; the ghost wraps to 0."""
    if out is not OK:
        return OK
    cursor = v.lcursors[op.lcursor]
    length = len(cursor.list.pages)
    cursor.position = cursor.position + 1 if cursor.position < length else 0
    v.touched_cursors.append(op.lcursor)
    return None


def lcursor_move_prev(v: View, op: LcursorMovePrev, out: Outcome) -> Outcome | None:
    """Position - 1; 0 wraps to the ghost."""
    if out is not OK:
        return OK
    cursor = v.lcursors[op.lcursor]
    cursor.position = cursor.position - 1 if cursor.position else len(cursor.list.pages)
    v.touched_cursors.append(op.lcursor)
    return None


def lcursor_current_meta(v: View, op: LcursorCurrentMeta, out: Outcome) -> Outcome | None:
    """Returns the payload at the position, None at the ghost."""
    cursor = v.lcursors[op.lcursor]
    index = cursor.element()
    allowed = Ok({"val": v.pages[index][1] if index >= 0 else None})
    return None if out == allowed else allowed


def lcursor_take_current(v: View, op: LcursorTakeCurrent, out: Outcome) -> Outcome | None:
    """Takes the element; the position stays and now names its successor."""
    cursor = v.lcursors[op.lcursor]
    v.touched_cursors.append(op.lcursor)
    return _take(v, cursor.list, cursor.position, op.dst, out)


def lcursor_insert_before(v: View, op: LcursorInsertBefore, out: Outcome) -> Outcome | None:
    """Inserts at the position, which then moves on by one with its element."""
    cursor = v.lcursors[op.lcursor]
    before = len(cursor.list.pages)
    refused = _insert(v, cursor.list, cursor.position, op.unique, out)
    if len(cursor.list.pages) > before:
        cursor.position += 1
        v.touched_cursors.append(op.lcursor)
    return refused


def lcursor_as_list(v: View, op: LcursorAsList, out: Outcome) -> Outcome | None:
    """Returns length and emptiness."""
    return _size(v.lcursors[op.lcursor].list, out)


def lcursor_drop(v: View, op: LcursorDrop, out: Outcome) -> Outcome | None:
    """Always succeeds: the list is free again."""
    if out is not OK:
        return OK
    v.lcursors.pop(op.lcursor).list.is_borrowed = False
    return None


def _size(held: ListView, out: Outcome) -> Outcome | None:
    length = len(held.pages)
    value: dict[str, object] = {"size": length, "empty": length == 0}
    return None if returns(out, value) else Ok(value)


def _names_a_page(v: View, paddr: int) -> bool:
    return paddr % PAGE_SIZE == 0 and paddr < v.max_paddr


def _has_id(v: View, held: ListView) -> bool:
    return held.list_id != 0 or v.next_list_id < v.list_ids


def _mint_id(v: View, held: ListView) -> None:
    if held.list_id == 0:
        held.list_id = v.next_list_id
        v.next_list_id += 1
