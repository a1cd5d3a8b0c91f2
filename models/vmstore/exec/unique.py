"""Exclusive frame handles. Source: `ostd/src/mm/frame/unique.rs`."""

from vmstore.arch import PAGE_SIZE
from vmstore.exec import allocator, meta
from vmstore.exec.machine import Machine
from vmstore.ids import WITHOUT_PAYLOAD
from vmstore.ops.unique import (
    UniqueDrop,
    UniqueFromRaw,
    UniqueFromUnused,
    UniqueInfo,
    UniqueIntoRaw,
    UniqueIntoShared,
    UniqueRepurpose,
    UniqueResetAsUnused,
    UniqueSetVal,
    UniqueTryFromShared,
)
from vmstore.outcome import OK, SHARED, Err, Ok, Outcome


def unique_from_unused(m: Machine, op: UniqueFromUnused) -> Outcome:
    """Claim an unused page exclusively. Errors, in order: as `frame_from_unused`."""
    slot = meta.get_from_unused(m, op.paddr, op.meta, op.val, unique=True)
    if isinstance(slot, Err):
        return slot
    m.uniques[op.dst] = slot
    return OK


def unique_info(m: Machine, op: UniqueInfo) -> Outcome:
    """Read address, size, level and metadata. No checks."""
    slot = m.uniques[op.unique]
    return Ok(
        {
            "paddr": slot.index * PAGE_SIZE,
            "size": PAGE_SIZE,
            "level": 1,
            "meta": slot.vtable,
            "val": slot.val,
        }
    )


def unique_set_val(m: Machine, op: UniqueSetVal) -> Outcome:
    """Change the payload in place; `unit` and nodes have none. No checks."""
    slot = m.uniques[op.unique]
    if slot.vtable not in WITHOUT_PAYLOAD:
        m.cells.write_val(slot, op.val)
    return OK


def unique_repurpose(m: Machine, op: UniqueRepurpose) -> Outcome:
    """Tear the old metadata down and write the new, the count staying UNIQUE throughout."""
    slot = m.uniques.pop(op.unique)
    val = slot.val if m.faults.repurpose_keeps_payload else op.val
    if not m.faults.repurpose_skips_teardown:
        meta.drop_meta_in_place(m, slot)
    if not m.faults.repurpose_skips_write:
        meta.write_meta(m, slot, op.meta, val)
    m.uniques[op.dst] = slot
    return OK


def unique_into_raw(m: Machine, op: UniqueIntoRaw) -> Outcome:
    """Forget the handle; the count stays UNIQUE. No checks."""
    slot = m.uniques.pop(op.unique)
    m.raw_uniques[op.dst] = slot
    return Ok({"paddr": slot.index * PAGE_SIZE})


def unique_from_raw(m: Machine, op: UniqueFromRaw) -> Outcome:
    """Restore the handle. No checks."""
    m.uniques[op.dst] = m.raw_uniques.pop(op.raw_unique)
    return OK


def unique_into_shared(m: Machine, op: UniqueIntoShared) -> Outcome:
    """Give up exclusiveness: UNIQUE becomes 1. No checks."""
    slot = m.uniques.pop(op.unique)
    if not m.faults.into_shared_keeps_unique:
        meta.unique_to_shared(m, slot)
    m.frames[op.dst] = slot
    return OK


def unique_try_from_shared(m: Machine, op: UniqueTryFromShared) -> Outcome:
    """Make the only reference exclusive: 1 becomes UNIQUE. Errors: Shared, the frame goes back."""
    slot = m.frames[op.frame]
    if m.faults.linux_cow_gup_exclusive and slot.ref_count == 2:
        m.cells.store_ref_count(slot, 1)
    if not meta.shared_to_unique(m, slot):
        if m.faults.try_from_shared_drops:
            meta.drop_shared(m, slot)
        return SHARED
    m.uniques[op.dst] = m.frames.pop(op.frame)
    return OK


def unique_drop(m: Machine, op: UniqueDrop) -> Outcome:
    """Free the page: count 0, teardown, UNUSED, one call to the allocator."""
    slot = m.uniques.pop(op.unique)
    meta.drop_unique(m, slot)
    allocator.dealloc(m, slot)
    return OK


def unique_reset_as_unused(m: Machine, op: UniqueResetAsUnused) -> Outcome:
    """Tear the slot down as `unique_drop`, but do not tell the allocator."""
    slot = m.uniques.pop(op.unique)
    meta.drop_unique(m, slot)
    if m.faults.reset_calls_dealloc:
        allocator.dealloc(m, slot)
    return OK
