"""What a clause is: a guard, a predicate, and the evidence it shows when the predicate is false.

A clause without status holds as the specification says it, under every profile. An adapted one has
its own formula and an id with a prime; an expected failure names the known defect that breaks it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.cells import ListHead, Slot
from vmstore.owner import SlotOwner
from vmstore.step import State
from vmstore.store import SegmentEntry
from vmstore.view.state import ListView

Scope = Literal[
    "slot",
    "frame",
    "segment",
    "unique",
    "list",
    "cursor",
    "vio",
    "contents",
    "node",
    "place",
    "space",
    "cpu",
    "store",
]
Group = Literal["invariants", "extra", "view"]
Status = Literal["holds", "adapted", "expected-fail"]

SCOPES: Final[tuple[Scope, ...]] = (
    "slot",
    "frame",
    "segment",
    "unique",
    "list",
    "cursor",
    "vio",
    "contents",
    "node",
    "place",
    "space",
    "cpu",
    "store",
)


def count_name(count: int) -> str:
    """Return a reference-count word as people write it."""
    return {REF_COUNT_UNUSED: "UNUSED", REF_COUNT_UNIQUE: "UNIQUE"}.get(count, str(count))


class SlotCase:
    """One slot, seen from both sides: the memory and its owner."""

    __slots__ = ("owner", "rc", "slot", "state")

    def __init__(self, state: State, slot: Slot, owner: SlotOwner) -> None:
        self.state = state
        self.slot = slot
        self.owner = owner
        self.rc = slot.ref_count

    @property
    def is_shared(self) -> bool:
        """Whether the count is in `1 ..= MAX`."""
        return 1 <= self.rc <= self.state.world.rc_max

    @property
    def has_users(self) -> bool:
        """Whether H, P or C is positive."""
        owner = self.owner
        return owner.handles > 0 or owner.mappings > 0 or owner.covers > 0

    def describe(self) -> str:
        """Return everything about the slot in one line."""
        o, s = self.owner, self.slot
        return (
            f"slot {s.index * PAGE_SIZE:#x}: rc={count_name(self.rc)}"
            f" storage={'init' if s.stored else 'uninit'} vtable={s.vtable or 'uninit'}"
            f" in_list={s.in_list} usage={o.usage}"
            f" H={o.handles} P={o.mappings} C={o.covers} U={o.uniques} D={o.deferred}"
        )


class PageCase:
    """One handle on one page: its id, the address it names, and the slot there."""

    __slots__ = ("at", "handle", "paddr", "state")

    def __init__(self, state: State, handle: str, paddr: int) -> None:
        self.state = state
        self.handle = handle
        self.paddr = paddr
        self.at = slot_case(state, paddr // PAGE_SIZE)

    def describe(self) -> str:
        """Return the handle and its slot in one line."""
        return f"{self.handle} at {self.paddr:#x}; {self.at.describe()}"


class SegmentCase:
    """One segment handle: its id and its range; `pages` are the slots under it."""

    __slots__ = ("entry", "handle", "state")

    def __init__(self, state: State, handle: str, entry: SegmentEntry) -> None:
        self.state = state
        self.handle = handle
        self.entry = entry

    def pages(self) -> list[SlotCase]:
        """Return the covered slots, ascending."""
        first, last = self.entry.start // PAGE_SIZE, self.entry.end // PAGE_SIZE
        return [slot_case(self.state, index) for index in range(first, last)]

    def describe(self) -> str:
        """Return the segment in one line."""
        return f"{self.handle} covers {self.entry.start:#x}..{self.entry.end:#x}"


class ListCase:
    """One list, seen from both sides: the head in memory and the plain sequence."""

    __slots__ = ("head", "state", "view")

    def __init__(self, state: State, head: ListHead, view: ListView) -> None:
        self.state = state
        self.head = head
        self.view = view

    def elements(self) -> list[SlotCase]:
        """Return the slots of the sequence, in its order."""
        return [slot_case(self.state, index) for index in self.view.pages]

    def describe(self) -> str:
        """Return the list in one line."""
        pages = ", ".join(f"{index * PAGE_SIZE:#x}" for index in self.view.pages)
        head = self.head
        return (
            f"list l{self.view.handle}: id={head.list_id} size={head.size}"
            f" front={head.front} back={head.back}; sequence [{pages}] id={self.view.list_id}"
        )


class CursorCase:
    """One list cursor: the page index it stands on and the position it should have."""

    __slots__ = ("current", "expected", "handle")

    def __init__(self, handle: str, current: int, expected: int) -> None:
        self.handle = handle
        self.current = current
        self.expected = expected

    def describe(self) -> str:
        """Return the cursor in one line."""
        return f"{self.handle} stands on page {self.current}, its position is page {self.expected}"


class StoreCase:
    """The whole state, for clauses about key sets."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    def describe(self) -> str:
        """Return what the key sets amount to."""
        owners = self.state.view.store.owners
        return f"{len(owners)} slot owners looked at, world of {self.state.world.pages} pages"


def slot_case(state: State, index: int) -> SlotCase:
    """Return both sides of slot `index`."""
    return SlotCase(state, state.machine.cells.slot(index), state.view.store.owner(index))


@dataclass(frozen=True, slots=True)
class Clause:
    """One named conjunct over one kind of subject.

    `when` says whether the clause has something to say about a subject, `holds` whether it is
    true there, `show` the evidence beyond the subject's own description.
    """

    id: str
    text: str
    source: str
    scope: Scope
    group: Group
    holds: Callable[[Any], bool]
    when: Callable[[Any], bool] = lambda _: True
    show: Callable[[Any], str] | None = None
    reason: str = ""  # why the formula is not the specification's
    known: dict[str, str] = field(default_factory=dict)  # profile -> id of the known defect

    def status(self, profile: str) -> Status:
        """Return how the clause stands under `profile`."""
        if profile in self.known:
            return "expected-fail"
        return "adapted" if self.id.endswith("'") else "holds"

    def witness(self, case: Any) -> str:  # any of the case classes
        """Return what is wrong at `case`, both sides where there are two."""
        shown = case.describe()
        return f"{shown}: {self.show(case)}" if self.show else str(shown)
