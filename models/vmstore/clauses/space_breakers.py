"""Breaks each clause on page tables, cursors, spaces and CPUs on purpose; see `breakers`.

The scene, with 4 entries per table: `vs0`, active on CPU 0, maps three frames, one of them also
under a segment, and a page of device memory, below the cursor `c0`; a table with a frame was cut
out of it and waits for the grace period; CPU 0 has accessed two of the frames. `vs1`, active on
CPU 1, is empty below `c1`. The raw table `pt0` maps a huge page, in which `pc0` was opened.
"""

from collections.abc import Callable
from typing import Any, Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.exec import pte
from vmstore.exec.space_state import Cursor, OpsStack, VmSpace
from vmstore.node_cells import Node
from vmstore.ops import BY_NAME, Op
from vmstore.owner import SlotOwner
from vmstore.step import State

UNDER_SEGMENT, MAPPED, ALSO_MAPPED, CUT = 4, 11, 12, 13  # pages of frames
_P: Final = PAGE_SIZE

Breaker = Callable[[State], object]

_RW: Final = {"flags": 3, "cache": "WB"}
_SCENE: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("frame_from_unused", {"dst": 10, "paddr": MAPPED * _P, "meta": "umeta"}),
    ("frame_clone", {"dst": 11, "frame": 10}),
    ("frame_from_unused", {"dst": 12, "paddr": ALSO_MAPPED * _P}),
    ("frame_from_unused", {"dst": 13, "paddr": CUT * _P}),
    ("frame_from_in_use", {"dst": 14, "paddr": UNDER_SEGMENT * _P}),
    ("host_rcu_mode", {"deferred": True}),
    ("vmspace_new", {"dst": 0}),
    ("vmspace_new", {"dst": 1}),
    ("cpu_set", {"cpu": 1}),
    ("vmspace_activate", {"vs": 1}),
    ("cpu_set", {"cpu": 0}),
    ("vmspace_activate", {"vs": 0}),
    ("cursor_open_mut", {"dst": 0, "vs": 0, "start": 0, "end": 8 * _P}),
    ("cursor_jump", {"cursor": 0, "va": 4 * _P}),
    ("cursor_map", {"cursor": 0, "frame": 13, **_RW}),
    ("cursor_jump", {"cursor": 0, "va": 0}),
    ("cursor_unmap", {"cursor": 0, "len": 8 * _P}),
    ("cursor_jump", {"cursor": 0, "va": 0}),
    ("cursor_map", {"cursor": 0, "frame": 14, **_RW}),
    ("cursor_map", {"cursor": 0, "frame": 11, **_RW}),
    ("cursor_map", {"cursor": 0, "frame": 12, **_RW}),
    ("cursor_map_iomem", {"cursor": 0, "paddr": 1 << 32, "size": _P, "len": _P, "offset": 0,
                          **_RW}),
    ("cursor_jump", {"cursor": 0, "va": _P}),
    ("cursor_query", {"cursor": 0}),
    ("cursor_flusher_issue", {"cursor": 0, "kind": "single", "va": _P}),
    ("access", {"va": 0, "kind": "load"}),
    ("access", {"va": _P + 8, "kind": "store"}),
    ("cursor_open", {"dst": 1, "vs": 1, "start": 0, "end": _P}),
    ("pt_new", {"dst": 0, "config": "test"}),
    ("pt_cursor_open_mut", {"dst": 1, "ptable": 0, "start": 0, "end": 32 * _P}),
    ("pt_cursor_map", {"ptcursor": 1, "paddr": 4 * _P, "level": 2, **_RW}),
    ("pt_cursor_drop", {"ptcursor": 1}),
    ("pt_cursor_open_mut", {"dst": 0, "ptable": 0, "start": 0, "end": _P}),
)  # fmt: skip


def space_scene() -> list[Op]:
    """Return the ops that build the part of the scene with address spaces."""
    return [BY_NAME[name].make(values) for name, values in _SCENE]


def _space(state: State, vs: int = 0) -> VmSpace:
    return state.machine.spaces.vm_spaces[vs]


def _cursor(state: State, handle: int = 0) -> Cursor:
    return state.machine.spaces.cursors[handle].inner


def _inside(state: State) -> Cursor:
    """Return the cursor that was opened in a huge page."""
    return state.machine.spaces.ptcursors[0]


def _queue(state: State) -> OpsStack:
    queue = state.machine.spaces.cursors[0].queue
    assert queue is not None
    return queue


def node(state: State, level: int, vs: int = 0) -> Node:
    """Return the first node of a level in a space."""
    found = _space(state, vs).table.root
    while found.level > level:
        found = state.machine.nodes.node(pte.child_paddr(found.word(0)) // _P)
    return found


def _raw_root(state: State) -> Node:
    return state.machine.spaces.ptables[0].root


def _above_leaf(state: State) -> Node:
    guard = _inside(state).path[2]
    assert guard is not None
    return guard


def _cut(state: State) -> Node:
    return state.machine.nodes.node(state.machine.spaces.callbacks[0][0].index)


def _set(find: Callable[[State], object], **fields: object) -> Breaker:
    def damage(state: State) -> None:
        for name, value in fields.items():
            setattr(find(state), name, value)

    return damage


def _add(find: Callable[[State], object], **fields: int) -> Breaker:
    def damage(state: State) -> None:
        for name, value in fields.items():
            setattr(find(state), name, getattr(find(state), name) + value)

    return damage


def _word(
    find: Callable[[State], Node], index: int, change: Callable[[State, int], int]
) -> Breaker:
    def damage(state: State) -> None:
        found = find(state)
        found.words[index] = change(state, found.word(index))

    return damage


def _leaf(state: State) -> Node:
    return node(state, 1)


def _second(state: State) -> Node:
    return node(state, 2)


def _empty(state: State) -> Node:
    return node(state, 1, vs=1)


def _child_again(state: State, _: int) -> int:
    return _second(state).word(0)


def _page_again(state: State, _: int) -> int:
    return _leaf(state).word(1)


def _to_page(page: int) -> Callable[[State, int], int]:
    return lambda _, word: word & ~pte.ADDRESS | page * _P


def _path(level: int, to: Callable[[State], Node | None], of: Callable[[State], Cursor]) -> Breaker:
    def damage(state: State) -> None:
        of(state).path[level] = to(state)

    return damage


def _frame(state: State) -> SlotOwner:
    return state.view.store.owner(MAPPED)


def _cpu(state: State) -> object:
    return state.machine.spaces.cpus[0]


def _keep_without_flush(state: State) -> None:
    _queue(state).ops.clear()
    _queue(state).pages = 0
    _queue(state).keeper.append(state.machine.cells.slot(MAPPED))


def _twice_recorded(state: State) -> None:
    _space(state).iomems.append(_space(state).iomems[0])


def _cached(state: State, page: int, *, like: int) -> None:
    """Let CPU 0 cache for one page what it caches for another."""
    tlbs = state.machine.tlbs
    tlbs.fill(0, page, tlbs.cpus[0][like])


SPACE_BREAKERS: Final[dict[str, Breaker]] = {
    "PT.INV.1": _set(lambda s: _space(s).table.root, stray=True),
    "PT.INV.2": _set(_leaf, level=2),
    "PT.INV.3": _word(_leaf, 0, _child_again),
    "PT.INV.4": _word(_second, 2, _child_again),
    "PT.INV.5": _add(_leaf, children=1),
    "PT.INV.6": _set(_leaf, children=99),
    "PT.INV.7'": _add(lambda s: _space(s).table.root.slot, ref_count=1),
    "PT.INV.8": _set(_leaf, stray=True),
    "PT.INV.9": _word(_above_leaf, 0, lambda _, word: word | _P),
    "PT.INV.10": _word(lambda s: _space(s).table.root, 3, lambda _s, _w: 0),
    "PT.INV.11": _word(_second, 3, _page_again),
    "PT.INV.12": _set(lambda s: s.machine.cells.slot(MAPPED), ref_count=0),
    "PT.INV.13": lambda s: _space(s).iomems.clear(),
    "PT.INV.14": _set(_cut, locked=True),
    "PT.INV.16": _word(_empty, 1, lambda _s, _w: 1 << 9),
    "VIEW.INV.2'": _word(_leaf, 1, lambda s, w: w & ~pte.ADDRESS | s.world.max_paddr),
    "VIEW.INV.4'": _word(_raw_root, 3, _page_again),
    "VIEW.INV.6": _add(_frame, mappings=1),
    "VIEW.INV.8": _word(_leaf, 1, _to_page(ALSO_MAPPED)),
    "MR.INV.1'": _set(lambda s: _leaf(s).slot, vtable="unit"),
    "MR.INV.3'": _set(_frame, usage="Kernel"),
    "MR.INV.4": _set(_frame, paths=frozenset({(0, 0)})),
    "MR.INV.5'": _word(_second, 3, _page_again),
    "LOCK.INV.1": _set(_leaf, locked=False),
    "VIEW.NODE": lambda s: s.view.spaces.tables.pop(_leaf(s).index),
    "VIEW.PT": _word(_leaf, 2, lambda _, word: word ^ pte.WRITABLE),
    "CURS.2": _path(1, _leaf, _inside),
    "CURS.3'": _set(_above_leaf, locked=False),
    "CURS.4": _set(_cursor, level=3),
    "STRUCT.08": lambda s: s.view.store.vm_spaces.pop(1),
    "CUR.INV.1": _set(_cursor, guard_level=5),
    "CUR.INV.2'": _set(_cursor, va=9 * _P),
    "CUR.INV.3": _add(_cursor, va=1),
    "CUR.INV.4": _path(1, lambda _: None, _cursor),
    "CUR.INV.5'": _path(1, _empty, _cursor),
    "CUR.INV.6": _set(_cursor, end=32 * _P),
    "CUR.INV.7": _set(_cursor, end=4 * _P),
    "CUR.INV.8": _set(_cursor, start=_P),
    "CUR.INV.9'": _set(_cursor, va=4 * _P),
    "CUR.INV.10'": _path(2, lambda s: _cursor(s).path[2], lambda s: _cursor(s, 1)),
    "CUR.INV.12": _path(1, lambda s: _cursor(s).path[2], _cursor),
    "LOCK.INV.2'": _set(_leaf, locked=False),
    "XTRA.6": lambda s: setattr(_cursor(s, 1), "table", _cursor(s).table),
    "TLB.INV.1": _add(_queue, pages=40),
    "TLB.INV.2": _keep_without_flush,
    "VIEW.CUR": _add(_cursor, va=_P),
    "VIEW.QUEUE": lambda s: _queue(s).ops.append(_queue(s).ops[0]),
    "XTRA.3": _word(_leaf, 1, lambda _s, _w: 0),
    "VMS.INV.1": lambda s: _space(s).cpus.clear(),
    "VMS.INV.2": _add(_space, strong=1),
    "VMS.INV.3": lambda s: setattr(_cpu(s), "root", _space(s, 1).table.root),
    "VMS.INV.4": _twice_recorded,
    "TLB.INV.4": lambda s: s.machine.spaces.cpus[1].queue.ops.append(_P | 1),
    "XTRA.11": lambda s: s.machine.spaces.callbacks.clear(),
    "TLB.1'": lambda s: _cached(s, 2 * _P + 1, like=_P),
    "TLB.3": lambda s: _cached(s, 2 * _P, like=_P),
    "XTRA.7": lambda s: _cached(s, 5 * _P, like=_P),
    "TLB.REQ.2": _set(lambda s: s.machine.cells.slot(MAPPED), ref_count=REF_COUNT_UNUSED),
    "VIEW.TLB": lambda s: s.machine.tlbs.evict_all(0),
    "VIEW.SPACE": _add(lambda s: _space(s).table, borrows=1),
    "VIEW.CPU": lambda s: s.view.spaces.active.pop(1),
    "VIEW.HANDLES": lambda s: s.machine.spaces.cursors.pop(1),
    "VIEW.RCU": lambda s: s.machine.spaces.callbacks.append([]),
    "VIEW.POOL": _add(lambda s: s.machine.spaces.pool, next=1),
}
