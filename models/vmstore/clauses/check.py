"""Which clause is broken? The full check over everything, and the same over a footprint.

Report order is registration order, then the order of the subjects (slots by index, handles by id).
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from vmstore.clauses import (
    accounting,
    address_spaces,
    component,
    cursors,
    extra,
    handles,
    lists,
    meaning,
    structural,
    tables,
    tlbs,
    vm_io,
)
from vmstore.clauses.io_cases import ContentsCase, VioCase
from vmstore.clauses.registry import (
    Clause,
    CursorCase,
    ListCase,
    PageCase,
    Scope,
    SegmentCase,
    StoreCase,
    slot_case,
)
from vmstore.clauses.space_cases import CpuCase, NodeCase, PlaceCase, SpaceCase, cpu_of, partner
from vmstore.clauses.touched_io import IoSubjects, all_io, touched_io
from vmstore.clauses.touched_spaces import (
    SpaceSubjects,
    all_in_spaces,
    no_spaces,
    touched_in_spaces,
)
from vmstore.step import State

CLAUSES: Final[tuple[Clause, ...]] = (
    *component.CLAUSES,
    *structural.CLAUSES,
    *accounting.CLAUSES,
    *extra.CLAUSES,
    *handles.CLAUSES,
    *lists.CLAUSES,
    *meaning.CLAUSES,
    *tables.CLAUSES,
    *cursors.CLAUSES,
    *address_spaces.CLAUSES,
    *tlbs.CLAUSES,
    *vm_io.CLAUSES,
)
GROUPS: Final = ("invariants", "extra", "view")
_SCOPED: Final[dict[Scope, tuple[Clause, ...]]] = {
    scope: tuple(c for c in CLAUSES if c.scope == scope) for scope in dict.fromkeys(
        clause.scope for clause in CLAUSES
    )
}  # fmt: skip


class ClauseError(Exception):
    """A clause that raised instead of deciding: the mistake of its author, never a finding."""

    def __init__(self, clause: str, error: Exception) -> None:
        super().__init__(f"clause {clause}: {type(error).__name__}: {error}")
        self.clause = clause


@dataclass(frozen=True, slots=True)
class Violation:
    """One false clause: which, and what shows it."""

    clause: str
    text: str
    source: str
    witness: str


@dataclass(slots=True)
class Subjects:
    """What to look at. Shape: sorted indices and ids; `has_store` adds the key-set clauses."""

    slots: list[int]
    frames: list[int]
    segments: list[int]
    uniques: list[int]
    lists: list[int]
    cursors: list[int]
    spaces: SpaceSubjects
    io: IoSubjects
    has_store: bool = True


def everything(state: State) -> Subjects:
    """Return every slot that was ever looked at and every live handle."""
    store, view = state.view.store, state.view
    return Subjects(
        slots=sorted(state.machine.cells.slots.keys() | store.owners.keys()),
        frames=sorted(store.frames),
        segments=sorted(store.segments),
        uniques=sorted(store.unique_frames),
        lists=sorted(view.lists),
        cursors=sorted(view.lcursors),
        spaces=all_in_spaces(state),
        io=all_io(state),
    )


def footprint(state: State, *, has_spaces: bool = True) -> Subjects:
    """Return what this step declared or wrote: owners touched, cells journalled, fresh handles.

    Without `has_spaces`, no node, cursor, space and CPU is among them.
    """
    store, view, cells = state.view.store, state.view, state.machine.cells
    slots = {owner.index for owner in store.touched} | {record[0].index for record in cells.journal}
    fresh: dict[str, set[int]] = {"frame": set(), "segment": set(), "unique": set()}
    for kind, handle in store.fresh:
        fresh.get(kind, set()).add(handle)
    held = {v.handle for v in view.touched_lists}
    spaces = touched_in_spaces(state) if has_spaces else no_spaces()
    return Subjects(
        slots=sorted(slots | spaces.slots),
        frames=sorted(fresh["frame"] & store.frames.keys()),
        segments=sorted(fresh["segment"] & store.segments.keys()),
        uniques=sorted(fresh["unique"] & store.unique_frames.keys()),
        lists=sorted(held & view.lists.keys()),
        cursors=sorted(set(view.touched_cursors) & view.lcursors.keys()),
        spaces=spaces,
        io=touched_io(state),
    )


def cases(state: State, subjects: Subjects) -> dict[Scope, list[Any]]:
    """Return the subjects of each scope as the clauses see them."""
    store, view, machine = state.view.store, state.view, state.machine
    known = [(space, partner(state, space)) for space in subjects.spaces.spaces]
    return {
        "slot": [slot_case(state, index) for index in subjects.slots],
        "frame": [PageCase(state, f"f{i}", store.frames[i]) for i in subjects.frames],
        "segment": [SegmentCase(state, f"s{i}", store.segments[i]) for i in subjects.segments],
        "unique": [PageCase(state, f"u{i}", store.unique_frames[i]) for i in subjects.uniques],
        "list": [
            ListCase(state, machine.lists[i].head, view.lists[i])
            for i in subjects.lists
            if i in machine.lists
        ],
        "cursor": [
            CursorCase(f"lc{i}", machine.lcursors[i].current, view.lcursors[i].element())
            for i in subjects.cursors
            if i in machine.lcursors
        ],
        "node": [NodeCase(state, index) for index in subjects.spaces.nodes],
        "place": [PlaceCase(state, *place) for place in subjects.spaces.places],
        "space": [SpaceCase(state, space, held) for space, held in known if held is not None],
        "cpu": [CpuCase(state, cpu, cpu_of(state, cpu)) for cpu in subjects.spaces.cpus],
        "vio": [VioCase(state, vio) for vio in subjects.io.vios],
        "contents": [
            *(ContentsCase(state, "page", index) for index in subjects.io.pages),
            *(ContentsCase(state, "buf", buf) for buf in subjects.io.bufs),
        ],
        "store": [StoreCase(state)] if subjects.has_store else [],
    }


def violations(
    state: State, subjects: Subjects, groups: Container[str] = GROUPS, *, is_strict: bool = False
) -> list[Violation]:
    """Return every violation among `subjects`, in report order.

    Expected failures are left out unless `is_strict`. Errors: ClauseError.
    """
    by_scope = cases(state, subjects)
    profile = state.world.profile
    clauses = [
        clause
        for clause in CLAUSES
        if clause.group in groups and (is_strict or not is_expected_failure(clause, state, profile))
    ]
    return list(_violations(clauses, by_scope))


def _violations(clauses: list[Clause], by_scope: dict[Scope, list[Any]]) -> Iterator[Violation]:
    for clause in clauses:
        try:
            for case in by_scope[clause.scope]:
                if clause.when(case) and not clause.holds(case):
                    yield Violation(clause.id, clause.text, clause.source, clause.witness(case))
        except Exception as error:
            raise ClauseError(clause.id, error) from error


def is_expected_failure(clause: Clause, state: State, profile: str) -> bool:
    """Return whether a known defect of the profile's specification breaks this clause.

    The ledger's known gaps do not depend on the profile's name but on the ledger it keeps.
    """
    if "G3" in clause.known.values():
        return not state.view.store.ledger_is_exact
    return profile in clause.known


def nonvacuous(state: State, subjects: Subjects) -> Iterable[str]:
    """Yield the id of each clause whose guard is true of some subject."""
    by_scope = cases(state, subjects)
    for scope, clauses in _SCOPED.items():
        for clause in clauses:
            if any(clause.when(case) for case in by_scope[scope]):
                yield clause.id
