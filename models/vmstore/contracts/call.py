"""One call of an operation: what was asked, what it came to, the store before and after."""

from typing import Any

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.values import SlotTest, SlotValue, StoreValue, unchanged
from vmstore.ops import Op
from vmstore.outcome import Ok, Outcome
from vmstore.world import World


class Call:
    """A call. `changed` are the slots whose value differs, ascending; all others are preserved.

    Clauses look at `changed` only where the rest cannot break them, which keeps a call's price
    independent of the world's size.
    """

    __slots__ = ("changed", "new", "old", "op", "outcome", "world")

    def __init__(
        self,
        world: World,
        op: Op,
        outcome: Outcome,
        old: StoreValue,
        new: StoreValue,
        changed: tuple[int, ...],
    ) -> None:
        self.world = world
        self.op: Any = op
        self.outcome = outcome
        self.old = old
        self.new = new
        self.changed = changed

    @property
    def is_ok(self) -> bool:
        """Whether the call returned normally with an effect."""
        return isinstance(self.outcome, Ok)

    @property
    def value(self) -> dict[str, Any]:
        """What the call returned, empty without a value."""
        return (self.outcome.value or {}) if isinstance(self.outcome, Ok) else {}

    def pages(self, start: int, end: int) -> range:
        """Return the indices of the pages of a physical byte range."""
        return range(start // PAGE_SIZE, end // PAGE_SIZE)

    def before(self, index: int) -> SlotValue:
        """Return a slot as it was."""
        return self.old.slots[index]

    def after(self, index: int) -> SlotValue:
        """Return a slot as it is."""
        return self.new.slots[index]

    def every(self, test: SlotTest) -> bool:
        """Return whether a test that holds of a preserved slot holds of every slot."""
        return all(test(self.before(i), self.after(i)) for i in self.changed)

    def every_of(self, pages: range, test: SlotTest) -> bool:
        """Return whether a test holds of each slot of `pages`."""
        return all(test(self.before(i), self.after(i)) for i in pages)


def is_identical(call: Call) -> bool:
    """Return whether the store is the same."""
    return not call.changed and unchanged(call.old, call.new)
