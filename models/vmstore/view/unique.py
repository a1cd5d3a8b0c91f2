"""Rules of the ops on exclusive frames."""

from vmstore.arch import PAGE_SIZE
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
from vmstore.outcome import OK, SHARED, Ok, Outcome, returns
from vmstore.view.state import View


def unique_from_unused(v: View, op: UniqueFromUnused, out: Outcome) -> Outcome | None:
    """Succeeds iff nobody refers to the page: U = 1."""
    error = v.claim_error(op.paddr)
    if error is not None:
        return None if out is error else error
    if out is not OK:
        return OK
    v.claim(op.paddr // PAGE_SIZE, op.meta, op.val)
    v.store.insert_unique(op.dst, op.paddr)
    return None


def unique_info(v: View, op: UniqueInfo, out: Outcome) -> Outcome | None:
    """Returns the page's address and metadata; nothing changes."""
    paddr = v.store.unique_frames[op.unique]
    kind, val = v.page(v.store.owner_at(paddr))
    value: dict[str, object] = {
        "paddr": paddr,
        "size": PAGE_SIZE,
        "level": 1,
        "meta": kind,
        "val": val,
    }
    return None if returns(out, value) else Ok(value)


def unique_set_val(v: View, op: UniqueSetVal, out: Outcome) -> Outcome | None:
    """Always succeeds: the payload is the new value, where the kind has one."""
    if out is not OK:
        return OK
    owner = v.store.owner_at(v.store.unique_frames[op.unique])
    kind, _ = v.page(owner)
    if kind not in WITHOUT_PAYLOAD:
        v.pages[owner.index] = (kind, op.val)
    v.store.touch(owner)
    return None


def unique_repurpose(v: View, op: UniqueRepurpose, out: Outcome) -> Outcome | None:
    """Always succeeds: the old metadata's hook runs, the new is in place, U stays."""
    if out is not OK:
        return OK
    owner = v.store.extract_unique(op.unique)
    v.drop_meta(owner)
    v.claim(owner.index, op.meta, op.val)
    v.store.insert_unique(op.dst, owner.index * PAGE_SIZE)
    return None


def unique_into_raw(v: View, op: UniqueIntoRaw, out: Outcome) -> Outcome | None:
    """Always succeeds: the handle is forgotten, U stays."""
    value: dict[str, object] = {"paddr": v.store.unique_frames[op.unique]}
    if not returns(out, value):
        return Ok(value)
    v.store.forget_unique(op.unique, op.dst)
    return None


def unique_from_raw(v: View, op: UniqueFromRaw, out: Outcome) -> Outcome | None:
    """Always succeeds: the handle is back, U stays."""
    if out is not OK:
        return OK
    v.store.restore_unique(op.raw_unique, op.dst)
    return None


def unique_into_shared(v: View, op: UniqueIntoShared, out: Outcome) -> Outcome | None:
    """Always succeeds: U - 1, H + 1."""
    if out is not OK:
        return OK
    owner = v.store.extract_unique(op.unique)
    v.store.insert_frame(op.dst, owner.index * PAGE_SIZE)
    return None


def unique_try_from_shared(v: View, op: UniqueTryFromShared, out: Outcome) -> Outcome | None:
    """Succeeds iff the handle is the only reference: H - 1, U + 1."""
    owner = v.store.owner_at(v.store.frames[op.frame])
    if owner.references() != 1:
        return None if out is SHARED else SHARED
    if out is not OK:
        return OK
    v.store.extract_frame(op.frame)
    v.store.insert_unique(op.dst, owner.index * PAGE_SIZE)
    return None


def unique_drop(v: View, op: UniqueDrop, out: Outcome) -> Outcome | None:
    """Always succeeds: U - 1, hook and allocator are called."""
    if out is not OK:
        return OK
    v.retire(v.store.extract_unique(op.unique))
    return None


def unique_reset_as_unused(v: View, op: UniqueResetAsUnused, out: Outcome) -> Outcome | None:
    """Always succeeds: U - 1, the hook is called, the allocator is not.

    The proof's contract leaves the obligation behind.
    """
    if out is not OK:
        return OK
    owner = v.store.extract_unique(op.unique)
    if not v.store.ledger_is_exact:
        owner.obligations += 1
    v.retire(owner, freed=False)
    return None
