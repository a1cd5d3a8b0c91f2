"""The contract of the method that maps a frame."""

from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.contracts.call import Call
from vmstore.contracts.cursor_terms import (
    ENCODED_FLAGS,
    asked,
    cursor_of,
    is_mutable,
    is_same_place,
    leaf_at,
    mutated,
    on_cursor,
    panics_iff,
    view_of,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.space_terms import TWINS, Card, is_in_use, panicked, returned, shape
from vmstore.contracts.values import CursorValue, LeafValue
from vmstore.ghost.vm_cursor import map_cursor_requires, map_item_ensures
from vmstore.ids import Prop

_PRIV_USER: Final = 0x01
_SMALL: Final = "a frame is a page of level 1, which every position has room and alignment for"
LEFT_OUT: Final[dict[str, str]] = {
    **{f"CUR.MAP.PRE.{number}": _SMALL for number in (2, 3, 4, 5)},
    "CUR.MAP.PRE.10": "the frame's handle is live, so that its page is; OP.MAP.REQ.5 says the rest",
}


# -- map ------------------------------------------------------------------------------------------


def _is_asked(call: Call) -> bool:
    """Return whether the method exists: a mutable cursor, and a frame of untyped memory."""
    is_untyped = returned(call) or not hasattr(call.outcome, "variant")
    return is_mutable(call) and call.op.frame in call.old.frames and is_untyped


def _map_due(call: Call, cursor: CursorValue) -> str | None:
    """Return the code of the first panic that is due; running out of memory comes between."""
    if cursor.va >= cursor.end:
        return "cursor-at-barrier"
    if cursor.guard_level == 1 and call.world.variant("map_level") == "below-guard":
        return "level-at-guard"
    over = leaf_at(cursor, cursor.va) is not None
    if over and call.world.variant("map_over") == "panics":
        return "map-over-mapping"
    return "cache-policy-unsupported" if call.op.cache == "WP" else None


def _lacks_a_table(call: Call) -> bool:
    """It runs out of memory only where a table is missing on the way down."""
    old = cursor_of(call)
    if not panicked(call, "no-memory") or old is None:
        return True
    span = shape(call).sizes[2]
    return all(node.level > 1 or node.va != old.va & -span for node in old.tree.nodes)


def _paddr(call: Call) -> int:
    paddr: int = call.old.frames[call.op.frame]
    return paddr


def _target(call: Call) -> int:
    return _paddr(call) // PAGE_SIZE


def _prop(call: Call) -> Prop:
    return call.op.flags & ENCODED_FLAGS, call.op.cache, _PRIV_USER


def _was_hole(call: Call) -> bool:
    old = cursor_of(call)
    return mutated(call) and old is not None and leaf_at(old, old.va) is None


def shown_leaf(leaf: LeafValue) -> tuple[object, ...]:
    """Return a leaf without its path: what a view shows of it."""
    return leaf.va, leaf.size, leaf.paddr, leaf.prop, leaf.is_tracked


def _is_the_leaf(call: Call, old: CursorValue, new: CursorValue) -> bool:
    leaf = leaf_at(new, old.va)
    expected = (old.va, PAGE_SIZE, _paddr(call), _prop(call), True)
    return leaf is not None and shown_leaf(leaf) == expected


def _one_leaf_more(call: Call, old: CursorValue, new: CursorValue) -> bool:
    """Return whether the view has one mapping more, that of the frame at the position."""
    was = {shown_leaf(leaf) for leaf in old.tree.leaves}
    made = (old.va, PAGE_SIZE, _paddr(call), _prop(call), True)
    return made not in was and {shown_leaf(leaf) for leaf in new.tree.leaves} == was | {made}


def _moves_on(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    return new.va == old.va + PAGE_SIZE


def _climbs_ends(call: Call, _old: CursorValue, new: CursorValue) -> bool:
    sizes, level = shape(call).sizes, 1
    while level < new.guard_level and new.va % sizes[level + 1] == 0:
        level += 1
    return new.level == level


def _counts_entries(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    """One table has an entry more, a leaf's or that of a new table; each new one has its first."""
    was = {node.page: node.children for node in old.tree.nodes}
    now = {node.page: node.children for node in new.tree.nodes}
    grown = [page for page, children in now.items() if page in was and children != was[page]]
    return (
        was.keys() <= now.keys()
        and all(now[page] == 1 for page in now.keys() - was.keys())
        and [now[page] - was[page] for page in grown] == [1]
    )


def _same_frame_counts(call: Call) -> bool:
    return call.every(lambda o, n: o.usage != "Frame" or not is_in_use(o) or o.rc == n.rc)


def _same_beside(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    was, now = (
        [leaf for leaf in cursor.tree.leaves if not leaf.va <= old.va < leaf.va + leaf.size]
        for cursor in (old, new)
    )
    return was == now


def _same_leaves(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    return old.tree.leaves == new.tree.leaves


def _gave_up_early(call: Call) -> bool:
    return _is_asked(call) and panicked(call, "cursor-at-barrier", "level-at-guard")


def _gave_up_over(call: Call) -> bool:
    return _is_asked(call) and panicked(call, "map-over-mapping")


def _could_not_encode(call: Call) -> bool:
    return _is_asked(call) and panicked(call, "cache-policy-unsupported")


def _releases_frame(call: Call) -> bool:
    before, after = call.before(_target(call)), call.after(_target(call))
    return after.rc == (REF_COUNT_UNUSED if before.rc == 1 else before.rc - 1)


def _released_unchanged(call: Call, old: CursorValue, new: CursorValue) -> bool:
    return is_same_place(old, new) and _releases_frame(call)


def _is_map_spec(call: Call, old: CursorValue, new: CursorValue) -> bool:
    return map_item_ensures(view_of(call, old), view_of(call, new), _paddr(call), _prop(call))


def _could_not_fail(call: Call) -> bool:
    """Return whether nothing is in the way: a hole below the guard, and memory for its tables."""
    old = cursor_of(call)
    return (
        _is_asked(call)
        and old is not None
        and map_cursor_requires(old)
        and leaf_at(old, old.va) is None
        and call.op.cache != "WP"
        and not panicked(call, "no-memory")
    )


def _others_keep(call: Call, old: CursorValue, new: CursorValue) -> bool:
    target = _target(call)
    rc = call.after(target).rc
    others = all(
        i == target or not is_in_use(o) or (o.rc, o.paths) == (n.rc, n.paths)
        for i, o, n in ((i, call.before(i), call.after(i)) for i in call.changed)
    )
    is_same = (old.guard_level, asked(old)) == (new.guard_level, asked(new))
    return is_same and others and 1 <= rc <= call.world.rc_max


_MAP: Final = Card("CUR.MAP", "CursorMut::map", ("cursor_map",), "page_table::CursorMut::map",
                   mutated, _is_asked)  # fmt: skip
_MAPS = (
    _MAP.line("PRE.1", "it panics first iff the cursor is at its end",
              panics_iff(_map_due, "cursor-at-barrier")),
    _MAP.line("PRE.6", "it runs out of memory only where a table is missing", _lacks_a_table),
    _MAP.line("PRE.7", "then it panics iff something is mapped there",
              panics_iff(_map_due, "map-over-mapping")),
    _MAP.line("PRE.8", "at last iff the entry cannot be encoded",
              panics_iff(_map_due, "cache-policy-unsupported")),
    _MAP.line("PRE.9", "the proof's code panics iff the guard's table would be written",
              panics_iff(_map_due, "level-at-guard")),
    _MAP.line("POST.1", "the view has one mapping more, the frame where the cursor was",
              on_cursor(_one_leaf_more), _was_hole),
    _MAP.line("POST.2", "the cursor is behind the page", on_cursor(_moves_on)),
    _MAP.line("POST.3", "it is as many levels up as tables end there", on_cursor(_climbs_ends)),
    _MAP.line("POST.4", "one table has an entry more, each new one has one entry",
              on_cursor(_counts_entries), _was_hole),
    _MAP.line("POST.5", "no frame's count differs", _same_frame_counts, _was_hole),
    _MAP.line("POST.6", "all other leaves are as they were", on_cursor(_same_beside)),
    _MAP.line("POST.7", "a query where the cursor was shows the frame with the property as encoded",
              on_cursor(_is_the_leaf)),
    _MAP.line("POST.8", "a panic before anything was looked at: no table differs, the frame is let"
              " go of", on_cursor(_released_unchanged), _gave_up_early),
    _MAP.line("POST.9", "a panic over a mapping: no leaf differs, the frame is let go of",
              lambda c: on_cursor(_same_leaves)(c) and _releases_frame(c), _gave_up_over),
    _MAP.line("POST.10", "a panic of the encoding: no leaf differs, the frame's count is lost",
              lambda c: on_cursor(_same_leaves)(c)
              and c.before(_target(c)).rc == c.after(_target(c)).rc, _could_not_encode),
    _MAP.line("POST.11", "the view is that of the specification", on_cursor(_is_map_spec)),
    _MAP.line("POST.12", "over a hole below the guard, with memory, it succeeds",
              lambda c: c.is_ok, _could_not_fail),
    _MAP.line("POST.13", "guard and range are the same, all other pages keep count and paths, the"
              " frame is live", on_cursor(_others_keep), known=fails("AX-14", TWINS)),
)  # fmt: skip


def _flushes_what_it_replaced(call: Call, old: CursorValue, _new: CursorValue) -> bool:
    if _was_hole(call):
        return call.old.cached == call.new.cached
    running = {cpu for cpu, vs in call.new.active.items() if vs == old.vm_space}
    gone = {entry for entry in call.new.cached if entry[0] in running and entry[1] == old.va}
    return not gone and call.new.cached <= call.old.cached


_SPACE_MAP: Final = Card("VMS.MAP", "CursorMut::map", ("cursor_map",), "vm_space::CursorMut::map",
                         mutated, _is_asked)  # fmt: skip
_SPACE_MAPS = (
    _SPACE_MAP.line("POST.1", "nothing is flushed, but for what was replaced",
                    on_cursor(_flushes_what_it_replaced)),
)  # fmt: skip

CLAUSES: Final = _MAPS + _SPACE_MAPS
