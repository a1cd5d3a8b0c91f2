"""How the swarm draws next to where a cursor stands: mappings in holes, jumps to what is mapped.

A panic ends a trace: what panics (mapping over a mapping, leaving the range) is drawn seldom.
"""

from collections.abc import Callable
from itertools import islice
from typing import Final

from vmfuzz.swarm_state import KINDS, RARE, SELDOM, Drawing, Guard, choose
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.view.tables import Leaf, Place, Table

CURSOR: Final = KINDS.index("cursor")
PTCURSOR: Final = KINDS.index("ptcursor")
DEVICE: Final = 0x1000_0000  # where device memory is, far above the frames

_AHEAD: Final = (1, 1, 2, 3, 1, 2, 4, 8, 31, 32, 33)  # pages; from 32 on everything is flushed
_TOO_LARGE: Final = 240  # a byte at or above takes a page that may not fit into the range
_NEAREST: Final = 64  # pages of a range among which one is drawn that need not be mapped


def used_cursor(kind: int) -> Callable[[Drawing], int]:
    """Return a generator of any cursor of a kind; what is drawn after it is next to it."""

    def generate(g: Drawing) -> int:
        handle = g.pick(kind)
        g.place = _place(g, kind, handle)
        return handle

    return generate


def _place(g: Drawing, kind: int, handle: int) -> Place:
    return g.spaces.cursors[handle].place if kind == CURSOR else g.spaces.ptcursors[handle]


# -- addresses and lengths -------------------------------------------------------------------------


def mapped_va(g: Drawing, table: Table, base: int) -> int | None:
    """Draw the start of a mapping below `table`, which begins at `base`; None without luck."""
    sizes, choice = g.spaces.geometry.sizes, g.draw()
    while entries := table.entries:
        index = next(islice(entries, choice % len(entries), None))
        entry = entries[index]
        base += index * sizes[table.level]
        if entry.__class__ is Leaf:
            return base
        assert isinstance(entry, Table)
        table = entry
    return None


def va_inside(g: Drawing) -> int:
    """Draw an address in the cursor's range, often a mapping's, or now and then one next to it."""
    choice, place = g.draw(), g.place
    assert place is not None
    start, end = place.start, place.end
    if choice < 128:
        va = mapped_va(g, place.guard, start & -g.spaces.geometry.sizes[place.guard.level + 1])
        if va is not None and start <= va < end:
            return va
    elif choice >= RARE:
        if choice >= SELDOM:
            return start + 1
        return (end, start - PAGE_SIZE, end - PAGE_SIZE)[choice % 3] & U64_MASK
    va = place.tree.config.low + g.vas[choice % len(g.vas)]
    if start <= va < end:
        return va
    return start + choice % min((end - start) // PAGE_SIZE, _NEAREST) * PAGE_SIZE


def length_inside(g: Drawing) -> int:
    """Draw a length that the range still has, often one that ends where a table does."""
    choice, place = g.draw(), g.place
    assert place is not None
    left = max(0, place.end - place.va)
    if choice >= SELDOM:
        special = (left + PAGE_SIZE, 1, left + 1, U64_MASK & ~0xFFF)
        return special[g.draw() % len(special)]
    how, more = choice % 4, choice // 4
    if how == 0:
        return left
    if how == 1:
        size = g.spaces.geometry.sizes[2 + more % (g.world.levels - 1)]
        return min(left, size - place.va % size)
    if how == 2:
        level = _leaf_level(g, place)
        if level > 1:
            return min(left, (1 + more % (g.spaces.geometry.entries - 1)) * PAGE_SIZE)
    return min(left, _AHEAD[more % len(_AHEAD)] * PAGE_SIZE)


def _leaf_level(g: Drawing, place: Place) -> int:
    """Return the level of the page on which the cursor stands, 0 in a hole or past the range."""
    index_of, table = g.spaces.geometry.index, place.guard
    while place.va < place.end:
        entry = table.entries.get(index_of(place.va, table.level))
        if not isinstance(entry, Table):
            return table.level if entry is not None else 0
        table = entry
    return 0


# -- which cursor ----------------------------------------------------------------------------------


def _is_mutable(g: Drawing, handle: int) -> bool:
    cursor = g.spaces.cursors[handle]
    g.place = cursor.place
    return cursor.queue is not None


def _is_before_end(kind: int) -> Callable[[Drawing, int], bool]:
    def suits(g: Drawing, handle: int) -> bool:
        place = g.place = _place(g, kind, handle)
        return place.va < place.end

    return suits


def _can_map(g: Drawing, handle: int) -> bool:
    cursor = g.spaces.cursors[handle]
    g.place, g.level = cursor.place, 1
    return cursor.queue is not None and _is_hole(g, cursor.place, 1)


def _can_map_address(g: Drawing, handle: int) -> bool:
    place = g.place = g.spaces.ptcursors[handle]
    level = g.level = _level(g, place)
    return place.tree.config.name != "user" and _is_hole(g, place, level)


def _can_map_frame(g: Drawing, handle: int) -> bool:
    place = g.place = g.spaces.ptcursors[handle]
    g.level = 1
    return place.tree.config.name != "test" and _is_hole(g, place, 1)


def _level(g: Drawing, place: Place) -> int:
    """Draw a level at which the cursor's address could be mapped, or seldom any."""
    choice = g.draw()
    if choice >= SELDOM:
        return choice % (g.world.levels + 2)
    sizes = g.spaces.geometry.sizes
    level = min(place.tree.config.highest_level, place.guard.level)
    if choice < 64:
        return 1
    if choice >= _TOO_LARGE and place.va % sizes[level] == 0:
        return level
    while level > 1 and (place.va % sizes[level] or sizes[level] > place.end - place.va):
        level -= 1
    return level


def _is_hole(g: Drawing, place: Place, level: int) -> bool:
    """Return whether nothing is in the way where a page of `level` would be mapped."""
    if place.va >= place.end or level > place.guard.level - (not g.spaces.maps_at_guard):
        return False
    index_of, table = g.spaces.geometry.index, place.guard
    while True:
        entry = table.entries.get(index_of(place.va, table.level))
        if entry is None:
            return True
        if isinstance(entry, Leaf) or table.level <= level:
            return g.spaces.replaces_mappings
        table = entry


CAN_CHANGE: Final[Guard] = choose(CURSOR, _is_mutable)
CAN_MAP: Final[Guard] = choose(CURSOR, _can_map)
CAN_MAP_ADDRESS: Final[Guard] = choose(PTCURSOR, _can_map_address)
CAN_MAP_FRAME: Final[Guard] = choose(PTCURSOR, _can_map_frame)
CAN_QUERY: Final[dict[int, Guard]] = {
    kind: choose(kind, _is_before_end(kind)) for kind in (CURSOR, PTCURSOR)
}


# -- what is mapped --------------------------------------------------------------------------------


def mapped_paddr(g: Drawing) -> int:
    """Draw an address for a leaf of the level that was chosen: a frame's, or of a device."""
    choice = g.draw()
    if choice >= SELDOM:
        return (1 << 51, 0x800, PAGE_SIZE)[choice % 3]
    size = g.spaces.geometry.sizes[min(g.level, g.world.levels)] if g.level else PAGE_SIZE
    if choice % 4:  # few addresses, so that huge pages share one
        return DEVICE + choice // 4 % 2 * size
    return g.pages[choice % len(g.pages)] * PAGE_SIZE & -size


def _device(g: Drawing) -> int:
    choice = g.draw()
    if choice < SELDOM:
        return DEVICE + choice % 4 * PAGE_SIZE
    return (U64_MASK & ~0xFFF, 1)[choice % 2]


def _device_offset(g: Drawing) -> int:
    choice = g.draw()
    return choice % 3 * PAGE_SIZE if choice < SELDOM else 0x800


def _device_length(g: Drawing) -> int:
    """Draw a length of device memory that the cursor's range has room for, mostly."""
    choice, place = g.draw(), g.place
    assert place is not None
    left = max(0, place.end - place.va)
    return min(left, choice % 3 * PAGE_SIZE) if choice < SELDOM else left + choice


DEVICE_FIELDS: Final[dict[str, Callable[[Drawing], int]]] = {
    "paddr": _device,
    "len": _device_length,
    "offset": _device_offset,
}
