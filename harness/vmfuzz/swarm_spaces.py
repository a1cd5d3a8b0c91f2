"""How the swarm draws ops on address spaces: ranges that share tables, spaces that are active."""

from collections.abc import Callable
from typing import Any, Final

from vmfuzz import swarm_cursors
from vmfuzz.swarm_cursors import CURSOR, PTCURSOR, mapped_va
from vmfuzz.swarm_state import KINDS, RARE, SELDOM, Drawing, Fields, Guard, choose, last_of, taken
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
from vmstore.ops import Declaration, cursor, mmu, page_table, rcu, vm_space

SPACE_AREAS: Final = ("vm_space", "cursor", "space_io", "mmu", "rcu")
TABLE_AREAS: Final = ("page_table", "pt_cursor")
_PTABLE: Final = KINDS.index("ptable")
_VS: Final = KINDS.index("vs")

_FLAGS: Final = (3, 7, 1, 3, 0, 0x8F, 5, 3, 0x0B, 2, 0xFF)
_PRIV: Final = (0, 1, 0, 3, 2, 0x80)
_KERNEL_MARK: Final = 0x40  # which a kernel table refuses in a debug build
_CACHES: Final = ("WB", "WB", "UC", "WT", "WC")
_CONFIGS: Final = ("user", "kernel", "test", "test", "kernel", "kernel_full")
_FLUSHES: Final = ("single", "range", "range", "range", "single", "all")
_RANGES: Final = (1, 2, 3, 4, 5, 8, 16, 32)  # pages
_FLUSHED: Final = (1, 1, 2, 3, 15, 16, 17, 30, 31, 32, 33)  # pages; 32 together are everything


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


def _last_page(g: Drawing) -> int:
    """Return the last end of a range in the half that was drawn; 2^64 cannot be written."""
    return min(g.base + g.spaces.geometry.user_end, U64_MASK & ~0xFFF)


def _va_end(g: Drawing) -> int:
    """End a few pages on, at the end of this table or the next, or now and then anywhere."""
    choice, start = g.draw(), g.last_va
    if choice >= RARE:
        end = g.base + g.spaces.geometry.user_end
        special = (start, start - PAGE_SIZE, start + 1, end, end + PAGE_SIZE, U64_MASK & ~0xFFF)
        return special[g.draw() % len(special)] & U64_MASK
    how, more = choice % 4, choice // 4
    if how < 2:
        end = start + _RANGES[more % len(_RANGES)] * PAGE_SIZE
    else:
        size = g.spaces.geometry.sizes[2 + more % (g.world.levels - 1)]
        end = (start & -size) + size * (how - 1)
    return min(end, _last_page(g))


def _flush_end(g: Drawing) -> int:
    choice = g.draw()
    end = g.last_va + _FLUSHED[choice % len(_FLUSHED)] * PAGE_SIZE
    return (end if choice < SELDOM else g.last_va + choice % 2) & U64_MASK


def _length(g: Drawing) -> int:
    """Draw a length of device memory."""
    choice = g.draw()
    if choice >= SELDOM:
        return (0, 1, U64_MASK & ~0xFFF)[choice % 3]
    return choice % 4 * PAGE_SIZE


def _tiled_length(g: Drawing) -> int:
    """Draw a length from the address drawn before on: up to a huge page, or to the half's end."""
    choice = g.draw()
    left = max(PAGE_SIZE, _last_page(g) - g.last_va)
    if choice >= SELDOM:
        return (left + PAGE_SIZE, PAGE_SIZE - 1, U64_MASK & ~0xFFF)[choice % 3]
    if choice % 4 == 0:
        return min(left, g.spaces.geometry.sizes[2 + choice // 4 % 2])
    return min(left, _RANGES[choice // 4 % len(_RANGES)] * PAGE_SIZE)


def _tiled_paddr(g: Drawing) -> int:
    choice = g.draw()
    return g.pages[choice % len(g.pages)] * PAGE_SIZE if choice < SELDOM else 1


def _valid_va(g: Drawing) -> int:
    """Draw an address of the half, seldom any other; where another one would end the trace."""
    choice = g.draw()
    if choice >= SELDOM:
        return _va(g)
    g.last_va = g.base + g.vas[choice % len(g.vas)]
    return g.last_va


def _walked_va(g: Drawing) -> int:
    """Draw an address in what the tree drawn before maps, or any; seldom at a page's start."""
    choice, root = g.draw(), g.root
    if choice % 4 and root is not None:
        va = mapped_va(g, root, g.base & -g.spaces.geometry.sizes[root.level + 1])
        if va is not None:
            return va + (0, 8, 0x800, 4088, 0x1000)[choice % 5]
    return _va(g) + (0, 0, 8, 4088)[choice % 4] & U64_MASK


def _user_length(g: Drawing) -> int:
    choice = g.draw()
    lengths = (8, 16, 64, PAGE_SIZE, PAGE_SIZE + 8, 4, 0)
    return lengths[choice % len(lengths)] if choice < RARE else (U64_MASK, 1 << 47)[choice % 2]


def _chosen(words: tuple[Any, ...], seldom: Any) -> Callable[[Drawing], Any]:
    """Draw one of `words`, seldom the other."""
    amount = len(words)

    def generate(g: Drawing) -> Any:
        choice = g.draw()
        return words[choice % amount] if choice < SELDOM else seldom

    return generate


def _priv(g: Drawing) -> int:
    choice, place = g.draw(), g.place
    if choice >= 224 and (choice >= SELDOM or (place and place.tree.config.name != "kernel")):
        return _KERNEL_MARK
    return _PRIV[choice % len(_PRIV)]


SPACE_BY_TYPE: Final[dict[object, Callable[[Drawing], Any]]] = {
    Vaddr: _va,
    VaddrEnd: _va_end,
    ByteLength: _length,
    Level: lambda g: g.level,
    CpuNumber: lambda g: g.draw() % (g.world.cpus + (g.draw() >= RARE)),
    PageFlags: _chosen(_FLAGS, 0),
    PrivFlags: _priv,
    CachePolicy: _chosen(_CACHES, "WP"),
    CacheChange: _chosen(("keep", "keep", *_CACHES), "WP"),
    TableConfig: _chosen(_CONFIGS, "kernel_full"),
    FlushKind: _chosen(_FLUSHES, "all"),
    AccessKind: _chosen(("load", "load", "store"), "store"),
}


# -- trees: addresses drawn after them are of their half -------------------------------------------


def _used_table(g: Drawing) -> int:
    handle = g.pick(_PTABLE)
    tree = g.spaces.trees[handle]
    g.root, g.base = tree.root, tree.config.low
    return handle


def _used_space(g: Drawing) -> int:
    handle = g.pick(_VS)
    g.root, g.base = g.spaces.vm_spaces[handle].tree.root, 0
    return handle


def _is_active_here(g: Drawing, handle: int) -> bool:
    spaces = g.spaces
    space = spaces.vm_spaces[handle]
    g.root, g.base = space.tree.root, 0
    return spaces.active.get(spaces.cpu) is space


SPACE_BY_KIND: Final[dict[int, Callable[[Drawing], int]]] = {
    CURSOR: swarm_cursors.used_cursor(CURSOR),
    PTCURSOR: swarm_cursors.used_cursor(PTCURSOR),
    _PTABLE: _used_table,
    _VS: _used_space,
}


# -- plans -----------------------------------------------------------------------------------------


def _has_no_cursor(g: Drawing) -> bool:
    """Return whether another CPU may go on, or now and then that it is asked to."""
    return not (g.pools[CURSOR] or g.pools[PTCURSOR]) or g.draw() >= RARE


def _something_waits(g: Drawing) -> bool:
    """Return whether ending a grace period would end references, or rarely that it is tried."""
    return bool(g.spaces.waiting and _has_no_cursor(g)) or g.draw() >= RARE


def _runs_a_space(g: Drawing) -> bool:
    """Aim at what the current CPU runs, or now and then at nothing."""
    spaces = g.spaces
    space = spaces.active.get(spaces.cpu)
    g.root, g.base = space.tree.root if space is not None else None, 0
    return space is not None or g.draw() >= RARE


_ACTIVE_HERE: Final[Guard] = choose(_VS, _is_active_here)
_UNUSED_SPACE: Final[Guard] = choose(_VS, lambda g, vs: not g.spaces.vm_spaces[vs].tree.borrows)
_UNUSED_TABLE: Final[Guard] = choose(_PTABLE, lambda g, pt: not g.spaces.trees[pt].borrows)
_GUARDS: Final[dict[type, Guard]] = {
    vm_space.CpuSet: _has_no_cursor,
    rcu.RcuSync: _something_waits,
    mmu.Access: _runs_a_space,
    vm_space.VmspaceDrop: _UNUSED_SPACE,
    page_table.PtDrop: _UNUSED_TABLE,
    cursor.CursorMap: swarm_cursors.CAN_MAP,
    cursor.CursorMapIomem: swarm_cursors.CAN_MAP,
    cursor.CursorQuery: swarm_cursors.CAN_QUERY[CURSOR],
    page_table.PtCursorMap: swarm_cursors.CAN_MAP_ADDRESS,
    page_table.PtCursorMapFrame: swarm_cursors.CAN_MAP_FRAME,
    page_table.PtCursorQuery: swarm_cursors.CAN_QUERY[PTCURSOR],
    **dict.fromkeys(
        (
            cursor.CursorUnmap,
            cursor.CursorProtectNext,
            cursor.CursorFindIomem,
            cursor.CursorFlusherIssue,
            cursor.CursorFlusherDispatch,
            cursor.CursorFlusherSync,
        ),
        swarm_cursors.CAN_CHANGE,
    ),
}
_MAPS: Final = frozenset(
    {
        cursor.CursorMap,
        cursor.CursorMapIomem,
        page_table.PtCursorMap,
        page_table.PtCursorMapFrame,
    }
)


def _both(first: Guard | None, then: Guard) -> Guard:
    return lambda g: (first is None or first(g)) and then(g)


def space_plan(
    declaration: Declaration, guard: Guard | None, fields: Fields
) -> tuple[Guard | None, Fields]:
    """Return guard and generators of an op on address spaces or raw tables."""
    op = declaration.op
    special: dict[str, Callable[[Drawing], Any]] = {}
    is_at_cursor = {"cursor", "ptcursor"} & {f.name for f in declaration.handles}
    if op is cursor.CursorFlusherIssue:
        special = {"end": _flush_end}
    elif is_at_cursor:
        special = {"va": swarm_cursors.va_inside, "len": swarm_cursors.length_inside}
    elif declaration.area == "space_io":
        special = {"va": _walked_va, "len": _user_length}
    elif op in {page_table.PtPageWalk, mmu.Access}:
        special = {"va": _walked_va}
    elif op is page_table.PtLargestPages:
        special = {"va": _valid_va, "paddr": _tiled_paddr, "len": _tiled_length}
    if op in _MAPS:
        special["paddr"] = swarm_cursors.mapped_paddr
    if op in {cursor.CursorMapIomem, cursor.CursorFindIomem}:
        special |= swarm_cursors.DEVICE_FIELDS
    if declaration.area == "space_io":
        special["vs"], guard = last_of(_VS), _both(guard, _ACTIVE_HERE)
    elif op in _GUARDS:
        guard = _GUARDS[op]
        for f in declaration.handles[:1]:
            assert f.kind is not None
            special[f.name] = (taken if f.is_consumed else last_of)(KINDS.index(f.kind.name))
    names = [field.name for field in declaration.fields]
    return guard, tuple(special.get(name, draw) for name, draw in zip(names, fields, strict=True))
