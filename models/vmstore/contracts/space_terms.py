"""The words that the contracts of spaces, cursors, readers and writers are written in."""

from collections.abc import Callable, Mapping
from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED, index_to_meta
from vmstore.contracts import universal
from vmstore.contracts.call import Call
from vmstore.contracts.registry import ContractClause, Kind, Test
from vmstore.contracts.slot_inv import broken, region_inv
from vmstore.contracts.values import CursorValue, LeafValue, SlotValue, StoreValue, unchanged
from vmstore.geometry import Geometry, geometry
from vmstore.outcome import Err, Ok, Panic

Known = Mapping[str, str]
CursorTest = Callable[[Call, CursorValue, CursorValue], bool]

PROFILES: Final = ("ostd", "vostd", "seed")
TWINS: Final = ("vostd", "seed")  # the profiles in which a map replaces
_REFUSALS: Final = frozenset({"WrongType", "NotUntyped"})
_KINDS: Final[dict[str, Kind]] = {
    "REQ": "REQ", "ENS": "ENS", "STEP": "STEP", "PRE": "PRE", "POST": "POST",
    "EXEC": "ENS", "RETURNS": "ENS",
}  # fmt: skip


class Card:
    """One operation's contract: what its clauses have in common.

    `when` is where a line applies that says nothing of its own, `asked` where one about the state
    before the call does.
    """

    def __init__(
        self, prefix: str, op: str, ops: tuple[str, ...], source: str, when: Test,
        asked: Test | None = None,
    ) -> None:  # fmt: skip
        self.prefix = prefix
        self.op = op
        self.ops = ops
        self.source = source
        self.when = when
        self.asked = asked or when

    def line(
        self, tail: str, text: str, holds: Test, when: Test | None = None,
        known: Known | None = None, ops: tuple[str, ...] | None = None,
    ) -> ContractClause:  # fmt: skip
        """Return the clause `PREFIX.tail`; its kind follows from the tail."""
        kind = _KINDS[tail.partition(".")[0]]
        applies = when or (self.asked if kind in ("REQ", "PRE") else self.when)
        return ContractClause(
            f"{self.prefix}.{tail}", self.op, ops or self.ops, kind, text, self.source, holds,
            applies, known=dict(known or {}),
        )  # fmt: skip

    def universal(
        self, tail: str, old: Known | None = None, log: Known | None = None
    ) -> tuple[ContractClause, ...]:
        """Return the universal cursor clause in its three strengths."""
        text = "what was sound against the slots stays sound: "
        return (
            self.line(tail, text + "the other registered cursors", universal.reg),
            self.line(f"{tail}/OLD", text + "the operated one as it was too", universal.old,
                      known=old),
            self.line(f"{tail}/LOG", text + "every cursor there could be", universal.log,
                      known=log),
        )  # fmt: skip

    def returns(self, when: Test, known: Known | None = None) -> ContractClause:
        """Return the line that the call returns wherever the contract lets it be made."""
        text = "where the precondition holds the call returns"
        return self.line("RETURNS", text, returned, when, known)


def fails(suspect: str, profiles: tuple[str, ...] = PROFILES) -> Known:
    """Return the suspect under which a clause is known to fail, for these profiles."""
    return dict.fromkeys(profiles, suspect)


def suspects(ostd: str, twins: str) -> Known:
    """Return the suspects of a clause that fails for one reason here and for another there."""
    return {"ostd": ostd, **fails(twins, TWINS)}


# -- what the call came to ----------------------------------------------------------------------


def is_made(call: Call) -> bool:
    """Return whether the call was made: the borrow checker lets no other one be."""
    return not (isinstance(call.outcome, Err) and call.outcome.variant == "Borrowed")


def returned(call: Call) -> bool:
    """Return whether the call was made and returned, with a value or an error.

    A call that the type checker refuses was not made.
    """
    if isinstance(call.outcome, Err):
        return is_made(call) and call.outcome.variant not in _REFUSALS
    return isinstance(call.outcome, Ok)


def succeeded(call: Call) -> bool:
    """Return whether the call returned with an effect."""
    return call.is_ok


def failed(call: Call) -> bool:
    """Return whether the call was made and returned an error."""
    return not call.is_ok and returned(call)


def panicked(call: Call, *codes: str) -> bool:
    """Return whether the call ended in a panic with one of these codes."""
    return isinstance(call.outcome, Panic) and call.outcome.code in codes


def shape(call: Call) -> Geometry:
    """Return the geometry of the call's world."""
    return geometry(call.world.levels, call.world.entries)


# -- slots --------------------------------------------------------------------------------------


def was_region_inv(call: Call) -> bool:
    """Return whether the slots that differ satisfied the region's invariant before the call."""
    rc_max = call.world.rc_max
    return all(
        slot.parked and slot.slot_vaddr == index_to_meta(index) and broken(slot, rc_max) is None
        for index, slot in ((i, call.before(i)) for i in call.changed)
    )


def is_preserved(old: SlotValue, new: SlotValue) -> bool:
    """Return whether a slot and its owner are the same; the ledger is the region's."""
    return old._replace(obligations=0) == new._replace(obligations=0)


def all_preserved(call: Call) -> bool:
    """Return whether every slot is preserved."""
    return call.every(is_preserved)


def same_parked(call: Call) -> bool:
    """Return whether the same slots are parked."""
    return call.every(lambda old, new: old.parked == new.parked)


def same_in_list(call: Call) -> bool:
    """Return whether no slot's tag differs."""
    return call.every(lambda old, new: old.in_list == new.in_list)


def was_live(old: SlotValue) -> bool:
    """Return whether a slot was in use: its count said something but UNUSED."""
    return old.rc != REF_COUNT_UNUSED


def gives_back(old: SlotValue, new: SlotValue, amount: int) -> bool:
    """Return whether a page lost `amount` references; without any left it is torn down."""
    left = old.rc - amount
    if left:
        return new.rc == left and new.storage == old.storage and new.vtable == old.vtable
    return new.rc == REF_COUNT_UNUSED and not new.storage and not new.vtable


def is_same_store(call: Call) -> bool:
    """Return whether nothing differs."""
    return not call.changed and unchanged(call.old, call.new)


def tlb_inv(store: StoreValue) -> bool:
    """Return whether a processor has one page per address, and one address per page.

    Source: `TlbModel::inv`.
    """
    pages = {(cpu, page) for cpu, page, _ in store.cached}
    frames = {(cpu, paddr) for cpu, _, paddr in store.cached}
    is_aligned = all((page | paddr) % PAGE_SIZE == 0 for _, page, paddr in store.cached)
    return is_aligned and len(pages) == len(frames) == len(store.cached)


# -- cursors ------------------------------------------------------------------------------------


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
