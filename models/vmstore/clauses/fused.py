"""One decision per touched slot, handle and list: whether every clause holds there.

The conjunction of the clauses, flattened for the hot loop. False means that some clause is broken;
`check.violations` then finds out which. Their agreement is itself tested.
"""

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.cells import NONE, Slot
from vmstore.clauses.touched_io import all_io_holds, touched_io_holds
from vmstore.clauses.touched_spaces import all_spaces_hold, spaces_hold
from vmstore.owner import SlotOwner
from vmstore.step import State
from vmstore.store import FRAME, SEGMENT, UNIQUE
from vmstore.view.state import ListView, View


def footprint_holds(state: State) -> bool:
    """Return whether every clause holds of what this step declared or wrote."""
    machine, view = state.machine, state.view
    store, cells = view.store, machine.cells
    journal, touched, fresh = cells.journal, store.touched, store.fresh
    if journal or touched:
        owners, slots, stamp = store.owners, cells.slots, cells.stamp
        for record in journal:
            slot = record[0]
            owner = owners.get(slot.index)
            if not slot_holds(state, view, slot, owner or store.owner(slot.index)):
                return False
        for owner in touched:
            found = slots.get(owner.index)
            if found is None:
                found = cells.slot(owner.index)
            if found.stamp != stamp and not slot_holds(state, view, found, owner):
                return False
    for kind, handle in fresh:
        if not _handle_holds(state, kind, handle):
            return False
    for held in view.touched_lists:
        if not list_holds(state, held):
            return False
    is_io = view.contents.stamp == store.stamp or machine.io.memory.stamp == cells.stamp
    if is_io and not touched_io_holds(state):
        return False
    if machine.nodes.nodes and not spaces_hold(state):
        return False
    return not view.touched_cursors or all(
        _cursor_holds(state, handle) for handle in view.touched_cursors
    )


def everything_holds(state: State) -> bool:
    """Return whether every clause holds of every slot, handle and list. Cost: one walk over all."""
    view, cells = state.view, state.machine.cells
    store = view.store
    for index in cells.slots.keys() | store.owners.keys():
        owner = store.owner(index)
        if not slot_holds(state, view, cells.slot(index), owner):
            return False
    ids = [held.list_id for held in view.lists.values() if held.list_id]
    return (
        len(ids) == len(set(ids))
        and all(_handle_holds(state, FRAME, handle) for handle in store.frames)
        and all(_handle_holds(state, SEGMENT, handle) for handle in store.segments)
        and all(_handle_holds(state, UNIQUE, handle) for handle in store.unique_frames)
        and all(list_holds(state, held) for held in view.lists.values())
        and all(_cursor_holds(state, handle) for handle in view.lcursors)
        and all_spaces_hold(state)
        and all_io_holds(state)
    )


def slot_holds(state: State, view: View, slot: Slot, owner: SlotOwner) -> bool:
    """Return whether every slot clause holds of one slot. Requires: both sides of one index."""
    index = slot.index
    mappings = owner.mappings
    if index != owner.index or owner.slot_vaddr != slot.vaddr or len(owner.paths) != mappings:
        return False
    rc = slot.ref_count
    covers, uniques, handles = owner.covers, owner.uniques, owner.handles
    references = handles + covers + mappings + owner.deferred + owner.links + owner.leaked
    if (
        owner.obligations != handles + covers + uniques - owner.forgotten
        and view.store.ledger_is_exact
    ):
        return False
    vtable = slot.vtable
    if rc == REF_COUNT_UNUSED:
        return (
            not slot.stored
            and not vtable
            and slot.in_list == 0
            and owner.parked
            and not uniques
            and not references
            and index not in view.pages
            and slot.val == 0
            and owner.usage != "PageTable"
            and 0 <= index < state.machine.cells.pages
        )
    if not slot.stored or not vtable:
        return False
    if not owner.parked and not view.store.extracts_slots:
        return False
    page = view.pages.get(index)
    if page is None:
        if owner.usage != "PageTable" or vtable != "pt" or slot.val:
            return False
    elif page[0] != vtable or page[1] != slot.val or owner.usage != "Frame":
        return False
    if rc == REF_COUNT_UNIQUE:
        held = view.linked.get(index)
        return (
            uniques == 1
            and not references
            and slot.in_list == (held.list_id if held is not None else 0)
            and (held is None or owner.forgotten > 0)
        )
    return 0 < rc <= view.rc_max and rc == references and slot.in_list == 0 and not uniques


def _handle_holds(state: State, kind: str, handle: int) -> bool:
    """Return whether a fresh handle names a legal place, and the same place on both sides."""
    machine, store = state.machine, state.view.store
    if kind == SEGMENT:
        entry = store.segments.get(handle)
        if entry is None:
            return True
        held = machine.segments.get(handle)
        start, end = entry
        return (
            held is not None
            and held.start == start
            and held.end == end
            and start % PAGE_SIZE == 0
            and end % PAGE_SIZE == 0
            and start <= end <= machine.max_paddr
        )
    if kind == FRAME:
        paddr, slot = store.frames.get(handle), machine.frames.get(handle)
    elif kind == UNIQUE:
        paddr, slot = store.unique_frames.get(handle), machine.uniques.get(handle)
    else:
        return True
    if paddr is None:
        return True
    return slot is not None and slot.index * PAGE_SIZE == paddr and paddr < machine.max_paddr


def list_holds(state: State, held: ListView) -> bool:
    """Return whether the list in memory is the sequence. Cost: one pass over the elements."""
    machine, view = state.machine, state.view
    if held.handle not in view.lists:
        return True
    partner = machine.lists.get(held.handle)
    if partner is None:
        return True
    head, pages, cells = partner.head, held.pages, machine.cells
    if head.list_id != held.list_id or head.size != len(pages):
        return False
    before = NONE
    current = head.front
    for index in pages:
        if current != index:
            return False
        slot = cells.slot(index)
        if slot.prev != before or slot.in_list != head.list_id:
            return False
        if slot.ref_count != REF_COUNT_UNIQUE or slot.vtable != "link":
            return False
        before, current = index, slot.next
    return current == NONE and head.back == before and (not pages or head.list_id != 0)


def _cursor_holds(state: State, handle: int) -> bool:
    cursor, partner = state.view.lcursors.get(handle), state.machine.lcursors.get(handle)
    if cursor is None or partner is None:
        return True
    return partner.current == cursor.element()
