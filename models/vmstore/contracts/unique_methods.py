"""The contracts of `UniqueFrame`'s own methods, which the verified twin proves.

Source: vostd `UniqueFrame`.
"""

from collections.abc import Mapping
from typing import Final

from vmstore.arch import META_CAP, PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED, index_to_meta
from vmstore.contracts.call import Call, is_identical
from vmstore.contracts.checklist import (
    DYNAMIC,
    Checklist,
    Pages,
    always,
    is_only,
    is_valid,
    ledger_moves,
    of_paddr,
    of_unique,
    page,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.slot_inv import region_inv, same_parked, was_region_inv
from vmstore.contracts.values import SlotValue, is_insert
from vmstore.outcome import Err

_PAYLOAD: Final = "the payload is no part of a slot's value: what it must be is VIEW.META"
_RETYPE: Final = "upstream has no such method: the retype is a part of repurpose"
LEFT_OUT: Final[Mapping[str, str]] = {
    "UNQ.FU.PRE.4": _PAYLOAD,
    "UNQ.REP.PRE.4": _PAYLOAD,
    "UNQ.REP.POST.2": _PAYLOAD,
    "UNQ.TRM.POST.1": _RETYPE,
    "UNQ.TRM.POST.2": _RETYPE,
}

_USED: Final = fails("AX-25")
_FAR: Final = fails("G20")
_REGION: Final = "the region satisfies its invariant"
_WAS_REGION: Final = "the region satisfied its invariant"


def _list(prefix: str, method: str, op: str, pages: Pages) -> Checklist:
    name = f"UniqueFrame::{method}"
    return Checklist(prefix, name, (op,), name, pages, always)


def _slot(call: Call) -> SlotValue:
    return call.before(of_unique(call)[0])


def _paddr(call: Call) -> int:
    return call.old.uniques[call.op.unique]


def _is_at_slot(call: Call) -> bool:
    """Return `wf` and the owner's invariant: the handle points to its slot."""
    return _paddr(call) % PAGE_SIZE == 0 and _paddr(call) < call.world.max_paddr


def _was_wf(call: Call) -> bool:
    """Return `wf_with_region`: exclusive, in no list, mapped nowhere."""
    slot = _slot(call)
    return (
        _is_at_slot(call)
        and was_region_inv(call, of_unique(call))
        and slot.rc == REF_COUNT_UNIQUE
        and slot.in_list == 0
        and not slot.paths
    )


def _was_global(call: Call) -> bool:
    """Return `wf`, the owner's invariant and `global_inv`: exclusive, a frame, in the ledger."""
    slot, index = _slot(call), of_unique(call)[0]
    return (
        _is_at_slot(call)
        and slot.parked
        and slot.slot_vaddr == index_to_meta(index)
        and slot.storage
        and slot.vtable != ""
        and slot.rc == REF_COUNT_UNIQUE
        and slot.usage == "Frame"
        and slot.obligations > 0
    )


def _points(call: Call, paddr: int) -> bool:
    return is_insert(
        {k: v for k, v in call.old.uniques.items() if k != getattr(call.op, "unique", None)},
        call.new.uniques,
        call.op.dst,
    ) and (call.new.uniques[call.op.dst] == paddr)


_FU: Final = _list("UNQ.FU", "from_unused", "unique_from_unused", of_paddr)

_FROM_UNUSED = (
    _FU.pre(
        1, "the page has a slot, and that is parked",
        lambda c: index_to_meta(of_paddr(c)[0]) < META_CAP and c.before(of_paddr(c)[0]).parked,
        _FAR,
    ),
    _FU.pre(2, "usage was Unused", _FU.each_was(lambda o, _: o.usage == "Unused"), _USED),
    _FU.pre(3, _WAS_REGION, _FU.was_inv),
    _FU.post(
        1, "an address that is no page's is an error", lambda c: isinstance(c.outcome, Err),
        lambda c: not is_valid(c),
    ),
    _FU.post(2, "a handle on the page", lambda c: _points(c, c.op.paddr)),
    _FU.post(3, "one obligation more", lambda c: ledger_moves(c, of_paddr(c), 1)),
    _FU.post(
        4, "an error: no handle, the ledger is as it was",
        lambda c: c.old.uniques == c.new.uniques and ledger_moves(c, range(0), 0), _FU.none,
    ),
    _FU.post(5, _REGION, region_inv, _FU.returned),
)  # fmt: skip

_MM: Final = _list("UNQ.MM", "meta_mut", "unique_set_val", of_unique)
_REP: Final = _list("UNQ.REP", "repurpose", "unique_repurpose", of_unique)

_METADATA = (
    _MM.line("POST", "nothing but the payload differs", is_identical),
    _REP.pre(1, "exclusive, a frame, in the ledger", _was_global, DYNAMIC),
    _REP.pre(2, "in_list was 0", lambda c: _slot(c).in_list == 0),
    _REP.pre(3, _WAS_REGION, _REP.was_inv),
    _REP.post(1, "the new handle is at the same page", lambda c: _points(c, _paddr(c))),
    _REP.post(
        3, "the metadata is of the kind asked for",
        lambda c: c.after(of_unique(c)[0]).vtable == c.op.meta,
    ),
    _REP.post(4, _REGION, region_inv),
)  # fmt: skip


def _restored(call: Call) -> int:
    return call.new.uniques.get(call.op.dst, -1)


def _of_restored(call: Call) -> range:
    return page(max(_restored(call), 0))


def _can_restore(call: Call) -> bool:
    slot = call.before(_of_restored(call)[0])
    return (
        _restored(call) % PAGE_SIZE == 0
        and 0 <= _restored(call) < call.world.max_paddr
        and slot.rc == REF_COUNT_UNIQUE
        and was_region_inv(call, _of_restored(call))
    )


_IR: Final = _list("UNQ.IR", "into_raw", "unique_into_raw", of_unique)
_FR: Final = _list("UNQ.FR", "from_raw", "unique_from_raw", _of_restored)

_RAW = (
    _IR.pre(
        1, "a handle of a live slot, in the ledger",
        lambda c: (
            _is_at_slot(c)
            and was_region_inv(c, of_unique(c))
            and _slot(c).obligations > 0
            and _slot(c).rc != REF_COUNT_UNUSED
        ),
    ),
    _IR.post(1, "the result is the handle's address", lambda c: c.value.get("paddr") == _paddr(c)),
    _IR.post(2, _REGION, region_inv),
    _IR.post(3, "slots and owners unchanged", lambda c: is_only(c, range(0))),
    _IR.post(4, "one obligation less", lambda c: ledger_moves(c, of_unique(c), -1)),
    _FR.pre(1, "the address is that of an exclusive page", _can_restore),
    _FR.post(1, "a fresh handle", lambda c: _points(c, _restored(c))),
    _FR.post(
        2, "the region satisfies its invariant, slots and owners unchanged",
        lambda c: region_inv(c) and is_only(c, range(0)),
    ),
    _FR.post(3, "one obligation more", lambda c: ledger_moves(c, _of_restored(c), 1)),
)  # fmt: skip

_DROP: Final = _list("UNQ.DROP", "drop", "unique_drop", of_unique)
_RST: Final = _list("UNQ.RST", "reset_as_unused", "unique_reset_as_unused", of_unique)

_DROPS = (
    _DROP.pre(1, "exclusive, in no list, mapped nowhere", _was_wf),
    _DROP.pre(2, "there was an obligation", lambda c: _slot(c).obligations > 0),
    _DROP.post(1, _REGION, region_inv),
    _DROP.post(2, "`slots` unchanged", same_parked),
    _DROP.post(
        3, "other owners unchanged", lambda c: is_only(c, of_unique(c)), None, DYNAMIC
    ),
    _DROP.post(4, "one obligation less", lambda c: ledger_moves(c, of_unique(c), -1)),
    _RST.pre(1, "exclusive, in no list, mapped nowhere", _was_wf),
    _RST.post(1, _REGION, region_inv),
)  # fmt: skip

CLAUSES: Final = (*_FROM_UNUSED, *_METADATA, *_RAW, *_DROPS)
