"""`MetaSlotOwner::inv` and `MetaRegionOwners::inv` over values: what `regions inv` says.

Written from the specification for values, apart from the clauses over a live state.
"""

from vmstore.arch import (
    META_BASE,
    META_CAP,
    META_SLOT_SIZE,
    REF_COUNT_UNIQUE,
    REF_COUNT_UNUSED,
    index_to_meta,
)
from vmstore.contracts.call import Call
from vmstore.contracts.values import SlotValue


def broken(slot: SlotValue, rc_max: int) -> str | None:
    """Return the id of the first clause of the slot's invariant that is false, None if none is."""
    rc, is_mapped = slot.rc, bool(slot.paths) and slot.usage != "MMIO"
    rules: list[tuple[str, bool]]
    if rc == REF_COUNT_UNUSED:
        rules = [
            ("SLOT.01", not slot.storage),
            ("SLOT.02", not slot.vtable),
            ("SLOT.03", slot.in_list == 0),
            ("SLOT.04", not is_mapped),
        ]
    elif rc == REF_COUNT_UNIQUE:
        rules = [
            ("SLOT.05", slot.vtable != ""),
            ("SLOT.06", slot.storage),
            ("SLOT.07", not is_mapped),
        ]
    elif rc == 0:
        rules = [("SLOT.12", slot.in_list == 0)]
    else:
        rules = [
            ("SLOT.08", slot.vtable != ""),
            ("SLOT.09", slot.storage),
            ("SLOT.10", slot.in_list == 0),
            ("SLOT.11", rc <= rc_max),
        ]
    rules += [
        ("SLOT.13", META_BASE <= slot.slot_vaddr < META_CAP),
        ("SLOT.14", slot.slot_vaddr % META_SLOT_SIZE == 0),
    ]
    return next((clause for clause, holds in rules if not holds), None)


def _is_sound(index: int, slot: SlotValue, rc_max: int) -> bool:
    placed = slot.parked and slot.slot_vaddr == index_to_meta(index)
    return placed and broken(slot, rc_max) is None


def region_inv(call: Call) -> bool:
    """Return whether the region's invariant holds after a call, given that it held before it.

    Source: `MetaRegionOwners::inv` (REG.02: every slot is parked).
    """
    rc_max = call.world.rc_max
    return all(_is_sound(index, call.after(index), rc_max) for index in call.changed)


def was_region_inv(call: Call, pages: range = range(0)) -> bool:
    """Return whether the slots that differ, and those of `pages`, were sound before a call.

    An index past the region has no slot.
    """
    rc_max, asked = call.world.rc_max, {*call.changed, *pages}
    return all(_is_sound(i, call.before(i), rc_max) for i in asked if i < call.world.pages)


def is_preserved(old: SlotValue, new: SlotValue) -> bool:
    """Return whether a slot and its owner are the same; the ledger is the region's."""
    return old[:8] == new[:8]


def same_parked(call: Call) -> bool:
    """Return whether the region's `slots` has the same keys."""
    return call.every(lambda old, new: old.parked == new.parked)
