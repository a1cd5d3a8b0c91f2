"""How the swarm draws ops on address spaces: ranges that share tables, mappings in holes.

A panic ends a trace: what panics (mapping over a mapping, leaving the range) is drawn now and then.
"""

from collections.abc import Callable
from typing import Any, Final

from vmfuzz.swarm_state import KINDS, RARE, Drawing, Fields, Guard, claim_guard
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import (
    AccessKind,
    ByteLength,
    CacheChange,
    CachePolicy,
    CpuNumber,
    FlushKind,
    Level,
    PageFlags,
    PrivFlags,
    TableConfig,
    Vaddr,
    VaddrEnd,
)
from vmstore.ops import Declaration, cursor, page_table
from vmstore.view.tables import Leaf, Place

SPACE_AREAS: Final = ("vm_space", "cursor", "space_io", "mmu", "rcu")
TABLE_AREAS: Final = ("page_table", "pt_cursor")
_CURSOR: Final = KINDS.index("cursor")
_PTCURSOR: Final = KINDS.index("ptcursor")
_PTABLE: Final = KINDS.index("ptable")
_VS: Final = KINDS.index("vs")

_FLAGS: Final = (3, 7, 1, 3, 0, 0x8F, 5, 3, 0x0B, 2, 0xFF)
_PRIV: Final = (0, 1, 0, 3, 2, 0x80)
_CACHES: Final = ("WB", "WB", "UC", "WT", "WC")
_CONFIGS: Final = ("user", "user", "kernel", "test", "kernel_full")
_FLUSHES: Final = ("single", "range", "range", "all")
_SPANS: Final = (1, 1, 2, 3, 4, 8, 31, 32, 33)  # pages; from 32 on everything is flushed
_DEVICE: Final = 0x1000_0000  # where device memory is, far above the frames


# -- arguments without a cursor --------------------------------------------------------------------


def _va(g: Drawing) -> int:
    choice = g.draw()
    if choice < RARE:
        g.last_va = g.base + g.vas[choice % len(g.vas)]
    else:
        end = g.base + g.spaces.geometry.user_end
        special = (end, end - PAGE_SIZE, 1, g.base + 0x800, U64_MASK & ~0xFFF, U64_MASK, 1 << 63)
        g.last_va = special[g.draw() % len(special)] & U64_MASK
    return g.last_va


def _va_end(g: Drawing) -> int:
    """End a few pages on, at the next end of a table, or now and then anywhere."""
    choice, start = g.draw(), g.last_va
    sizes = g.spaces.geometry.sizes
    if choice >= RARE:
        end = g.base + g.spaces.geometry.user_end
        special = (start, start - PAGE_SIZE, start + 1, end, end + PAGE_SIZE, U64_MASK & ~0xFFF)
        return special[g.draw() % len(special)] & U64_MASK
    if choice % 2:
        return (start + _SPANS[choice // 2 % len(_SPANS)] * PAGE_SIZE) & U64_MASK
    size = sizes[2 + choice // 2 % (g.world.levels - 1)]
    return ((start | (size - 1)) + 1) & U64_MASK


def _length(g: Drawing) -> int:
    """Draw a length without a cursor: of device memory, or of a range to be tiled."""
    choice = g.draw()
    if choice >= RARE:
        return (0, 1, U64_MASK & ~0xFFF, PAGE_SIZE - 1)[choice % 4]
    return _SPANS[choice % 5] * PAGE_SIZE


def _chosen(words: tuple[Any, ...], rare: Any) -> Callable[[Drawing], Any]:
    """Draw one of `words`, now and then `rare`."""
    amount = len(words)

    def generate(g: Drawing) -> Any:
        choice = g.draw()
        return words[choice % amount] if choice < RARE else rare

    return generate


SPACE_BY_TYPE: Final[dict[object, Callable[[Drawing], Any]]] = {
    Vaddr: _va,
    VaddrEnd: _va_end,
    ByteLength: _length,
    Level: lambda g: g.level,
    CpuNumber: lambda g: g.draw() % (g.world.cpus + (g.draw() >= RARE)),
    PageFlags: _chosen(_FLAGS, 0),
    PrivFlags: _chosen(_PRIV, 0x40),
    CachePolicy: _chosen(_CACHES, "WP"),
    CacheChange: _chosen(("keep", "keep", *_CACHES), "WP"),
    TableConfig: _chosen(_CONFIGS, "kernel_full"),
    FlushKind: _chosen(_FLUSHES, "all"),
    AccessKind: _chosen(("load", "load", "store"), "store"),
}


# -- arguments next to where a cursor stands -------------------------------------------------------


def _place(g: Drawing, kind: int, handle: int) -> Place:
    return g.spaces.cursors[handle].place if kind == _CURSOR else g.spaces.ptcursors[handle]


def _used_cursor(kind: int) -> Callable[[Drawing], int]:
    def generate(g: Drawing) -> int:
        pool = g.pools[kind]
        handle = pool[g.draw() % len(pool)]
        g.place = _place(g, kind, handle)
        return handle

    return generate


def _used_table(g: Drawing) -> int:
    pool = g.pools[_PTABLE]
    handle = pool[g.draw() % len(pool)]
    g.base = g.spaces.trees[handle].config.low
    return handle


def _of_space(g: Drawing) -> int:
    """Use a space; addresses drawn after it are of the lower half."""
    g.base = 0
    pool = g.pools[_VS]
    return pool[g.draw() % len(pool)]


SPACE_BY_KIND: Final[dict[int, Callable[[Drawing], int]]] = {
    _CURSOR: _used_cursor(_CURSOR),
    _PTCURSOR: _used_cursor(_PTCURSOR),
    _PTABLE: _used_table,
    _VS: _of_space,
}


def _va_inside(g: Drawing) -> int:
    """Draw an address in the cursor's range, or now and then one next to it."""
    choice, place = g.draw(), g.place
    assert place is not None
    pages = (place.end - place.start) // PAGE_SIZE
    if choice < RARE:
        return place.start + (choice * 7 % pages) * PAGE_SIZE
    special = (place.end, place.start - PAGE_SIZE, place.start + 1, place.end - PAGE_SIZE)
    return special[g.draw() % len(special)] & U64_MASK


def _length_inside(g: Drawing) -> int:
    """Draw a length that the range still has, often one that ends where a table does."""
    choice, place = g.draw(), g.place
    assert place is not None
    left = max(0, place.end - place.va)
    if choice >= RARE:
        special = (left + PAGE_SIZE, 1, left + 1, U64_MASK & ~0xFFF, 0)
        return special[g.draw() % len(special)]
    how = choice % 4
    if how == 0:
        return left
    if how == 1:
        size = g.spaces.geometry.sizes[2 + choice // 4 % 2]
        return min(left, size - place.va % size)
    return min(left, _SPANS[choice // 4 % len(_SPANS)] * PAGE_SIZE)


# -- mapping: where there is a hole, at a level that fits ------------------------------------------


def _can_map(kind: int, *, is_huge: bool = False) -> Guard:
    """Choose a cursor in front of a hole, or now and then any; move it to the pool's end."""

    def guard(g: Drawing) -> bool:
        pool = g.pools[kind]
        at = g.draw() % len(pool)
        place = g.place = _place(g, kind, pool[at])
        g.level = _level(g, place) if is_huge else 1
        if not _is_hole(g, place, g.level) and g.draw() < RARE:
            return False
        pool[at], pool[-1] = pool[-1], pool[at]
        return True

    return guard


def _level(g: Drawing, place: Place) -> int:
    """Draw a level at which the cursor's address could be mapped, or now and then any."""
    choice = g.draw()
    if choice >= RARE:
        return choice % (g.world.levels + 2)
    sizes, highest = g.spaces.geometry.sizes, place.tree.config.highest_level
    level = 1 + choice % highest
    while level > 1 and (place.va % sizes[level] or sizes[level] > place.end - place.va):
        level -= 1
    return level


def _is_hole(g: Drawing, place: Place, level: int) -> bool:
    """Return whether nothing stands where a page of `level` would be mapped."""
    if place.va >= place.end or level > place.guard.level:
        return False
    index_of, table = g.spaces.geometry.index, place.guard
    while True:
        entry = table.entries.get(index_of(place.va, table.level))
        if entry is None:
            return True
        if isinstance(entry, Leaf) or table.level <= level:
            return False
        table = entry


def _last(kind: int) -> Callable[[Drawing], int]:
    return lambda g: g.pools[kind][-1]


def _mapped_paddr(g: Drawing) -> int:
    """Draw an address for a leaf of the level that was chosen: a frame's, or of a device."""
    choice = g.draw()
    if choice >= RARE:
        return (1 << 51, 0x800, PAGE_SIZE)[choice % 3]
    size = g.spaces.geometry.sizes[min(g.level, g.world.levels)] if g.level else PAGE_SIZE
    if choice % 4:
        return _DEVICE + choice % 8 * size
    return g.pages[choice % len(g.pages)] * PAGE_SIZE & -size


def _device(g: Drawing) -> int:
    choice = g.draw()
    return _DEVICE + choice % 4 * PAGE_SIZE if choice < RARE else (U64_MASK & ~0xFFF, 1)[choice % 2]


def _device_offset(g: Drawing) -> int:
    choice = g.draw()
    return choice % 3 * PAGE_SIZE if choice < RARE else 0x800


def _device_length(g: Drawing) -> int:
    """Draw a length of device memory that the cursor's range has room for, mostly."""
    choice, place = g.draw(), g.place
    assert place is not None
    left = max(0, place.end - place.va)
    return min(left, choice % 3 * PAGE_SIZE) if choice < RARE else _length(g)


_MAPS: Final[dict[type, int]] = {
    cursor.CursorMap: _CURSOR,
    cursor.CursorMapIomem: _CURSOR,
    page_table.PtCursorMap: _PTCURSOR,
    page_table.PtCursorMapFrame: _PTCURSOR,
}
_DEVICE_FIELDS: Final[dict[str, Callable[[Drawing], int]]] = {
    "paddr": _device,
    "len": _device_length,
    "offset": _device_offset,
}


def _user_address(g: Drawing) -> int:
    """Draw an address in a page of the pool, mostly at its start."""
    return _va(g) + (0, 0, 8, 4088)[g.draw() % 4] & U64_MASK


def _user_length(g: Drawing) -> int:
    choice = g.draw()
    lengths = (8, 16, 64, PAGE_SIZE, PAGE_SIZE + 8, 4, 0)
    return lengths[choice % len(lengths)] if choice < RARE else (U64_MASK, 1 << 47)[choice % 2]


def space_plan(
    declaration: Declaration, guard: Guard | None, fields: Fields
) -> tuple[Guard | None, Fields]:
    """Return guard and generators of an op on address spaces or raw tables."""
    op = declaration.op
    special: dict[str, Callable[[Drawing], Any]] = {}
    cursors = {"cursor", "ptcursor"} & {f.name for f in declaration.handles}
    if cursors and not declaration.destinations:
        special = {"va": _va_inside, "len": _length_inside}
    if declaration.area == "space_io":
        special = {"va": _user_address, "len": _user_length}
    if op is cursor.CursorFlusherIssue:
        special = {}
    if op in _MAPS:
        kind = _MAPS[op]
        guard = _can_map(kind, is_huge=op is page_table.PtCursorMap)
        special |= dict.fromkeys(cursors, _last(kind))
        special["paddr"] = _mapped_paddr
    if op in {cursor.CursorMapIomem, cursor.CursorFindIomem}:
        special |= _DEVICE_FIELDS
    made = [KINDS.index(f.kind.name) for f in declaration.destinations if f.kind]
    if made:
        guard = claim_guard(made[0])
    names = [field.name for field in declaration.fields]
    return guard, tuple(special.get(name, draw) for name, draw in zip(names, fields, strict=True))
