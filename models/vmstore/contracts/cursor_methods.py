"""The contracts of a cursor's own methods that look: opening, dropping, query.

What values show of a table is what hangs below the cursor in its range.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call, is_identical
from vmstore.contracts.cursor_terms import (
    cursor_inv,
    cursor_of,
    has_cursor,
    is_same_tree,
    leaf_at,
    leaves_in,
    on_cursor,
    view_of,
)
from vmstore.contracts.cursors import is_opened_locked, is_space_asked, opened
from vmstore.contracts.registry import fails
from vmstore.contracts.slot_inv import is_preserved
from vmstore.contracts.space_terms import (
    Card,
    all_preserved,
    failed,
    is_denied,
    is_in_use,
    returned,
    same_paths,
    shape,
    succeeded,
)
from vmstore.contracts.values import CursorValue
from vmstore.ghost.vm_cursor import query_success_ensures
from vmstore.outcome import Abort, Panic

_TWO_CALLS: Final = "it compares two calls; CUR.QUERY.POST.2 and POST.4 determine each answer"
LEFT_OUT: Final[dict[str, str]] = {
    "CUR.NEW.PRE.1": "nothing is required",
    "CUR.NEW.PRE.2": "the ghost tree is the table here; OP.OPENC.REQ.1 and REQ.2 say the rest",
    "CUR.DROP.POST.1": "the locks of a cursor that is gone are in no value; an invariant over the"
    " running state says it",
    "CUR.QUERY.POST.7": _TWO_CALLS,
}


# -- opening --------------------------------------------------------------------------------------


def _is_valid(call: Call) -> bool:
    """Return whether the range is one of the user's half. Source: `is_valid_range`."""
    return bool(0 <= call.op.start < call.op.end <= shape(call).user_end)


def _is_aligned(call: Call) -> bool:
    return bool((call.op.start | call.op.end) % PAGE_SIZE == 0)


def _was_answered(call: Call) -> bool:
    return is_space_asked(call) and returned(call)


def _is_one_fault(call: Call) -> bool:
    return _was_answered(call) and (_is_aligned(call) or not _is_valid(call))


def _is_valid_asked(call: Call) -> bool:
    return _was_answered(call) and _is_valid(call)


def _stands_at_start(call: Call) -> bool:
    made = opened(call)
    return (
        made is not None
        and (made.va, made.level) == (made.start, made.guard_level)
        and (made.start, made.end) == (call.op.start, call.op.end)
        and cursor_inv(call, made)
    )


def _path_exists(call: Call) -> bool:
    """As many tables are new as were missing: with any at all the guard's is the last of them."""
    made = opened(call)
    if made is None or not made.tree.nodes:
        return False
    fresh = [i for i in call.changed if not is_in_use(call.before(i))]
    guard = made.tree.nodes[0]
    if guard.level != made.guard_level or not is_in_use(call.after(guard.page)):
        return False
    is_guard_new = guard.page in fresh and guard.children == 0
    return not fresh or (len(fresh) <= shape(call).levels - made.guard_level and is_guard_new)


def _locks_one_entry(call: Call) -> bool:
    made, g = opened(call), shape(call)
    return made is not None and made.guard_level == g.levels and made.end == g.sizes[g.levels]


_OPEN: Final = Card(
    "CUR.NEW", "Cursor::new", ("cursor_open", "cursor_open_mut"), "VmSpace::{cursor, cursor_mut}",
    succeeded, is_space_asked,
)  # fmt: skip
_OPENS = (
    _OPEN.line("POST.1", "AccessDenied iff it is no range of the user's half",
               lambda c: is_denied(c) != _is_valid(c), _is_one_fault),
    _OPEN.line("POST.2", "AccessDenied iff an end of a valid range is not page aligned",
               lambda c: is_denied(c) != _is_aligned(c), _is_valid_asked),
    _OPEN.line("POST.3", "it stands at the start of the range as asked, at its guard's level",
               _stands_at_start),
    _OPEN.line("POST.4", "nothing is mapped or unmapped", same_paths),
    _OPEN.line("POST.5", "an error: nothing differs", is_identical, failed),
    _OPEN.line("POST.6", "the tables down to the guard's exist, as many are new as were missing",
               _path_exists),
    _OPEN.line("POST.7", "the guard and every table below it that meets the range are locked",
               is_opened_locked),
    _OPEN.line("POST.8", "no count of a page that was in use differs",
               lambda c: c.every(lambda o, n: not is_in_use(o) or o.rc == n.rc)),
    # Its cursors have the root for a guard and lock one entry of it, which few ranges are.
    _OPEN.line("POST.9", "the guard is the root, the range its first entry", _locks_one_entry,
               known=fails("AX-19")),
    _OPEN.line("POST.10", "every slot in use is preserved",
               lambda c: c.every(lambda o, n: not is_in_use(o) or is_preserved(o, n))),
)  # fmt: skip

_DROP: Final = Card(
    "CUR.DROP", "Cursor::drop", ("cursor_drop",), "Cursor::drop", succeeded, has_cursor
)
_DROPS = (
    _DROP.line("POST.2", "no table, leaf or count differs", lambda c: not c.changed),
    _DROP.line("POST.3", "what waits to be flushed is forgotten, not flushed",
               lambda c: c.old.cached == c.new.cached),
)  # fmt: skip


# -- query ----------------------------------------------------------------------------------------


def _saturates_rightly(call: Call) -> bool:
    """A query that ends the run was of a frame whose count had no room."""
    outcome = call.outcome
    if not isinstance(outcome, Panic | Abort):
        return True
    if outcome.code != "ref-count-saturated":
        return False
    old = cursor_of(call)
    leaf = leaf_at(old, old.va) if old is not None and old.va < old.end else None
    if leaf is None or not leaf.is_tracked:
        return False
    clones = call.world.variant("query_item") == "clones"
    return call.old.at(leaf.paddr).rc + clones >= call.world.rc_max


def _descends(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    return is_same_tree(old, new) and old.va == new.va and new.level <= old.level


def _is_slot(call: Call, old: CursorValue, _new: CursorValue) -> bool:
    start, end = call.value["start"], call.value["end"]
    size = end - start
    return size in shape(call).sizes[1:-1] and start % size == 0 and start <= old.va < end


def _shows_leaf(call: Call, old: CursorValue, _new: CursorValue) -> bool:
    item, leaf = call.value["item"], leaf_at(old, old.va)
    if item is None or leaf is None:
        return item is None and leaf is None
    prop = tuple(item["prop"][name] for name in ("flags", "cache", "priv"))
    shown = (item["paddr"], call.value["start"], call.value["end"], prop)
    return shown == (leaf.paddr, leaf.va, leaf.va + leaf.size, leaf.prop)


def _shows_hole(call: Call, old: CursorValue, _new: CursorValue) -> bool:
    return not leaves_in(old, call.value["start"], call.value["end"])


def _is_of_view(call: Call, old: CursorValue, _new: CursorValue) -> bool:
    item, view = call.value["item"], view_of(call, old)
    if item is None:
        return not view.present()
    prop = tuple(item["prop"][name] for name in ("flags", "cache", "priv"))
    found = (call.value["start"], call.value["end"])
    return query_success_ensures(view, found, (item["paddr"], found[1] - found[0], prop))


def _same_view(call: Call, old: CursorValue, new: CursorValue) -> bool:
    return view_of(call, old) == view_of(call, new)


def _shows_right_kind(call: Call, old: CursorValue, _new: CursorValue) -> bool:
    leaf = leaf_at(old, old.va)
    kind = "ram" if leaf is not None and leaf.is_tracked else "iomem"
    return leaf is not None and bool(call.value["item"]["kind"] == kind)


def _is_hole(call: Call) -> bool:
    return call.is_ok and call.value["item"] is None


def _is_item(call: Call) -> bool:
    return call.is_ok and call.value["item"] is not None


def _is_at_end(call: Call) -> bool:
    old = cursor_of(call)
    return old is not None and old.va >= old.end


_QUERY: Final = Card(
    "CUR.QUERY", "Cursor::query", ("cursor_query",), "Cursor::query", succeeded, has_cursor
)
_QUERIES = (
    _QUERY.line("PRE.1", "where it does not return, the frame's count had no room",
                _saturates_rightly),
    _QUERY.line("POST.1", "AccessDenied iff the cursor was at its end",
                lambda c: is_denied(c) == _is_at_end(c), returned),
    _QUERY.line("POST.2", "position, range and tables unchanged, the level no higher",
                on_cursor(_descends)),
    _QUERY.line("POST.3", "the range is that of an entry around the cursor", on_cursor(_is_slot)),
    _QUERY.line("POST.4", "there is an item iff a leaf maps the position, and it is that leaf's",
                on_cursor(_shows_leaf)),
    _QUERY.line("POST.5", "no item: no leaf meets the range", on_cursor(_shows_hole), _is_hole),
    _QUERY.line("POST.6", "no count differs once the caller has dropped the item", all_preserved),
    _QUERY.line("POST.8", "there is an item iff the view has one, whose range is returned",
                on_cursor(_is_of_view)),
    _QUERY.line("POST.9", "the view is the same", on_cursor(_same_view)),
)  # fmt: skip
_SPACE_QUERY: Final = Card(
    "VMS.QUERY", "Cursor::query", ("cursor_query",), "vm_space::Cursor::query", succeeded
)
_SPACE_QUERIES = (
    _SPACE_QUERY.line("POST.1", "an item without a counted reference is device memory",
                      on_cursor(_shows_right_kind), _is_item),
)  # fmt: skip

CLAUSES: Final = _OPENS + _DROPS + _QUERIES + _SPACE_QUERIES
