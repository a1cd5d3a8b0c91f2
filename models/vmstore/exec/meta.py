"""The metadata slot's life cycle: each atomic transition is one function, in the source's order.

Source: `ostd/src/mm/frame/meta.rs`.
"""

from collections.abc import Callable
from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.cells import Slot
from vmstore.exec import allocator
from vmstore.exec.machine import Machine
from vmstore.outcome import (
    BUSY,
    IN_USE,
    NOT_ALIGNED,
    OUT_OF_BOUND,
    UNIQUE,
    UNUSED,
    Err,
    PoweredOff,
    Unwinding,
)

# The destructors behind the vtables, by metadata kind: each module adds that of its own kind.
DESTRUCTORS: Final[dict[str, Callable[[Machine, Slot], None]]] = {}


def get_slot(m: Machine, paddr: int) -> Slot | Err:
    """Look a page's slot up. Errors, in order: NotAligned, OutOfBound. Source: `get_slot`."""
    if paddr % PAGE_SIZE != 0:
        if m.faults.bound_before_alignment and paddr >= m.max_paddr:
            return OUT_OF_BOUND
        return NOT_ALIGNED
    if paddr >= m.max_paddr:
        return OUT_OF_BOUND
    return m.cells.slot(paddr // PAGE_SIZE)


def get_from_unused(m: Machine, paddr: int, kind: str, val: int, *, unique: bool) -> Slot | Err:
    """Claim an unused slot: UNUSED, then 0 while the metadata is written, then 1 or UNIQUE.

    Errors, in order: NotAligned, OutOfBound, Unique, Busy, InUse. Source: `get_from_unused`.
    """
    slot = get_slot(m, paddr)
    if isinstance(slot, Err):
        return slot
    found = m.cells.compare_exchange(slot, REF_COUNT_UNUSED, 0)
    if found != REF_COUNT_UNUSED and not (
        m.faults.linux_anon_vma_reuse and unique and found == REF_COUNT_UNIQUE and not slot.in_list
    ):
        if m.faults.rejected_meta_on_drop and kind != "unit":
            m.events.append(("on_drop", kind, paddr, val))
        return _refuse_claim(m, found)
    write_meta(m, slot, kind, val)
    m.cells.store_ref_count(slot, REF_COUNT_UNIQUE if unique else 1)
    return slot


def _refuse_claim(m: Machine, found: int) -> Err:
    if found == REF_COUNT_UNIQUE and not m.faults.unique_reported_in_use:
        return UNIQUE
    return BUSY if found == 0 else IN_USE


def get_from_in_use(m: Machine, paddr: int) -> Slot | Err:
    """Take one more reference to a live slot.

    Errors, in order: NotAligned, OutOfBound, Unused, Unique, Busy; aborts at saturation before
    it adds. Source: `get_from_in_use`.
    """
    slot = get_slot(m, paddr)
    if isinstance(slot, Err):
        return slot
    found = slot.ref_count
    if found == REF_COUNT_UNUSED and not m.faults.sentinel_taken_for_saturation:
        if m.faults.kvm_nonrefcounted_pages:
            m.cells.store_ref_count(slot, 1)
            return slot
        return UNUSED
    if found == REF_COUNT_UNIQUE and not m.faults.sentinel_taken_for_saturation:
        return UNIQUE
    if found == 0:
        return BUSY
    if found >= (m.rc_max - 1 if m.faults.saturation_one_early else m.rc_max):
        raise PoweredOff("ref-count-saturated")
    m.cells.compare_exchange(slot, found, found + 1)
    if m.faults.nyx_u8_refcount:
        m.cells.store_ref_count(slot, slot.ref_count & 0x3)
    return slot


def inc_ref_count(m: Machine, slot: Slot) -> None:
    """Add a reference that the caller already shares; adds first, checks afterwards.

    Errors, in order: debug panic if the count was 0 or UNUSED, abort if it was saturated.
    Source: `inc_ref_count`.
    """
    found = m.cells.fetch_add(slot, 1)
    if m.faults.refcount_32bit_wrap:
        m.cells.store_ref_count(slot, slot.ref_count & 0x7)
    if m.faults.nyx_u8_refcount:
        m.cells.store_ref_count(slot, slot.ref_count & 0x3)
    if m.asserts and (found == 0 or found == REF_COUNT_UNUSED):
        raise Unwinding("ref-count-not-live")
    if found >= m.rc_max and not m.faults.linux_zero_page_pins:
        raise PoweredOff("ref-count-saturated")


def reference_count(m: Machine, slot: Slot) -> int:
    """Read the count. Errors: debug panic when it is saturated. Source: `reference_count`."""
    count = slot.ref_count
    if count >= m.rc_max and m.asserts:
        m.quirks.append("reference-count-panics-at-max")
        raise Unwinding("ref-count-saturated")
    return count


def drop_shared(m: Machine, slot: Slot) -> None:
    """Give one shared reference back; the last one tears the metadata down and frees the page.

    Errors: debug panic if the count was 0 or UNUSED, after subtracting. Source: `Drop for Frame`.
    """
    found = m.cells.fetch_add(slot, -1)
    if m.asserts and (found == 0 or found == REF_COUNT_UNUSED):
        raise Unwinding("ref-count-not-live")
    if found != 1 and not (found == 2 and m.faults.drop_frees_at_two):
        return
    if m.faults.last_drop_leaves_busy:
        return
    if m.faults.dealloc_before_meta_reset:
        allocator.dealloc(m, slot)
        drop_last_in_place(m, slot)
        return
    drop_last_in_place(m, slot)
    if not m.faults.drop_skips_dealloc:
        allocator.dealloc(m, slot)


def drop_unique(m: Machine, slot: Slot) -> None:
    """Free an exclusive slot: 0, teardown, UNUSED; the caller tells the allocator or not.

    Source: `Drop for UniqueFrame`, `UniqueFrame::reset_as_unused`.
    """
    m.cells.store_ref_count(slot, 0)
    drop_last_in_place(m, slot)


def unique_to_shared(m: Machine, slot: Slot) -> None:
    """Give up exclusiveness: UNIQUE becomes 1, unconditionally. Source: `Frame::from`."""
    m.cells.store_ref_count(slot, 1)


def shared_to_unique(m: Machine, slot: Slot) -> bool:
    """Take exclusiveness if the count is 1: compare-exchange 1 to UNIQUE. Returns success.

    Source: `UniqueFrame::try_from`.
    """
    return m.cells.compare_exchange(slot, 1, REF_COUNT_UNIQUE) == 1


def drop_last_in_place(m: Machine, slot: Slot) -> None:
    """Tear the metadata down, then mark the slot unused. Source: `drop_last_in_place`.

    Errors: debug panic unless the count is 0.
    """
    if m.asserts and slot.ref_count != 0:
        raise Unwinding("ref-count-not-zero")
    drop_meta_in_place(m, slot)
    m.cells.store_ref_count(slot, REF_COUNT_UNUSED)


def write_meta(m: Machine, slot: Slot, kind: str, val: int) -> None:
    """Write vtable, then storage; what was there is neither read nor dropped."""
    m.cells.write_vtable(slot, kind)
    m.cells.write_storage(slot, 0 if kind == "unit" else val)


def drop_meta_in_place(m: Machine, slot: Slot) -> None:
    """Take the vtable, call the drop hook, run the destructor. Source: `drop_meta_in_place`."""
    if m.faults.drop_meta_precondition_excludes_unique and slot.ref_count != 0:
        raise Unwinding("ref-count-not-zero")
    kind = slot.vtable
    if not kind:
        m.hazards.append("uninit-vtable-read")
    if not m.faults.teardown_keeps_vtable:
        m.cells.write_vtable(slot, "")
    if kind == "pt":
        DESTRUCTORS[kind](m, slot)
    elif kind != "unit" and not m.faults.teardown_skips_on_drop:
        m.events.append(("on_drop", kind, slot.index * PAGE_SIZE, slot.val))
    if not m.faults.teardown_keeps_storage:
        m.cells.clear_storage(slot)
