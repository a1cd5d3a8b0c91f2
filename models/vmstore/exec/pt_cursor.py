"""The ops on cursors of raw page tables: each calls the cursor and shows what came of it.

Source: `ostd/src/mm/page_table/cursor/mod.rs`.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.exec import cursor, cursor_edit, meta, pte
from vmstore.exec.cursor_edit import Fragment
from vmstore.exec.entry import Change, leaf_prop
from vmstore.exec.machine import Machine
from vmstore.exec.node import child_node, tracked_slot
from vmstore.exec.page_table import map_item
from vmstore.exec.pte import Prop
from vmstore.exec.rcu import rcu_drop
from vmstore.exec.space_state import Cursor
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
from vmstore.outcome import NOT_UNTYPED, OK, Blocked, Err, Ok, Outcome

NOTHING_FOUND: Final = Ok({"found": None})
NO_FRAGMENT: Final = Ok({"frag": None})


def pt_cursor_open(m: Machine, op: PtCursorOpen) -> Outcome:
    """Lock a range. Errors, in order: InvalidVaddrRange, UnalignedVaddr, blocked; panics."""
    return _open(m, op)


def pt_cursor_open_mut(m: Machine, op: PtCursorOpenMut) -> Outcome:
    """Lock a range, exactly as a read-only cursor does. Errors: as `pt_cursor_open`."""
    return _open(m, op)


def _open(m: Machine, op: PtCursorOpen | PtCursorOpenMut) -> Outcome:
    made = cursor.open_cursor(m, m.spaces.ptables[op.ptable], op.start, op.end)
    if isinstance(made, Err | Blocked):
        return made
    m.spaces.ptcursors[op.dst] = made
    return OK


def pt_cursor_drop(m: Machine, op: PtCursorDrop) -> Outcome:
    """Unlock the range. Errors: debug panic where an entry ends at 2^64."""
    cursor.drop_cursor(m, m.spaces.ptcursors.pop(op.ptcursor))
    return OK


def pt_cursor_query(m: Machine, op: PtCursorQuery) -> Outcome:
    """Read the current entry. Errors: InvalidVaddr at the end; debug panic at the last entry."""
    c = m.spaces.ptcursors[op.ptcursor]
    word = cursor.query(m, c)
    if word is None:
        return Err("InvalidVaddr", {"info": [c.va]})
    start, end = cursor.slot_of(m, c)
    item = None if pte.is_absent(word) else _shown_item(m, c, word, c.level)
    return Ok({"start": start, "end": end, "item": item})


def _shown_item(m: Machine, c: Cursor, word: int, level: int) -> dict[str, object]:
    return {
        "kind": "tracked" if c.config.is_tracked(word) else "untracked",
        "paddr": pte.leaf_paddr(c.geometry, word, level),
        "level": level,
        "prop": leaf_prop(m, word).shown(),
    }


def pt_cursor_find_next(m: Machine, op: PtCursorFindNext) -> Outcome:
    """Search the next mapping. Errors: as `cursor.find_next`."""
    c = m.spaces.ptcursors[op.ptcursor]
    return Ok({"found": c.va}) if cursor.find_next(m, c, op.len) else NOTHING_FOUND


def pt_cursor_jump(m: Machine, op: PtCursorJump) -> Outcome:
    """Move. Errors, in order: panic unless `va` is page aligned, InvalidVaddr out of range."""
    if not cursor.jump(m, m.spaces.ptcursors[op.ptcursor], op.va):
        return Err("InvalidVaddr", {"info": [op.va]})
    return OK


def pt_cursor_virt_addr(m: Machine, op: PtCursorVirtAddr) -> Outcome:
    """Read the address. No checks."""
    return Ok({"va": m.spaces.ptcursors[op.ptcursor].va})


def pt_cursor_map(m: Machine, op: PtCursorMap) -> Outcome:
    """Map a plain address. Errors: NotUntyped on a `user` table; panics as `map_item`."""
    c = m.spaces.ptcursors[op.ptcursor]
    if c.config.name == "user":
        return NOT_UNTYPED
    prop = Prop(op.flags, op.cache, op.priv)
    return _shown(m, c, map_item(m, c, op.paddr, op.level, prop, tracked=False), OK)


def pt_cursor_map_frame(m: Machine, op: PtCursorMapFrame) -> Outcome:
    """Map a frame. Errors: NotUntyped, the frame stays; panics as `map_item`.

    `user` tables take untyped frames, `kernel` tables any, `test` tables none.
    """
    c = m.spaces.ptcursors[op.ptcursor]
    slot = m.frames[op.frame]
    if c.config.name == "test" or (c.config.name == "user" and slot.vtable not in UNTYPED_KINDS):
        return NOT_UNTYPED
    del m.frames[op.frame]
    prop = Prop(op.flags, op.cache, op.priv)
    replaced = map_item(m, c, slot.index * PAGE_SIZE, 1, prop, tracked=True)
    if m.faults.blog_os_table_frame_double_free and slot.vtable == "pt":
        meta.drop_shared(m, slot)
    return _shown(m, c, replaced, OK)


def pt_cursor_take_next(m: Machine, op: PtCursorTakeNext) -> Outcome:
    """Cut out the next mapping or sub-tree and drop it by RCU. Errors: as `take_next`."""
    c = m.spaces.ptcursors[op.ptcursor]
    return _shown(m, c, cursor_edit.take_next(m, c, op.len), NO_FRAGMENT)


def _shown(m: Machine, c: Cursor, taken: Fragment | None, nothing: Outcome) -> Outcome:
    """Drop by RCU what was cut out, as the programs do, and return how they show it."""
    if taken is None:
        return nothing
    va, word, level, frames = taken
    if frames is not None:
        rcu_drop(m, [child_node(m, word).slot])
        size = c.geometry.sizes[level]
        return Ok({"frag": {"stray": {"va": va, "len": size, "num_frames": frames}}})
    slot = tracked_slot(m, c.config, level, word)
    if slot is not None:
        rcu_drop(m, [slot])
    return Ok({"frag": {"mapped": {"va": va, "item": _shown_item(m, c, word, level)}}})


def pt_cursor_protect_next(m: Machine, op: PtCursorProtectNext) -> Outcome:
    """Change the next mapping's property. Errors: as `protect_next`."""
    change = Change(op.set, op.clear, op.cache)
    span = cursor_edit.protect_next(m, m.spaces.ptcursors[op.ptcursor], op.len, change)
    return Ok({"range": list(span) if span else None, "calls": 1 if span else 0})
