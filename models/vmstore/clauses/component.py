"""Component invariants: one slot (SLOT), the region's key sets (REG)."""

from typing import Final

from vmstore.arch import (
    META_BASE,
    META_CAP,
    META_SLOT_SIZE,
    REF_COUNT_UNIQUE,
    REF_COUNT_UNUSED,
)
from vmstore.clauses.registry import Clause, Group, Scope, SlotCase, StoreCase

_SLOT: Final = "vostd MetaSlotOwner::inv"
_REG: Final = "vostd MetaRegionOwners::inv"
_S: Final[Scope] = "slot"
_I: Final[Group] = "invariants"
_EXTRACTED: Final = "slot_presence=extracted takes live slots out of the region"


def _unused(c: SlotCase) -> bool:
    return c.rc == REF_COUNT_UNUSED


def _unique(c: SlotCase) -> bool:
    return c.rc == REF_COUNT_UNIQUE


def _shared(c: SlotCase) -> bool:
    return c.is_shared


def _not_mmio(c: SlotCase) -> bool:
    return c.owner.usage != "MMIO"


def _keys_in_range(c: StoreCase) -> bool:
    pages = c.state.world.pages
    return all(0 <= index < pages for index in c.state.view.store.owners)


def _keys_match(c: StoreCase) -> bool:
    return all(index == owner.index for index, owner in c.state.view.store.owners.items())


def _parked(c: SlotCase) -> bool:
    return c.owner.parked or (c.state.view.store.extracts_slots and not _unused(c))


CLAUSES: Final = (
    Clause("SLOT.01", "rc == UNUSED implies storage is not initialised", _SLOT, _S, _I,
           when=_unused, holds=lambda c: not c.slot.stored),
    Clause("SLOT.02", "rc == UNUSED implies vtable pointer is not initialised", _SLOT, _S, _I,
           when=_unused, holds=lambda c: not c.slot.vtable),
    Clause("SLOT.03", "rc == UNUSED implies in_list == 0", _SLOT, _S, _I,
           when=_unused, holds=lambda c: c.slot.in_list == 0),
    Clause("SLOT.04", "rc == UNUSED and usage != MMIO implies paths is empty", _SLOT, _S, _I,
           when=lambda c: _unused(c) and _not_mmio(c), holds=lambda c: not c.owner.paths),
    Clause("SLOT.05", "rc == UNIQUE implies vtable initialised", _SLOT, _S, _I,
           when=_unique, holds=lambda c: bool(c.slot.vtable)),
    Clause("SLOT.06", "rc == UNIQUE implies storage initialised", _SLOT, _S, _I,
           when=_unique, holds=lambda c: c.slot.stored),
    Clause("SLOT.07", "rc == UNIQUE and usage != MMIO implies paths is empty", _SLOT, _S, _I,
           when=lambda c: _unique(c) and _not_mmio(c), holds=lambda c: not c.owner.paths),
    Clause("SLOT.08", "1 <= rc <= MAX implies vtable initialised", _SLOT, _S, _I,
           when=_shared, holds=lambda c: bool(c.slot.vtable)),
    Clause("SLOT.09", "1 <= rc <= MAX implies storage initialised", _SLOT, _S, _I,
           when=_shared, holds=lambda c: c.slot.stored),
    Clause("SLOT.10", "1 <= rc <= MAX implies in_list == 0", _SLOT, _S, _I,
           when=_shared, holds=lambda c: c.slot.in_list == 0),
    Clause("SLOT.11", "never MAX < rc < UNIQUE", _SLOT, _S, _I,
           holds=lambda c: not c.state.world.rc_max < c.rc < REF_COUNT_UNIQUE),
    Clause("SLOT.12", "rc == 0 implies in_list == 0", _SLOT, _S, _I,
           when=lambda c: c.rc == 0, holds=lambda c: c.slot.in_list == 0),
    Clause("SLOT.13", "slot_vaddr inside FRAME_METADATA_RANGE", _SLOT, _S, _I,
           holds=lambda c: META_BASE <= c.owner.slot_vaddr < META_CAP,
           show=lambda c: f"slot_vaddr={c.owner.slot_vaddr:#x}"),
    Clause("SLOT.14", "slot_vaddr % 64 == 0", _SLOT, _S, _I,
           holds=lambda c: c.owner.slot_vaddr % META_SLOT_SIZE == 0,
           show=lambda c: f"slot_vaddr={c.owner.slot_vaddr:#x}"),
    Clause("REG.01", "the domain of slot_owners is exactly 0 .. N-1", _REG, "store", _I,
           holds=_keys_in_range),
    Clause("REG.02", "every index in slot_owners is also in slots", _REG, _S, _I,
           holds=_parked, reason=_EXTRACTED),
    Clause("REG.03", "every slot owner is found under its own index", _REG, "store", _I,
           holds=_keys_match),
    Clause("REG.04c", "slots[i].addr == index_to_meta(i)", _REG, _S, _I,
           holds=lambda c: c.slot.index == c.owner.index,
           show=lambda c: f"slot index {c.slot.index}, owner index {c.owner.index}"),
    Clause("REG.04e", "slot_owners[i].slot_vaddr == slots[i].addr", _REG, _S, _I,
           holds=lambda c: c.owner.slot_vaddr == c.slot.vaddr,
           show=lambda c: f"{c.owner.slot_vaddr:#x} against {c.slot.vaddr:#x}"),
)  # fmt: skip
