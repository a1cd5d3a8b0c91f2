"""Where a cursor may stand and what it meets, on nested maps. The rules of cursors call these.

A search that goes on at an address stands at the highest level that the address is aligned to, up
to the guard; only where it starts does the level depend on the past.
"""

from collections.abc import Iterator

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.outcome import BLOCKED, DIVERGES, UNALIGNED_VADDR, CallEnded, Err, Outcome, Unwinding
from vmstore.view.spaces import HELD
from vmstore.view.state import View
from vmstore.view.tables import Entry, Leaf, Place, Table, Tree


def open_place(v: View, tree: Tree, start: int, end: int) -> Place | Outcome:
    """Lock a range: the lowest table that covers it, created if need be, and all below in it.

    Blocked iff one of these, or a table in which one has to be created, is held.
    Errors, in order: InvalidVaddrRange, UnalignedVaddr, blocked; panic without memory.
    """
    if not tree.config.is_valid_range(start, end):
        return Err("InvalidVaddrRange", {"info": [start, end]})
    if start % PAGE_SIZE or end % PAGE_SIZE:
        return UNALIGNED_VADDR
    spaces, g = v.spaces, v.spaces.geometry
    table, began_in_leaf = tree.root, False
    while table.level > 1 and g.index(start, table.level) == g.index(end - 1, table.level):
        index = g.index(start, table.level)
        entry = table.entries.get(index)
        if isinstance(entry, Leaf):
            began_in_leaf = True
            break
        if entry is None:
            if table.holder is not None:
                return BLOCKED
            entry = spaces.new_table(v.store, table.level - 1, tree.config)
            spaces.write(table, index, entry)
        table = entry
    place = Place(tree, table, start, end, began_in_leaf=began_in_leaf)
    if table.holder is not None:
        return BLOCKED
    met = [table]
    for below in _meeting(v, table, start & -g.sizes[table.level + 1], start, end):
        if below.holder is not None:
            return BLOCKED
        met.append(below)
    for held in met:
        hold(v, place, held)
    tree.borrows += 1
    return place


def _meeting(v: View, table: Table, base: int, start: int, end: int) -> Iterator[Table]:
    """Yield the tables below `table` that meet `[start, end)`, each before those below it.

    Errors: debug panic after a table that ends at 2^64.
    """
    size = v.spaces.geometry.sizes[table.level]
    for index in sorted(table.entries):
        child, first = table.entries[index], base + index * size
        if isinstance(child, Table) and first < end and first + size > start:
            yield child
            if first + size > U64_MASK and v.debug:
                raise Unwinding("overflow")
            bound = end if first + size <= U64_MASK else U64_MASK + 1
            yield from _meeting(v, child, first, start, bound)


def hold(v: View, place: Place, table: Table) -> None:
    """Lock a table for a cursor."""
    table.holder = place
    v.spaces.touch(table, HELD)


def close_place(v: View, place: Place) -> None:
    """Unlock the range: all that meets it now, which a cursor let out at the top has left.

    Errors: debug panic where a table ends at 2^64.
    """
    place.tree.borrows -= 1
    g = v.spaces.geometry
    base = place.start & -g.sizes[place.guard.level + 1]
    for table in (place.guard, *_meeting(v, place.guard, base, place.start, place.end)):
        table.holder = None
        v.spaces.touch(table, HELD)


def current(v: View, place: Place) -> tuple[Table, int]:
    """Return the table in which the cursor stands, and the index of its entry there."""
    index_of = v.spaces.geometry.index
    table = place.guard
    while table.level > place.level:
        below = table.entries[index_of(place.va, table.level)]
        assert isinstance(below, Table), "a cursor stands below a table that is gone"
        table = below
    return table, index_of(place.va, table.level)


def span(v: View, place: Place) -> tuple[int, int]:
    """Return the range of the current entry. Errors: debug panic at 2^64."""
    size = v.spaces.geometry.sizes[place.level]
    start = place.va & -size
    return start, v.add(start, size)


def go_on(v: View, place: Place) -> None:
    """Move to the end of the current entry, which ends every table that is aligned there too."""
    _, place.va = span(v, place)
    sizes = v.spaces.geometry.sizes
    while place.level < place.guard.level and place.va % sizes[place.level + 1] == 0:
        place.level += 1


def look(v: View, place: Place) -> Entry | None:
    """Descend to the mapping or the hole at the cursor. Requires: the cursor is not at its end."""
    while True:
        table, index = current(v, place)
        entry = table.entries.get(index)
        if not isinstance(entry, Table):
            return entry
        place.level -= 1


def search(
    v: View, place: Place, length: int, *, whole_tables: bool = False, splits: bool = False
) -> Entry | None:
    """Go to the first mapping in `length` bytes; a miss ends with the last hole, or the range.

    With `whole_tables`, a table inside the bytes that the cursor meets on its way is found first,
    empty or not; with `splits`, a page that reaches out of them is split.
    Errors, in order: panic for an unaligned `length`, for one beyond the range; diverges.
    """
    if length % PAGE_SIZE:
        raise Unwinding("len-unaligned")
    if place.va > place.end and v.debug:
        raise Unwinding("overflow")
    if length > (place.end - place.va) & U64_MASK:
        raise Unwinding("len-beyond-barrier")
    end = place.va + length

    def may_take(level: int) -> bool:
        return place.tree.config.can_unmap_top or level < v.spaces.geometry.levels

    for _ in range(v.spaces.work_limit + 1):
        if place.va >= end:
            place.va = min(place.va, place.end)
            return None
        start, stop = span(v, place)
        is_inside = start == place.va and stop <= end
        table, index = current(v, place)
        entry = table.entries.get(index)
        if isinstance(entry, Leaf):
            if is_inside or not splits:
                return entry
            hold(v, place, v.spaces.split(v.store, table, index, entry))
            place.level -= 1
        elif entry is not None and whole_tables and is_inside and may_take(table.level):
            return entry
        elif entry is not None and entry.entries:
            place.level -= 1
        else:
            go_on(v, place)
    raise CallEnded(DIVERGES)


def move(v: View, place: Place, va: int) -> bool:
    """Stand at `va`, in the lowest table above the cursor that has it. False out of the range.

    Errors: panic for an unaligned `va`, first.
    """
    if va % PAGE_SIZE:
        raise Unwinding("va-unaligned")
    if not place.start <= va < place.end:
        return False
    sizes, guard = v.spaces.geometry.sizes, place.guard.level
    if place.va == place.end and v.spaces.jumps_from_end:
        place.level = guard
    else:
        while place.level < guard and (place.va ^ va) & -sizes[place.level + 1]:
            place.level += 1
        if (place.va ^ va) & -sizes[guard + 1]:
            is_seen = v.asserts or not v.spaces.jumps_from_end
            raise Unwinding("level-at-guard" if is_seen else "level-popped-too-high")
    place.va = va
    return True
