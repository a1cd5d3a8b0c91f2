"""The words that checklists are written in: an operation's header, and tests of slots.

A checklist speaks of the pages that its operation is about: a range, of one page for a frame.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.contracts import universal
from vmstore.contracts.call import Call, is_identical
from vmstore.contracts.contract import Contract
from vmstore.contracts.registry import ContractClause, Known, Test, fails
from vmstore.contracts.slot_inv import is_preserved, region_inv, same_parked, was_region_inv
from vmstore.contracts.values import SlotTest, SlotValue
from vmstore.outcome import Err, Ok

Pages = Callable[[Call], range]
DYNAMIC: Final = fails("AX-21")


class Checklist(Contract):
    """The contract of an operation on frames, segments or unique frames.

    `called` says where the contract applies: where the precondition and the step's own guard
    hold. A line on what came of the call is one of a success, if it says nothing of its own.
    `pages` are the pages that the operation is about.
    """

    def __init__(
        self, prefix: str, op: str, ops: tuple[str, ...], source: str, pages: Pages, called: Test
    ) -> None:
        super().__init__(prefix, op, ops, source, lambda call: call.is_ok and called(call), called)
        self.pages = pages
        self.returned: Test = lambda call: isinstance(call.outcome, Ok | Err) and called(call)
        self.none: Test = lambda call: isinstance(call.outcome, Err) and called(call)

    def req(
        self, number: int, text: str, holds: Test, known: Known | None = None
    ) -> ContractClause:
        """Return a line on the store before the call."""
        return self.line(f"REQ.{number}", text, holds, None, known)

    def req_slots(
        self, number: int, text: str, holds: Callable[[SlotValue, int], bool],
        known: Known | None = None,
    ) -> ContractClause:  # fmt: skip
        """Return a line on each slot as it was; the test is also given the largest count."""
        return self.req(number, text, self.each_was(holds), known)

    def was_frame(self, clause: str) -> ContractClause:
        """Return the line that the store's invariant adds, a clause of it: what is held is a frame.

        Upstream hands out handles on nodes of page tables too.
        """
        text = "the store's invariant: usage was Frame"
        test = self.each_was(lambda old, _: old.usage == "Frame")
        return self.line(f"REQ/{clause}", text, test, None, DYNAMIC)

    def ens(
        self, number: int | str, text: str, holds: Test, when: Test | None = None,
        known: Known | None = None,
    ) -> ContractClause:  # fmt: skip
        """Return a line on what a call promises."""
        return self.line(f"ENS.{number}", text, holds, when, known)

    def ens_slots(
        self, number: int, text: str, test: SlotTest, known: Known | None = None
    ) -> ContractClause:
        """Return a line on each slot before and after a success."""
        return self.ens(number, text, self.each(test), None, known)

    def step(self, number: int, text: str, holds: Test, when: Test | None = None) -> ContractClause:
        """Return a line on what the store's step adds to the contract."""
        return self.line(f"STEP.{number}", text, holds, when)

    def no_op(self, text: str, when: Test, holds: Test | None = None) -> ContractClause:
        """Return the line on a step whose guard does not hold: the store is as it was."""
        return self.line("N.1", text, holds or is_identical, when)

    def pre(
        self, number: int, text: str, holds: Test, known: Known | None = None
    ) -> ContractClause:
        """Return a line of a method's own contract on the store before the call."""
        return self.line(f"PRE.{number}", text, holds, None, known)

    def post(
        self, number: int, text: str, holds: Test, when: Test | None = None,
        known: Known | None = None,
    ) -> ContractClause:  # fmt: skip
        """Return a line of a method's own contract on what a call promises."""
        return self.line(f"POST.{number}", text, holds, when, known)

    def each(self, test: SlotTest) -> Test:
        """Return the test of every page of the operation, before and after."""
        return lambda call: call.every_of(self.pages(call), test)

    def each_was(self, test: Callable[[SlotValue, int], bool]) -> Test:
        """Return the test of every page of the operation as it was."""
        return lambda call: all(
            test(call.before(index), call.world.rc_max) for index in self.pages(call)
        )

    def region_was_inv(self, number: int = 1) -> ContractClause:
        """Return the line that the region's invariant held before the call."""
        return self.req(number, "the region satisfied its invariant", self.was_inv)

    def was_inv(self, call: Call) -> bool:
        """Return whether the slots in question satisfied the region's invariant."""
        return was_region_inv(call, self.pages(call))

    def region_is_inv(self, number: int = 1) -> ContractClause:
        """Return the line that the region's invariant holds after the call."""
        text = "the region satisfies its invariant"
        return self.ens(number, text, region_inv, self.returned)

    def parked_unchanged(self, number: int) -> ContractClause:
        """Return the line on the keys of the region's `slots`."""
        return self.ens(number, "`slots` unchanged", same_parked, self.returned)

    def others_preserved(
        self, number: int, text: str = "every other slot is preserved"
    ) -> ContractClause:
        """Return the line on the slots of all other pages."""
        return self.ens(number, text, lambda call: is_only(call, self.pages(call)))

    def universal(
        self, number: int, known: Known | None = None
    ) -> tuple[ContractClause, ContractClause]:
        """Return the universal cursor clause, of the registered cursors and of all values."""
        return (
            self.ens(
                number, "every registered cursor that was sound is", universal.reg,
                lambda call: bool(call.old.cursors) and self.when(call),
            ),
            self.ens(
                f"{number}/LOG", "every cursor value that was sound is", universal.log, None, known,
            ),
        )  # fmt: skip

    def returns(self, *, succeeds: bool = True, known: Known | None = None) -> ContractClause:
        """Return the line that the call comes to something that the store models."""
        text = "where the contract applies the call " + ("succeeds" if succeeds else "returns")
        allowed = Ok if succeeds else Ok | Err
        holds: Test = lambda call: isinstance(call.outcome, allowed)  # noqa: E731  # short
        return self.line("RETURNS", text, holds, self.asked, known)


def page(paddr: int) -> range:
    """Return the page that contains `paddr`, as the range of its index."""
    return range(paddr // PAGE_SIZE, paddr // PAGE_SIZE + 1)


def of_paddr(call: Call) -> range:
    """Return the page at the op's address."""
    return page(call.op.paddr)


def of_frame(call: Call) -> range:
    """Return the page of the op's frame."""
    return page(call.old.frames[call.op.frame])


def of_unique(call: Call) -> range:
    """Return the page of the op's exclusive frame."""
    return page(call.old.uniques[call.op.unique])


def of_segment(call: Call) -> range:
    """Return the pages of the op's segment."""
    return call.pages(*call.old.segments[call.op.segment])


def always(_call: Call) -> bool:
    """Return true: the contract applies to every call with live handles."""
    return True


def is_valid(call: Call) -> bool:
    """Return whether the op's address is that of a page. Source: `valid_frame_paddr`."""
    paddr: int = call.op.paddr
    return paddr % PAGE_SIZE == 0 and paddr < call.world.max_paddr


def is_only(call: Call, pages: range) -> bool:
    """Return whether every slot outside `pages` is preserved."""
    return all(i in pages or is_preserved(call.before(i), call.after(i)) for i in call.changed)


def is_region_unchanged(call: Call) -> bool:
    """Return whether no slot and no obligation differs."""
    return not call.changed


def same(*names: str) -> SlotTest:
    """Return the test that fields of a slot are unchanged. Requires: at least two names."""
    read = attrgetter(*names)
    return lambda old, new: read(old) == read(new)


def ledger_moves(call: Call, pages: range, by: int) -> bool:
    """Return whether the ledger moved by `by` at each page, and nowhere else."""
    return all(
        call.after(i).obligations - call.before(i).obligations == (by if i in pages else 0)
        for i in {*call.changed, *pages}
    )


def was_live(slot: SlotValue, rc_max: int) -> bool:
    """Return whether the count is that of a shared page."""
    return 1 <= slot.rc <= rc_max


def grew(old: SlotValue, new: SlotValue) -> bool:
    """Return whether the count grew by one."""
    return new.rc == old.rc + 1


def is_freed(old: SlotValue, new: SlotValue) -> bool:
    """Return whether the last reference went: 1 became UNUSED. True where there were more."""
    return old.rc != 1 or new.rc == REF_COUNT_UNUSED


def shrank(old: SlotValue, new: SlotValue) -> bool:
    """Return whether one of several references went. True where there was only one."""
    return old.rc == 1 or new.rc == old.rc - 1
