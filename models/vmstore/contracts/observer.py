"""Calls as a running state makes them: values from the footprint of a step, never a copy of all.

The memory half of a slot is read from the machine, the ghost half from the view.
Handles on frames and segments are the machine's, too: what a call made, not what it should have.
"""

from collections.abc import Mapping, Sequence

from vmstore.arch import PAGE_SIZE
from vmstore.cells import Slot
from vmstore.contracts.call import Call
from vmstore.contracts.values import (
    NO_PATHS,
    CursorValue,
    IndexPath,
    LeafValue,
    NodeValue,
    OwnerValue,
    Projection,
    SlotValue,
    StoreValue,
    TreeValue,
    VmIoValue,
    pristine,
)
from vmstore.exec.machine import Segment
from vmstore.ops import Op
from vmstore.outcome import Outcome
from vmstore.owner import EntryAt
from vmstore.spaces import CursorEntry
from vmstore.step import State
from vmstore.store import SegmentEntry
from vmstore.view.tables import Place, Table


class SlotMap(dict[int, SlotValue]):
    """The slots that differ from what boot left; any other index is pristine."""

    def __missing__(self, index: int) -> SlotValue:
        return pristine(index)

    def __eq__(self, other: object) -> bool:
        """Return whether every slot is the same, however many of them are listed."""
        if not isinstance(other, SlotMap):
            return NotImplemented
        return all(self[index] == other[index] for index in self.keys() | other.keys())

    __hash__ = None  # a map of values, compared but no key itself


Mark = tuple[StoreValue, SlotMap, dict[int, Projection]]


class Observer:
    """Follows one state: `after` gives the call that the last step was.

    Requires: one `after` for every step that the state made, with its op and outcome, before the
    next step begins. Effect: none on the state, but that slots it looks at are booted.
    """

    __slots__ = ("last", "projected", "slots", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        world = state.world
        kernel = range(world.frames, world.frames + world.kernel_nodes)
        self.slots = SlotMap((index, self._slot(index)) for index in kernel)
        self.projected: dict[int, Projection] = {}
        self.last = self._read(self.slots, {})

    def after(self, op: Op, outcome: Outcome) -> Call:
        """Return the step that was just made as a call."""
        state, old = self.state, self.last
        touched = {owner.index for owner in state.view.store.touched}
        touched.update(record[0].index for record in state.machine.cells.journal)
        moved: dict[int, SlotValue] = {}
        for index in sorted(touched):
            value = self._slot(index)
            if value != old.slots[index]:
                moved[index] = value
        slots = SlotMap({**self.slots, **moved}) if moved else self.slots
        remapped = {i: slot.paths for i, slot in moved.items() if slot.paths != old.slots[i].paths}
        if remapped:
            fresh = {i: self._project(i, paths) for i, paths in remapped.items()}
            self.projected = {**self.projected, **fresh}
        self.slots = slots
        self.last = self._read(slots, old.cursors)
        return Call(state.world, op, outcome, old, self.last, tuple(moved))

    def mark(self) -> Mark:
        """Return what is known of the present state; nothing of it is changed later."""
        return self.last, self.slots, self.projected

    def back_to(self, mark: Mark) -> None:
        """Know what was known at `mark`. Requires: the state is what it was then."""
        self.last, self.slots, self.projected = mark

    def everything(self) -> StoreValue:
        """Return the present store, read whole: what `last` must be equal to."""
        known = self.state.machine.cells.slots.keys() | self.state.view.store.owners.keys()
        return self._read(SlotMap((index, self._slot(index)) for index in sorted(known)), None)

    def _project(self, index: int, paths: frozenset[EntryAt]) -> Projection:
        """Return the index sequence of each path: as it was when the path came to be."""
        known, tables = self.projected.get(index, {}), self.state.view.spaces.tables
        return {at: known[at] if at in known else _index_path(tables, at) for at in paths}

    def _slot(self, index: int) -> SlotValue:
        slot = self.state.machine.cells.slot(index)
        owner = self.state.view.store.owner(index)
        return SlotValue(
            slot.ref_count,
            slot.stored,
            slot.vtable,
            slot.in_list,
            owner.usage,
            frozenset(owner.paths) if owner.paths else NO_PATHS,
            owner.slot_vaddr,
            owner.parked,
            owner.obligations,
        )

    def _read(self, slots: SlotMap, known: Mapping[int, CursorValue] | None) -> StoreValue:
        """Return the store with `slots`; cursors are `known` where the step touched no table."""
        view = self.state.view
        store, spaces, held = view.store, view.spaces, view.spaces.cursors
        if known is None or spaces.touched.is_used or _is_stale(known, store.cursors):
            sizes = spaces.geometry.sizes
            known = {c: _cursor(store.cursors[c], held[c].place, sizes) for c in held}
        cached = frozenset(
            (cpu, page, found.paddr)
            for cpu, pages in store.tlb_model.mappings.items()
            for page, found in pages.items()
        )
        return StoreValue(
            slots,
            _paddrs(self.state.machine.frames),
            _ranges(self.state.machine.segments),
            _paddrs(self.state.machine.uniques),
            {vs: entry.is_active for vs, entry in store.vm_spaces.items()},
            known,
            {
                vio: VmIoValue(e.vm_space, e.kind, e.vaddr, e.length, OwnerValue.of(e.owner))
                for vio, e in store.vm_ios.items()
            },
            cached,
            {vs: space.tree.root.page for vs, space in spaces.vm_spaces.items()},
            {cpu: s.handle for cpu, s in spaces.active.items() if s.handle is not None},
            spaces.cpu,
            {handle: tuple(held.pages) for handle, held in view.lists.items()},
            self.projected,
        )


def _is_stale(known: Mapping[int, CursorValue], held: Mapping[int, CursorEntry]) -> bool:
    """Return whether cursors came or went, or a space that has some lives under another id."""
    return known.keys() != held.keys() or any(
        known[c].vm_space != entry.vm_space for c, entry in held.items()
    )


def _index_path(tables: Mapping[int, Table], at: EntryAt) -> IndexPath:
    """Return the indices from the root of an entry's table down to the entry."""
    path: list[int] = []
    step: EntryAt | None = at
    while step is not None:
        path.append(step[1])
        step = tables[step[0]].at
    return tuple(reversed(path))


def _cursor(entry: CursorEntry, place: Place, sizes: Sequence[int]) -> CursorValue:
    guard = place.guard.level
    tree = tree_of(place.guard, sizes, (place.start, place.end))
    asked = (entry.vm_space, entry.kind, entry.start, entry.end)
    return CursorValue(*asked, place.va, place.level, guard, place.level > guard, tree)


def tree_of(guard: Table, sizes: Sequence[int], span: tuple[int, int]) -> TreeValue:
    """Return what hangs below a table and meets `span`, itself included, in address order.

    Requires: the table covers the bytes of `span`, which is not empty.
    """
    leaves: list[LeafValue] = []
    nodes: list[NodeValue] = []
    base = span[0] & -sizes[guard.level + 1]
    _walk(guard, base, sizes, span, leaves, nodes)
    return TreeValue(tuple(leaves), tuple(nodes))


def _paddrs(handles: Mapping[int, Slot]) -> dict[int, int]:
    return {handle: slot.index * PAGE_SIZE for handle, slot in handles.items()}


def _ranges(handles: Mapping[int, Segment]) -> dict[int, SegmentEntry]:
    return {handle: SegmentEntry(held.start, held.end) for handle, held in handles.items()}


def _walk(
    table: Table,
    base: int,
    sizes: Sequence[int],
    span: tuple[int, int],
    leaves: list[LeafValue],
    nodes: list[NodeValue],
) -> None:
    is_locked, children = table.holder is not None, len(table.entries)
    nodes.append(NodeValue(table.at, table.page, table.level, children, is_locked, base))
    size, (start, end) = sizes[table.level], span
    for index, entry in sorted(table.entries.items()):
        va = base + index * size
        if va >= end or va + size <= start:
            continue
        if isinstance(entry, Table):
            _walk(entry, va, sizes, span, leaves, nodes)
        else:
            at = (table.page, index)
            leaves.append(LeafValue(at, entry.paddr, size, entry.is_tracked, va, entry.prop))
