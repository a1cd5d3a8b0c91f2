"""The contracts of opening, dropping and moving a cursor, and of its query."""

from typing import Any, Final

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call
from vmstore.contracts.cursor_terms import (
    are_nodes_locked,
    asked,
    cursor_inv,
    has_cursor,
    has_not_left,
    is_entry_inv,
    is_owner_inv,
    is_sound_after,
    is_sound_inv,
    is_tree_sound,
    keeps_entry,
    nodes_locked,
    was_entry_inv,
    was_sound,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.slot_inv import is_preserved, region_inv, same_parked, was_region_inv
from vmstore.contracts.space_terms import (
    GUARDS,
    Card,
    all_preserved,
    is_in_use,
    is_made,
    returned,
    same_in_list,
    succeeded,
)
from vmstore.contracts.universal import is_node_sound
from vmstore.contracts.values import CursorValue, SlotValue, is_insert, is_remove, unchanged

LEFT_OUT: Final[dict[str, str]] = {
    "OP.OPENC.ENS.7": "no node below the cursor is locked through it: " + GUARDS,
}


def opened(call: Call) -> CursorValue | None:
    """Return the cursor that the call opened, None without one."""
    return call.new.cursors.get(call.op.dst)


def _is_space_sound(call: Call) -> bool:
    root = call.old.roots.get(call.op.vs, -1)
    return root >= 0 and is_node_sound(root, call.before(root), call.world.rc_max)


def is_space_asked(call: Call) -> bool:
    """Return whether a cursor of a live space was asked for."""
    return call.op.vs in call.old.vm_spaces and is_made(call)


def _was_unused_is_no_frame(old: SlotValue, new: SlotValue) -> bool:
    return not is_in_use(old) and is_in_use(new) and new.usage != "Frame"


def _is_opened_inv(call: Call) -> bool:
    made = opened(call)
    return made is not None and cursor_inv(call, made)


def is_opened_locked(call: Call) -> bool:
    """Return whether a cursor was opened and holds the locks of its path."""
    made = opened(call)
    return made is not None and nodes_locked(made)


def _is_opened_inside(call: Call) -> bool:
    made = opened(call)
    return made is not None and not made.has_left


def _is_opened_sound(call: Call) -> bool:
    made = opened(call)
    return made is not None and is_tree_sound(call, call.new, made)


def _is_registered(call: Call) -> bool:
    op, made = call.op, opened(call)
    kind = "Mutable" if type(op).__name__ == "CursorOpenMut" else "ReadOnly"
    return (
        made is not None
        and asked(made) == (op.vs, kind, op.start, op.end)
        and is_insert(call.old.cursors, call.new.cursors, op.dst)
        and unchanged(call.old, call.new, "cursors")
    )


_OPEN: Final = Card(
    "OP.OPENC", "OpenCursor, OpenCursorMut", ("cursor_open", "cursor_open_mut"),
    "vm_space_cursor_embedded", returned, is_space_asked,
)  # fmt: skip
_OPENC = (
    _OPEN.line("REQ.1", "the space satisfied its invariant", _is_space_sound),
    _OPEN.line("REQ.2", "the region satisfied its invariant", was_region_inv),
    _OPEN.line("ENS.1", "the region satisfies its invariant", region_inv),
    _OPEN.line("ENS.2", "`slots` unchanged", same_parked),
    _OPEN.line("ENS.3", "in_list unchanged at every slot", same_in_list),
    _OPEN.line("ENS.4", "every slot that differs was UNUSED, is not any more, and no Frame",
               lambda c: c.every(_was_unused_is_no_frame)),
    *_OPEN.universal("ENS.5"),
    _OPEN.line("ENS.6", "the cursor satisfies its invariant", _is_opened_inv, succeeded),
    _OPEN.line("ENS.8", "the nodes of its path are locked", is_opened_locked, succeeded),
    _OPEN.line("ENS.9", "it has not been popped out of its range", _is_opened_inside, succeeded),
    _OPEN.line("ENS.10", "it is sound against the slots", _is_opened_sound, succeeded),
    _OPEN.line("STEP.1", "it is registered under a fresh id with space, kind and range as asked",
               _is_registered, succeeded),
    _OPEN.line("STEP.2", "without a cursor only slots may differ",
               lambda c: unchanged(c.old, c.new), lambda c: returned(c) and not c.is_ok),
    # It spins where another cursor is in the way, and panics without memory for its tables.
    _OPEN.returns(is_space_asked, fails("AX-18")),
)  # fmt: skip


def _only_cursor_goes(call: Call) -> bool:
    is_gone = is_remove(call.old.cursors, call.new.cursors, call.op.cursor)
    return is_gone and all_preserved(call) and unchanged(call.old, call.new, "cursors")


_DROP: Final = Card(
    "OP.DROPC", "DropCursor", ("cursor_drop",), "Cursor::drop", succeeded, has_cursor
)
_DROPC = (
    _DROP.line("ENS.1", "the cursor is registered no more, everything else is as it was",
               _only_cursor_goes),
    _DROP.returns(has_cursor),
)  # fmt: skip


# -- query ----------------------------------------------------------------------------------------


def _found(call: Call) -> dict[str, Any]:
    """Return the tracked frame that a query returned, empty for anything else."""
    item = call.value.get("item")
    return item if isinstance(item, dict) and item["kind"] == "ram" else {}


def _page(call: Call) -> int:
    page: int = _found(call)["paddr"] // PAGE_SIZE
    return page


def _is_some(call: Call) -> bool:
    return bool(_found(call))


def _is_none(call: Call) -> bool:
    return returned(call) and not _found(call)


def _counts_one_more(call: Call) -> bool:
    """The count at the moment of the return, when the caller has the item."""
    return bool(_found(call)["rc"] == call.before(_page(call)).rc + 1)


def _others_preserved(call: Call) -> bool:
    page = _page(call)
    return all(i == page or is_preserved(call.before(i), call.after(i)) for i in call.changed)


def _same_but_count(call: Call) -> bool:
    page = _page(call)
    return is_preserved(call.before(page)._replace(rc=0), call.after(page)._replace(rc=0))


def _frame_is_registered(call: Call) -> bool:
    fresh = call.new.frames.keys() - call.old.frames.keys()
    kept = {f: call.new.frames[f] for f in call.old.frames if f in call.new.frames}
    is_one = len(fresh) == 1 and call.new.frames[min(fresh)] == _found(call)["paddr"]
    return is_one and kept == call.old.frames and keeps_entry(call)


_QUERY: Final = Card("OP.QUERY", "Query", ("cursor_query",), "cursor_query_embedded", returned,
                     has_cursor)  # fmt: skip
_QUERIES = (
    _QUERY.line("REQ.1", "cursor and region satisfied their invariants, and it was sound",
                lambda c: was_entry_inv(c) and was_region_inv(c) and was_sound(c)),
    _QUERY.line("ENS.1", "the cursor satisfies its invariant", is_owner_inv),
    _QUERY.line("ENS.2", "the region satisfies its invariant", region_inv),
    _QUERY.line("ENS.3", "its nodes are locked, it has not been popped out of its range",
                lambda c: are_nodes_locked(c) and has_not_left(c)),
    _QUERY.line("ENS.4", "it is sound against the slots", is_sound_after),
    _QUERY.line("ENS.5", "`slots` unchanged", same_parked),
    *_QUERY.universal("ENS.6"),
    _QUERY.line("ENS.7", "None: every slot is preserved", all_preserved, _is_none),
    _QUERY.line("ENS.8", "Some: the address is that of a page",
                lambda c: c.value["item"]["paddr"] % PAGE_SIZE == 0
                and c.value["item"]["paddr"] < c.world.max_paddr, _is_some),
    _QUERY.line("ENS.9", "Some: the page's usage was Frame",
                lambda c: c.before(_page(c)).usage == "Frame", _is_some),
    _QUERY.line("ENS.10", "Some: the count is one more when the call returns", _counts_one_more,
                _is_some, {"ostd": "AX-20"}),
    _QUERY.line("ENS.11", "Some: the count is at most the largest",
                lambda c: c.after(_page(c)).rc <= c.world.rc_max, _is_some),
    _QUERY.line("ENS.12", "Some: every other slot is preserved", _others_preserved, _is_some),
    _QUERY.line("ENS.13", "Some: nothing of the page's slot differs but the count",
                _same_but_count, _is_some),
    # Upstream lends the frame; what its twin clones is dropped by the caller before it goes on.
    _QUERY.line("STEP.1", "Some: a handle on the frame is registered, the cursor keeps its request",
                _frame_is_registered, _is_some, fails("AX-20")),
    _QUERY.returns(has_cursor, fails("AX-20")),
)  # fmt: skip

_NAV: Final = Card(
    "OP.NAV", "FindNext, Jump, ProtectNext",
    ("cursor_find_next", "cursor_jump", "cursor_protect_next"),
    "Cursor::{find_next, jump}, CursorMut::protect_next", returned, has_cursor,
)  # fmt: skip
_NAVIGATION = (
    _NAV.line("ENS.1", "the cursor keeps space, kind and range", keeps_entry),
    _NAV.line("ENS.2", "its entry satisfies its invariant", is_entry_inv),
    _NAV.line("ENS.3", "the region satisfies its invariant, the cursor is sound", is_sound_inv),
    _NAV.line("ENS.4", "`slots` and every slot preserved", all_preserved),
    *_NAV.universal("ENS.5"),
    # Misaligned, beyond the range, on a read-only cursor: the contract asks for none of it.
    _NAV.returns(has_cursor, fails("AX-45")),
)  # fmt: skip

CLAUSES: Final = _OPENC + _DROPC + _QUERIES + _NAVIGATION
