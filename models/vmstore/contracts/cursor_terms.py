"""The words that the contracts of cursors are written in: the operated cursor, before and after."""

from collections.abc import Callable
from typing import Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.contracts import universal
from vmstore.contracts.call import Call
from vmstore.contracts.registry import Test
from vmstore.contracts.slot_inv import region_inv
from vmstore.contracts.space_terms import panicked, shape
from vmstore.contracts.values import CursorValue, LeafValue, StoreValue
from vmstore.ghost.cursor_view import CursorView
from vmstore.ghost.mapping import Mapping

ENCODED_FLAGS: Final = 0x9F  # the flags that an entry's word has bits for
CursorTest = Callable[[Call, CursorValue, CursorValue], bool]


def cursor_of(call: Call) -> CursorValue | None:
    """Return the operated cursor as it was, None where it is not registered."""
    own = universal.operated(call.op)
    return None if own is None else call.old.cursors.get(own)


def has_cursor(call: Call) -> bool:
    """Return whether the operated cursor is live."""
    return cursor_of(call) is not None


def on_cursor(test: CursorTest) -> Test:
    """Return the test of a call on the operated cursor, before and after; false without one."""

    def holds(call: Call) -> bool:
        own = universal.operated(call.op)
        if own is None or own not in call.old.cursors or own not in call.new.cursors:
            return False
        return test(call, call.old.cursors[own], call.new.cursors[own])

    return holds


def keeps_request(_call: Call, old: CursorValue, new: CursorValue) -> bool:
    """Return whether a cursor is still of the same space and kind, over the same range."""
    return asked(old) == asked(new)


def asked(cursor: CursorValue) -> tuple[object, ...]:
    """Return what a cursor was opened with."""
    return cursor.vm_space, cursor.kind, cursor.start, cursor.end


def cursor_inv(call: Call, cursor: CursorValue) -> bool:
    """Return whether a cursor stands in its range, at a level that its guard has below it.

    Source: `CursorOwner::inv`, of an arbitrary range.
    """
    g = shape(call)
    if not 1 <= cursor.level <= cursor.guard_level <= g.levels:
        return False
    size = g.sizes[cursor.guard_level + 1]
    return (
        (cursor.start | cursor.va | cursor.end) % PAGE_SIZE == 0
        and cursor.start <= cursor.va <= cursor.end
        and cursor.start < cursor.end <= g.user_end
        and cursor.start // size == (cursor.end - 1) // size
    )


def nodes_locked(cursor: CursorValue) -> bool:
    """Return whether all tables of a cursor's range are locked, from its guard's down."""
    nodes = cursor.tree.nodes
    return bool(nodes) and nodes[0].level == cursor.guard_level and all(n.is_locked for n in nodes)


def is_tree_sound(call: Call, store: StoreValue, cursor: CursorValue) -> bool:
    """Return whether a cursor is sound against the slots of a store."""
    return universal.is_sound(cursor.tree, store.slots, call.world.rc_max)


def is_mutable(call: Call) -> bool:
    """Return whether the operated cursor may change what is mapped: others have no such method."""
    old = cursor_of(call)
    return old is not None and old.kind == "Mutable"


def mutated(call: Call) -> bool:
    """Return whether a call on such a cursor returned with an effect."""
    return call.is_ok and is_mutable(call)


def was_entry_inv(call: Call) -> bool:
    """Return whether the operated cursor's entry satisfied its invariant before the call."""
    old = cursor_of(call)
    return old is not None and cursor_inv(call, old) and nodes_locked(old) and not old.has_left


def was_sound(call: Call) -> bool:
    """Return whether the operated cursor was sound before the call."""
    old = cursor_of(call)
    return old is not None and is_tree_sound(call, call.old, old)


def is_sound_inv(call: Call) -> bool:
    """Return whether the region's invariant holds and the operated cursor is sound."""
    return region_inv(call) and is_sound_after(call)


def _is_sound_after(call: Call, _old: CursorValue, new: CursorValue) -> bool:
    return is_tree_sound(call, call.new, new)


is_sound_after: Final = on_cursor(_is_sound_after)
is_owner_inv: Final = on_cursor(lambda call, _, new: cursor_inv(call, new))
are_nodes_locked: Final = on_cursor(lambda _call, _, new: nodes_locked(new))
has_not_left: Final = on_cursor(lambda _call, _, new: not new.has_left)
keeps_entry: Final = on_cursor(keeps_request)
is_entry_inv: Final = on_cursor(
    lambda call, _, new: cursor_inv(call, new) and nodes_locked(new) and not new.has_left
)


def leaves_in(cursor: CursorValue, start: int, end: int) -> list[LeafValue]:
    """Return the leaves that meet `[start, end)`, in address order."""
    return [leaf for leaf in cursor.tree.leaves if leaf.va < end and leaf.va + leaf.size > start]


def leaf_at(cursor: CursorValue, va: int) -> LeafValue | None:
    """Return the leaf that maps `va`, None in a hole."""
    return next(iter(leaves_in(cursor, va, va + 1)), None)


def view_of(call: Call, cursor: CursorValue) -> CursorView:
    """Return a cursor's position with all that is mapped in its range. Source: `Cursor::model`."""
    leaves = cursor.tree.leaves
    mapped = frozenset(
        Mapping(
            leaf.va, leaf.va + leaf.size, leaf.paddr, leaf.paddr + leaf.size, leaf.size, leaf.prop
        )
        for leaf in leaves
    )
    return CursorView(cursor.va, mapped, call.world.entries)


def length_panic(cursor: CursorValue, length: int) -> str | None:
    """Return the code of the panic that a length comes to, None where it is inside of the range."""
    if length % PAGE_SIZE:
        return "len-unaligned"
    return "len-beyond-barrier" if length > cursor.end - cursor.va else None


def end_overflows(call: Call, cursor: CursorValue, length: int) -> bool:
    """Return whether a debug build panics because the end of the bytes is beyond 64 bits."""
    return call.world.build == "debug" and cursor.va + length > U64_MASK


def panics_iff(expected: Callable[[Call, CursorValue], str | None], code: str) -> Test:
    """Return the test that the call panics with `code` iff that is expected, before anything else.

    A call that ran out of memory on its way has been spared what was to come.
    """

    def holds(call: Call) -> bool:
        cursor = cursor_of(call)
        if cursor is None:
            return False
        is_due = expected(call, cursor) == code
        return panicked(call, code) == is_due or (is_due and panicked(call, "no-memory"))

    return holds


def is_same_place(old: CursorValue, new: CursorValue) -> bool:
    """Return whether a cursor stands where it stood, over the same tables."""
    return (old.va, old.level) == (new.va, new.level) and is_same_tree(old, new)


def is_same_tree(old: CursorValue, new: CursorValue) -> bool:
    """Return whether a cursor has the same tables and leaves below it."""
    return old.tree == new.tree and asked(old) == asked(new)
