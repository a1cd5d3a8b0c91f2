"""Frame lists and their cursor. Source: `ostd/src/mm/frame/linked_list.rs`.

Elements are forgotten unique frames: count UNIQUE, `in_list` holding the list's id. Ids come from
one global counter, on the first use that needs one.
"""

from vmstore.cells import NONE, Slot
from vmstore.exec import allocator, meta
from vmstore.exec.machine import CursorMut, LinkedList, Machine
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
from vmstore.outcome import BORROWED, OK, WRONG_TYPE, Err, Ok, Outcome, PoweredOff, Unwinding

NO_UNIQUE = Ok({"unique": None})
NO_CURSOR = Ok({"lcursor": None})


def list_new(m: Machine, op: ListNew) -> Outcome:
    """Make an empty list; it has no id yet."""
    m.lists[op.dst] = LinkedList()
    return OK


def list_push_front(m: Machine, op: ListPushFront) -> Outcome:
    """Insert before the front. Errors, in order: Borrowed, WrongType, abort when ids run out."""
    held = m.lists[op.list]
    return _push(m, held, held.head.front, op.unique)


def list_push_back(m: Machine, op: ListPushBack) -> Outcome:
    """Insert before the ghost, or before the last element under `push_back=before-last`.

    Errors: as `list_push_front`.
    """
    held = m.lists[op.list]
    return _push(m, held, NONE if m.push_back_appends else held.head.back, op.unique)


def _push(m: Machine, held: LinkedList, position: int, unique: int) -> Outcome:
    if held.is_borrowed:
        return BORROWED
    if m.uniques[unique].vtable != "link":
        return WRONG_TYPE
    _insert_before(m, CursorMut(held, position), m.uniques[unique])
    del m.uniques[unique]
    return OK


def list_pop_front(m: Machine, op: ListPopFront) -> Outcome:
    """Take the first element out. Errors: Borrowed. None when empty."""
    held = m.lists[op.list]
    return _pop(m, held, held.head.front, op.dst)


def list_pop_back(m: Machine, op: ListPopBack) -> Outcome:
    """Take the last element out. Errors: Borrowed. None when empty."""
    held = m.lists[op.list]
    return _pop(m, held, held.head.back, op.dst)


def _pop(m: Machine, held: LinkedList, position: int, dst: int) -> Outcome:
    if held.is_borrowed:
        return BORROWED
    taken = _take_current(m, CursorMut(held, position))
    if taken is None:
        return NO_UNIQUE
    m.uniques[dst] = taken
    return OK


def list_contains(m: Machine, op: ListContains) -> Outcome:
    """Compare the page's tag with the list's id, minting one if needed.

    Errors: Borrowed, abort when ids run out. False, and no id, for an address without a slot.
    """
    held = m.lists[op.list]
    if held.is_borrowed:
        return BORROWED
    return Ok({"contains": _lookup(m, held, op.paddr) is not None})


def list_size(m: Machine, op: ListSize) -> Outcome:
    """Read length and emptiness. Errors: Borrowed, debug panic when the ends disagree."""
    held = m.lists[op.list]
    if held.is_borrowed:
        return BORROWED
    return _size(m, held)


def list_drop(m: Machine, op: ListDrop) -> Outcome:
    """Take every element out at the front and drop it. Errors: Borrowed."""
    held = m.lists[op.list]
    if held.is_borrowed:
        return BORROWED
    del m.lists[op.list]
    while (taken := _take_current(m, CursorMut(held, held.head.front))) is not None:
        meta.drop_unique(m, taken)
        allocator.dealloc(m, taken)
        if m.faults.list_drop_keeps_last and held.head.front == held.head.back:
            break
    return OK


def list_cursor_front(m: Machine, op: ListCursorFront) -> Outcome:
    """Open a cursor on the first element, or on the ghost. Errors: Borrowed."""
    held = m.lists[op.list]
    return _open(m, held, held.head.front, op.dst)


def list_cursor_back(m: Machine, op: ListCursorBack) -> Outcome:
    """Open a cursor on the last element, or on the ghost. Errors: Borrowed."""
    held = m.lists[op.list]
    return _open(m, held, held.head.back, op.dst)


def list_cursor_at(m: Machine, op: ListCursorAt) -> Outcome:
    """Open a cursor on the element at `paddr`, if it is one. Errors: as `list_contains`."""
    held = m.lists[op.list]
    if held.is_borrowed:
        return BORROWED
    slot = _lookup(m, held, op.paddr)
    if slot is None:
        return NO_CURSOR
    return _open(m, held, slot.index, op.dst)


def _open(m: Machine, held: LinkedList, position: int, dst: int) -> Outcome:
    if held.is_borrowed:
        return BORROWED
    held.is_borrowed = True
    m.lcursors[dst] = CursorMut(held, position)
    return OK


def lcursor_move_next(m: Machine, op: LcursorMoveNext) -> Outcome:
    """Step to the successor; from the ghost to the front. No checks."""
    cursor = m.lcursors[op.lcursor]
    if cursor.current == NONE:
        cursor.current = cursor.list.head.front
    else:
        cursor.current = m.cells.slot(cursor.current).next
        if m.faults.move_next_skips_ghost and cursor.current == NONE:
            cursor.current = cursor.list.head.front
    return OK


def lcursor_move_prev(m: Machine, op: LcursorMovePrev) -> Outcome:
    """Step to the predecessor; from the ghost to the back. No checks."""
    cursor = m.lcursors[op.lcursor]
    if cursor.current == NONE:
        cursor.current = cursor.list.head.back
    else:
        cursor.current = m.cells.slot(cursor.current).prev
    return OK


def lcursor_current_meta(m: Machine, op: LcursorCurrentMeta) -> Outcome:
    """Read the payload under the cursor; None on the ghost."""
    current = m.lcursors[op.lcursor].current
    return Ok({"val": None if current == NONE else m.cells.slot(current).val})


def lcursor_take_current(m: Machine, op: LcursorTakeCurrent) -> Outcome:
    """Take the element out; the cursor moves to its successor. None on the ghost."""
    taken = _take_current(m, m.lcursors[op.lcursor])
    if taken is None:
        return NO_UNIQUE
    m.uniques[op.dst] = taken
    return OK


def lcursor_insert_before(m: Machine, op: LcursorInsertBefore) -> Outcome:
    """Insert before the cursor, which keeps its element. Errors: WrongType, abort without ids."""
    if m.uniques[op.unique].vtable != "link":
        return WRONG_TYPE
    cursor, slot = m.lcursors[op.lcursor], m.uniques[op.unique]
    _insert_before(m, cursor, slot)
    del m.uniques[op.unique]
    if m.faults.insert_moves_cursor:
        cursor.current = slot.index
    return OK


def lcursor_as_list(m: Machine, op: LcursorAsList) -> Outcome:
    """Read length and emptiness through the cursor. Errors: as `list_size`, never Borrowed."""
    return _size(m, m.lcursors[op.lcursor].list)


def lcursor_drop(m: Machine, op: LcursorDrop) -> Outcome:
    """Give the list back."""
    m.lcursors.pop(op.lcursor).list.is_borrowed = False
    return OK


def _insert_before(m: Machine, cursor: CursorMut, slot: Slot) -> None:
    """Re-link the neighbours, obtain the list's id, stamp the tag, count. `insert_before`."""
    cells, head = m.cells, cursor.list.head
    if m.asserts and (slot.prev != NONE or slot.next != NONE or slot.in_list != 0):
        raise Unwinding("link-inconsistent")
    if cursor.current != NONE:
        current = cells.slot(cursor.current)
        if current.prev != NONE:
            cells.write_prev(slot, current.prev)
            cells.write_next(cells.slot(current.prev), slot.index)
        elif not m.faults.insert_front_keeps_front:
            cells.write_front(head, slot.index)
        cells.write_next(slot, current.index)
        cells.write_prev(current, slot.index)
    elif head.back != NONE:
        cells.write_prev(slot, head.back)
        cells.write_next(cells.slot(head.back), slot.index)
        cells.write_back(head, slot.index)
    else:
        cells.write_front(head, slot.index)
        cells.write_back(head, slot.index)
    list_id = _lazy_get_id(m, cursor.list)
    if not m.faults.twin_insert_missing_in_list:
        cells.store_in_list(slot, list_id)
    if m.faults.rfl_cursor_shared_element:
        cells.store_ref_count(slot, 1)
    if not m.faults.insert_skips_size:
        cells.write_size(head, head.size + 1)


def _take_current(m: Machine, cursor: CursorMut) -> Slot | None:
    """Unlink the element, move the cursor to its successor, clear its tag. `take_current`."""
    if cursor.current == NONE:
        return None
    cells, head = m.cells, cursor.list.head
    slot = cells.slot(cursor.current)
    before, after = slot.prev, slot.next
    if before != NONE:
        cells.write_next(cells.slot(before), after)
    else:
        cells.write_front(head, after)
    if after != NONE:
        if not m.faults.take_current_keeps_prev:
            cells.write_prev(cells.slot(after), before)
    else:
        cells.write_back(head, before)
    cursor.current = before if m.faults.take_current_steps_back else after
    if not m.faults.take_current_keeps_links:
        cells.write_prev(slot, NONE)
        cells.write_next(slot, NONE)
    if not m.faults.take_current_keeps_in_list:
        cells.store_in_list(slot, 0)
    cells.write_size(head, head.size - 1)
    return slot


def _lookup(m: Machine, held: LinkedList, paddr: int) -> Slot | None:
    slot = meta.get_slot(m, paddr)
    if isinstance(slot, Err):
        return None
    found = slot.in_list
    list_id = _lazy_get_id(m, held)
    return slot if found == list_id or (found and m.faults.contains_any_tag) else None


def _lazy_get_id(m: Machine, held: LinkedList) -> int:
    """Mint the list's id on first use. Errors: abort when the counter is used up."""
    if held.head.list_id == 0:
        minted = m.next_list_id
        if minted >= m.world.list_ids:
            if not m.faults.list_id_overflow:
                raise PoweredOff("list-id-exhausted")
            minted = 1
            m.next_list_id = 1
        m.next_list_id += 1
        m.cells.write_list_id(held.head, minted)
    return held.head.list_id


def _size(m: Machine, held: LinkedList) -> Outcome:
    head = held.head
    if m.asserts and (head.size == 0) != (head.front == NONE):
        raise Unwinding("link-inconsistent")
    return Ok({"size": head.size, "empty": head.size == 0})
