"""The contracts of a cursor's own methods that move it: find, jump, protect."""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call
from vmstore.contracts.cursor_terms import (
    ENCODED_FLAGS,
    asked,
    cursor_of,
    has_cursor,
    is_entry_inv,
    is_mutable,
    is_same_place,
    is_same_tree,
    keeps_entry,
    leaf_at,
    leaves_in,
    length_panic,
    mutated,
    on_cursor,
    panics_iff,
    view_of,
)
from vmstore.contracts.slot_inv import region_inv
from vmstore.contracts.space_terms import (
    Card,
    failed,
    is_denied,
    panicked,
    returned,
    shape,
    succeeded,
)
from vmstore.contracts.values import CursorValue, LeafValue
from vmstore.ghost.vm_cursor import in_locked_range, jump_panic_condition
from vmstore.ids import Prop

_FIND_NEXT_IMPL: Final = (
    "it speaks of a step inside of the calls that search; their own lines say what is seen"
)
LEFT_OUT: Final[dict[str, str]] = {
    **{f"CUR.FINDI.POST.{number}": _FIND_NEXT_IMPL for number in range(1, 6)},
    "CUR.PROT.POST.4": "how often the caller's function is called is not to be seen in values",
}


def _length_due(call: Call, cursor: CursorValue) -> str | None:
    return length_panic(cursor, call.op.len)


def missed(call: Call, old: CursorValue) -> bool:
    """Return whether no leaf meets the bytes that a search was given."""
    return not leaves_in(old, old.va, old.va + call.op.len)


def stops_behind(call: Call, old: CursorValue, new: CursorValue) -> bool:
    """Return whether a search that found nothing ended behind the bytes, over nothing mapped."""
    is_behind = old.va + call.op.len <= new.va <= old.end
    return is_behind and not leaves_in(old, old.va, new.va)


# -- find_next ------------------------------------------------------------------------------------


def _is_found(call: Call) -> bool:
    return call.is_ok and call.value["found"] is not None


def _is_miss(call: Call) -> bool:
    return call.is_ok and call.value["found"] is None


def _found_leaf(call: Call, old: CursorValue, new: CursorValue) -> bool:
    found = call.value["found"]
    leaf = leaf_at(old, new.va)
    return (
        found == new.va
        and old.va <= new.va < old.va + call.op.len
        and leaf is not None
        and leaf.size == shape(call).sizes[new.level]
        and not leaves_in(old, old.va, new.va)
    )


def _found_start(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    leaf = leaf_at(old, new.va)
    return leaf is not None and new.va in (leaf.va, old.va)


def _found_frame(call: Call, old: CursorValue, new: CursorValue) -> bool:
    leaf = leaf_at(new, new.va)
    was = leaf_at(old, old.va)
    return (
        call.value["found"] == new.va
        and new.level <= new.guard_level
        and in_locked_range(new)
        and leaf is not None
        and (was is None or was.prop == leaf.prop)
    )


def _none_begins_before(call: Call, old: CursorValue, new: CursorValue) -> bool:
    is_early = any(old.va <= m.va_start < new.va for m in view_of(call, old).mappings)
    has_moved = call.value["found"] is not None and new.va > old.va
    return not is_early and not (has_moved and view_of(call, old).present())


def _ends_a_slot(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    return new.va == old.end or new.va % PAGE_SIZE == 0


def _same_tree(call: Call, old: CursorValue, new: CursorValue) -> bool:
    return is_same_tree(old, new) and not call.changed


_FIND: Final = Card(
    "CUR.FIND", "Cursor::find_next", ("cursor_find_next",), "Cursor::find_next", succeeded,
    has_cursor,
)  # fmt: skip
_FINDS = (
    _FIND.line("PRE.1", "it panics iff the length is not page aligned",
               panics_iff(_length_due, "len-unaligned")),
    _FIND.line("PRE.2", "or else iff it reaches beyond the range",
               panics_iff(_length_due, "len-beyond-barrier")),
    _FIND.line("POST.1", "no table, leaf or count differs", on_cursor(_same_tree)),
    _FIND.line("POST.2", "found: the first leaf in the bytes, where the cursor stands now",
               on_cursor(_found_leaf), _is_found),
    _FIND.line("POST.3", "found: the leaf's start, or where the cursor was inside of it",
               on_cursor(_found_start), _is_found),
    _FIND.line("POST.4", "nothing is found iff no leaf meets the bytes",
               on_cursor(lambda c, old, _: _is_miss(c) == missed(c, old))),
    _FIND.line("POST.5", "nothing found: the cursor is behind the bytes, and met no leaf",
               on_cursor(stops_behind), _is_miss),
    _FIND.line("POST.6", "nothing found: it is at the end of an entry, or of its range",
               on_cursor(_ends_a_slot), lambda c: _is_miss(c) and c.op.len > 0),
    _FIND.line("POST.7", "no bytes: nothing is found, nothing differs",
               on_cursor(lambda c, old, new: _is_miss(c) and is_same_place(old, new)),
               lambda c: c.is_ok and c.op.len == 0),
    _FIND.line("POST.8", "found: the cursor stands on a frame in its range, below its guard",
               on_cursor(_found_frame), _is_found),
    _FIND.line("POST.9", "nothing found: the cursor is behind the bytes, the view the same",
               on_cursor(lambda c, old, new: new.va >= old.va + c.op.len
                         and view_of(c, old).mappings == view_of(c, new).mappings), _is_miss),
    _FIND.line("POST.10", "no mapping begins where the cursor passed",
               on_cursor(_none_begins_before)),
)  # fmt: skip


# -- jump -----------------------------------------------------------------------------------------


def _jump_due(call: Call, _cursor: CursorValue) -> str | None:
    return "va-unaligned" if call.op.va % PAGE_SIZE else None


def _is_in_range(call: Call) -> bool:
    old = cursor_of(call)
    return old is not None and bool(old.start <= call.op.va < old.end)


def _lands(call: Call, old: CursorValue, new: CursorValue) -> bool:
    """It stands in the lowest table, at its level or above, that has both addresses."""
    shifts = shape(call).shifts
    levels = range(old.level, old.guard_level + 1)
    target = call.op.va
    above = [x for x in levels if old.va >> shifts[x + 1] == target >> shifts[x + 1]]
    is_back = old.va == old.end and call.world.variant("jump_from_end") == "allowed"
    expected = old.guard_level if is_back else min(above, default=None)
    return new.va == target and new.level == expected


def _panics_rightly(call: Call) -> bool:
    old = cursor_of(call)
    if returned(call) or old is None:
        return True
    return jump_panic_condition(shape(call).sizes, old, call.op.va)


_JUMP: Final = Card(
    "CUR.JUMP", "Cursor::jump", ("cursor_jump",), "Cursor::jump", succeeded, has_cursor
)
_JUMPS = (
    _JUMP.line("PRE.1", "it panics iff the target is not page aligned, wherever that is",
               panics_iff(_jump_due, "va-unaligned")),
    _JUMP.line("POST.1", "it succeeds iff the target is in the range",
               lambda c: c.is_ok == _is_in_range(c) != is_denied(c), returned),
    _JUMP.line("POST.2", "the cursor is at the target, as far up as it has to be",
               on_cursor(_lands)),
    _JUMP.line("POST.3", "an error: nothing differs",
               on_cursor(lambda _, old, new: is_same_place(old, new)), failed),
    _JUMP.line("POST.4", "no table, leaf or count differs", on_cursor(_same_tree), returned),
    _JUMP.line("POST.5", "it panics only misaligned, or into no table below its guard",
               _panics_rightly, has_cursor),
)  # fmt: skip


# -- protect_next ---------------------------------------------------------------------------------


def _is_protected(call: Call) -> bool:
    return mutated(call) and call.value["range"] is not None


def _none_protected(call: Call) -> bool:
    return mutated(call) and call.value["range"] is None


def _first_leaf(call: Call, old: CursorValue) -> LeafValue | None:
    return next(iter(leaves_in(old, old.va, old.va + call.op.len)), None)


def _misses_rightly(call: Call, old: CursorValue, new: CursorValue) -> bool:
    if not _none_protected(call):
        return not missed(call, old)
    return missed(call, old) and stops_behind(call, old, new) and is_same_tree(old, new)


def _covers_leaf(call: Call, old: CursorValue, new: CursorValue) -> bool:
    start, end = call.value["range"]
    leaf = _first_leaf(call, old)
    return (
        leaf is not None
        and (start, end) == (leaf.va, leaf.va + leaf.size)
        and old.va <= start
        and end <= old.va + call.op.len
        and new.va == end
    )


def _changed_prop(call: Call, prop: Prop) -> Prop:
    op = call.op
    flags = (prop[0] | op.set) & ~op.clear & ENCODED_FLAGS
    return flags, prop[1] if op.cache == "keep" else op.cache, prop[2]


def _one_prop_differs(call: Call, old: CursorValue, new: CursorValue) -> bool:
    leaf = _first_leaf(call, old)
    expected = tuple(
        x._replace(prop=_changed_prop(call, x.prop)) if x == leaf else x for x in old.tree.leaves
    )
    return new.tree.leaves == expected


def _only_props_differ(call: Call, old: CursorValue, new: CursorValue) -> bool:
    is_same = old.tree.nodes == new.tree.nodes and asked(old) == asked(new)
    return is_same and not call.changed and call.old.cached == call.new.cached


def _same_priv(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    was, now = (
        [(leaf.at, leaf.prop[2], leaf.is_tracked) for leaf in cursor.tree.leaves]
        for cursor in (old, new)
    )
    return was == now


def _cannot_encode(call: Call) -> bool:
    return is_mutable(call) and panicked(call, "cache-policy-unsupported")


def _stands_at_it(call: Call, old: CursorValue, new: CursorValue) -> bool:
    leaf = _first_leaf(call, old)
    is_there = leaf is not None and new.va == leaf.va and leaf.size == shape(call).sizes[new.level]
    return is_there and old.tree == new.tree


_PROTECT: Final = Card(
    "CUR.PROT", "CursorMut::protect_next", ("cursor_protect_next",), "CursorMut::protect_next",
    mutated, is_mutable,
)  # fmt: skip
_PROTECTS = (
    _PROTECT.line("PRE.1", "it panics iff the length is not page aligned",
                  panics_iff(_length_due, "len-unaligned")),
    _PROTECT.line("PRE.2", "or else iff it reaches beyond the range",
                  panics_iff(_length_due, "len-beyond-barrier")),
    _PROTECT.line("POST.1", "nothing is protected iff no leaf meets the bytes, and then the cursor"
                  " is behind them", on_cursor(_misses_rightly)),
    _PROTECT.line("POST.2", "what is protected is the first leaf in the bytes, behind which the"
                  " cursor is", on_cursor(_covers_leaf), _is_protected),
    _PROTECT.line("POST.3", "that leaf's property alone is changed, as asked",
                  on_cursor(_one_prop_differs), _is_protected),
    _PROTECT.line("POST.5", "no table or count differs, nothing is flushed",
                  on_cursor(_only_props_differ)),
    _PROTECT.line("POST.6", "what cannot be encoded: no leaf differs, the cursor stands at the"
                  " first in the bytes", on_cursor(_stands_at_it), _cannot_encode),
    _PROTECT.line("POST.7", "the invariants hold, the cursor keeps its range",
                  lambda c: is_entry_inv(c) and region_inv(c) and keeps_entry(c)),
)  # fmt: skip
_SPACE_PROTECT: Final = Card(
    "VMS.PROT", "CursorMut::protect_next", ("cursor_protect_next",),
    "vm_space::CursorMut::protect_next", mutated, is_mutable,
)  # fmt: skip
_SPACE_PROTECTS = (
    _SPACE_PROTECT.line("POST.1", "no leaf's privileged flags differ", on_cursor(_same_priv)),
)  # fmt: skip

CLAUSES: Final = _FINDS + _JUMPS + _PROTECTS + _SPACE_PROTECTS
