"""Rules of the ops on cursors of raw page tables."""

from vmstore.arch import PAGE_SIZE
from vmstore.ids import UNTYPED_KINDS
from vmstore.ops.page_table import (
    PtCursorDrop,
    PtCursorFindNext,
    PtCursorJump,
    PtCursorMap,
    PtCursorMapFrame,
    PtCursorOpen,
    PtCursorOpenMut,
    PtCursorProtectNext,
    PtCursorQuery,
    PtCursorTakeNext,
    PtCursorVirtAddr,
)
from vmstore.outcome import NOT_UNTYPED, OK, Err, Ok, Outcome
from vmstore.view.edit import Cut, change, take
from vmstore.view.page_table import map_item
from vmstore.view.predict import predicted
from vmstore.view.state import View
from vmstore.view.tables import Leaf, Place, Table, shown, small_pages, tracked
from vmstore.view.walk import close_place, look, move, open_place, search, span


@predicted
def pt_cursor_open(v: View, op: PtCursorOpen) -> Outcome:
    """A cursor over the range, unless the range is bad or somebody is in the way."""
    return _open(v, op)


@predicted
def pt_cursor_open_mut(v: View, op: PtCursorOpenMut) -> Outcome:
    """The same as a read-only cursor."""
    return _open(v, op)


def _open(v: View, op: PtCursorOpen | PtCursorOpenMut) -> Outcome:
    made = open_place(v, v.spaces.trees[op.ptable], op.start, op.end)
    if not isinstance(made, Place):
        return made
    v.spaces.ptcursors[op.dst] = made
    v.spaces.place(op.dst)
    v.spaces.touch_tree(op.ptable)
    return OK


@predicted
def pt_cursor_drop(v: View, op: PtCursorDrop) -> Outcome:
    """The range is free again; mappings stay."""
    place = v.spaces.place(op.ptcursor)
    del v.spaces.ptcursors[op.ptcursor]
    close_place(v, place)
    return OK


@predicted
def pt_cursor_query(v: View, op: PtCursorQuery) -> Outcome:
    """The mapping or hole around the cursor, which does not move; an error at the end."""
    place = v.spaces.place(op.ptcursor)
    if place.va >= place.end:
        return Err("InvalidVaddr", {"info": [place.va]})
    entry = look(v, place)
    start, end = span(v, place)
    item = _item(entry, place.level) if isinstance(entry, Leaf) else None
    return Ok({"start": start, "end": end, "item": item})


def _item(leaf: Leaf, level: int) -> dict[str, object]:
    return {
        "kind": "tracked" if leaf.is_tracked else "untracked",
        "paddr": leaf.paddr,
        "level": level,
        "prop": shown(leaf.prop),
    }


@predicted
def pt_cursor_find_next(v: View, op: PtCursorFindNext) -> Outcome:
    """Where the next mapping within `len` begins, or the cursor inside of it; or nothing."""
    place = v.spaces.place(op.ptcursor)
    return Ok({"found": None if search(v, place, op.len) is None else place.va})


@predicted
def pt_cursor_jump(v: View, op: PtCursorJump) -> Outcome:
    """The cursor is at `va`, or where it was when that is out of its range."""
    is_inside = move(v, v.spaces.place(op.ptcursor), op.va)
    return OK if is_inside else Err("InvalidVaddr", {"info": [op.va]})


@predicted
def pt_cursor_virt_addr(v: View, op: PtCursorVirtAddr) -> Outcome:
    """The cursor's address; nothing changes."""
    return Ok({"va": v.spaces.place(op.ptcursor).va})


@predicted
def pt_cursor_map(v: View, op: PtCursorMap) -> Outcome:
    """One more mapping, of a plain address; `user` tables have none."""
    place = v.spaces.place(op.ptcursor)
    if place.tree.config.name == "user":
        return NOT_UNTYPED
    prop = (op.flags, op.cache, op.priv)
    return _let_go(v, map_item(v, place, op.paddr, op.level, prop, tracked=False), OK)


@predicted
def pt_cursor_map_frame(v: View, op: PtCursorMapFrame) -> Outcome:
    """One more mapping, of a frame: H - 1, P + 1."""
    place = v.spaces.place(op.ptcursor)
    kind, _ = v.page(v.store.owner_at(v.store.frames[op.frame]))
    name = place.tree.config.name
    if name == "test" or (name == "user" and kind not in UNTYPED_KINDS):
        return NOT_UNTYPED
    paddr = v.store.extract_frame(op.frame).index * PAGE_SIZE
    prop = (op.flags, op.cache, op.priv)
    return _let_go(v, map_item(v, place, paddr, 1, prop, tracked=True), OK)


@predicted
def pt_cursor_take_next(v: View, op: PtCursorTakeNext) -> Outcome:
    """One mapping or table less; its references are let go of."""
    return _let_go(v, take(v, v.spaces.place(op.ptcursor), op.len), Ok({"frag": None}))


def _let_go(v: View, cut: Cut | None, nothing: Outcome) -> Outcome:
    """Let go of what was cut out, and return how it is shown."""
    if cut is None:
        return nothing
    va, level, entry = cut
    if isinstance(entry, Table):
        size = v.spaces.geometry.sizes[level]
        v.let_go([v.store.owner(entry.page)])
        return Ok({"frag": {"stray": {"va": va, "len": size, "num_frames": small_pages(entry)}}})
    owner = tracked(v.store, entry)
    if owner is not None:
        v.let_go([owner])
    return Ok({"frag": {"mapped": {"va": va, "item": _item(entry, level)}}})


@predicted
def pt_cursor_protect_next(v: View, op: PtCursorProtectNext) -> Outcome:
    """The next mapping has other flags; what it maps stays."""
    covered = change(v, v.spaces.place(op.ptcursor), op.len, (op.set, op.clear, op.cache))
    return Ok({"range": list(covered) if covered else None, "calls": 1 if covered else 0})
