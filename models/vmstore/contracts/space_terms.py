"""The words that the contracts of spaces, cursors, readers and writers are written in."""

from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.contracts import universal
from vmstore.contracts.call import Call
from vmstore.contracts.contract import Contract
from vmstore.contracts.registry import ContractClause, Known, Test, fails
from vmstore.contracts.slot_inv import is_preserved
from vmstore.contracts.values import SlotValue, StoreValue
from vmstore.geometry import Geometry, geometry
from vmstore.outcome import Err, Ok, Panic

TWINS: Final = ("vostd", "seed")  # the profiles in which a map replaces
GUARDS: Final = (
    "the guards are objects of the code, which values do not have; an invariant over the running"
    " state says it after every step"
)
_REFUSALS: Final = frozenset({"WrongType", "NotUntyped"})


class Card(Contract):
    """The contract of an operation on spaces, cursors, readers or writers."""

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


def is_denied(call: Call) -> bool:
    """Return whether the call returned that the range is not the space's or the cursor's."""
    return isinstance(call.outcome, Err) and call.outcome.variant == "AccessDenied"


def panicked(call: Call, *codes: str) -> bool:
    """Return whether the call ended in a panic with one of these codes."""
    return isinstance(call.outcome, Panic) and call.outcome.code in codes


def shape(call: Call) -> Geometry:
    """Return the geometry of the call's world."""
    return geometry(call.world.levels, call.world.entries)


# -- slots --------------------------------------------------------------------------------------


def all_preserved(call: Call) -> bool:
    """Return whether every slot is preserved."""
    return call.every(is_preserved)


def same_in_list(call: Call) -> bool:
    """Return whether no slot's tag differs."""
    return call.every(lambda old, new: old.in_list == new.in_list)


def same_paths(call: Call) -> bool:
    """Return whether every page is mapped where it was."""
    return call.every(lambda old, new: old.paths == new.paths)


def is_in_use(slot: SlotValue) -> bool:
    """Return whether a slot is in use, shared or not: its count is not UNUSED."""
    return slot.rc != REF_COUNT_UNUSED


def gives_back(old: SlotValue, new: SlotValue, amount: int) -> bool:
    """Return whether a page lost `amount` references; without any left it is torn down."""
    left = old.rc - amount
    if left:
        return new.rc == left and new.storage == old.storage and new.vtable == old.vtable
    return new.rc == REF_COUNT_UNUSED and not new.storage and not new.vtable


def tlb_inv(store: StoreValue) -> bool:
    """Return whether a processor has one page per address, and one address per page.

    Source: `TlbModel::inv`.
    """
    pages = {(cpu, page) for cpu, page, _ in store.cached}
    frames = {(cpu, paddr) for cpu, _, paddr in store.cached}
    is_aligned = all((page | paddr) % PAGE_SIZE == 0 for _, page, paddr in store.cached)
    return is_aligned and len(pages) == len(frames) == len(store.cached)


def tlb_was_inv(call: Call) -> bool:
    """Return whether cached translations satisfied their invariant before the call."""
    return tlb_inv(call.old)


def tlb_is_inv(call: Call) -> bool:
    """Return whether cached translations satisfy their invariant."""
    return tlb_inv(call.new)
