"""The checklists of the store's operations on shared frames.

Source: vostd `frame_from_unused_embedded`, `frame_from_in_use_embedded`, `frame_drop_embedded`.
"""

from collections.abc import Mapping
from typing import Final

from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.contracts.call import Call
from vmstore.contracts.checklist import (
    DYNAMIC,
    Checklist,
    grew,
    is_freed,
    is_region_unchanged,
    is_valid,
    of_frame,
    of_paddr,
    same,
    shrank,
    was_live,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.values import is_insert, is_remove, unchanged

_MINTED: Final = fails("AX-22")
_LAST: Final = fails("AX-05")
_SATURATED: Final = fails("AX-20")
_ADDRESS: Final = "an address that is no page's gives None"
_NOTHING: Final = "None: slots and ledger are as they were"

LEFT_OUT: Final[Mapping[str, str]] = {
    "OP.FFU.REQ.2": "the step's guard: without a parked slot the step is OP.FFU.N.1",
    "OP.FFIU.ENS.7": "identity of the count's cell: a slot is found by its index",
    "OP.FD.REQ.2": "every slot is parked, which OP.FD.REQ.1 says",
}


def has_slot(call: Call) -> bool:
    """Return whether the step may be taken: the address is no page's, or its slot is parked."""
    return not is_valid(call) or call.old.at(call.op.paddr).parked


def is_registered(call: Call, paddr: int) -> bool:
    """Return whether the one change of the registries is a fresh frame at `paddr`."""
    old, new, dst = call.old, call.new, call.op.dst
    return (
        is_insert(old.frames, new.frames, dst)
        and new.frames[dst] == paddr
        and unchanged(old, new, "frames")
    )


def _has_no_slot(call: Call) -> bool:
    return not has_slot(call)


def _stay(call: Call) -> bool:
    return unchanged(call.old, call.new)


_FFU: Final = Checklist(
    "OP.FFU", "FrameFromUnused", ("frame_from_unused",), "frame_from_unused_embedded",
    of_paddr, has_slot,
)  # fmt: skip

_FROM_UNUSED = (
    _FFU.region_was_inv(),
    _FFU.region_is_inv(),
    _FFU.ens(2, _ADDRESS, lambda c: not c.is_ok, lambda c: not is_valid(c)),
    _FFU.ens(3, _NOTHING, is_region_unchanged, _FFU.none),
    *_FFU.universal(4),
    _FFU.ens_slots(5, "the count was UNUSED", lambda o, _: o.rc == REF_COUNT_UNUSED),
    _FFU.ens_slots(6, "the count is 1", lambda _, n: n.rc == 1),
    _FFU.ens_slots(7, "in_list == 0", lambda _, n: n.in_list == 0),
    _FFU.ens_slots(8, "storage is initialised", lambda _, n: n.storage),
    _FFU.ens_slots(9, "the vtable is initialised", lambda _, n: n.vtable != ""),
    _FFU.ens_slots(10, "usage is Frame", lambda _, n: n.usage == "Frame"),
    _FFU.ens_slots(11, "slot_vaddr unchanged", lambda o, n: o.slot_vaddr == n.slot_vaddr),
    _FFU.ens_slots(12, "paths unchanged", lambda o, n: o.paths == n.paths),
    _FFU.others_preserved(13),
    _FFU.ens(
        "13/OBL", "the ledger is as it was",
        lambda c: c.every(lambda o, n: o.obligations == n.obligations), None, _MINTED,
    ),
    _FFU.parked_unchanged(14),
    _FFU.step(1, "a frame at the address under a fresh id", lambda c: is_registered(c, c.op.paddr)),
    _FFU.step(2, "None: no registry differs", _stay, _FFU.none),
    _FFU.no_op("the slot is not parked: nothing happens", _has_no_slot),
    _FFU.returns(succeeds=False),
)  # fmt: skip


def _shared_page(call: Call) -> range:
    return of_frame(call) if hasattr(call.op, "frame") else of_paddr(call)


def _shared_paddr(call: Call) -> int:
    paddr: int = call.old.frames[call.op.frame] if hasattr(call.op, "frame") else call.op.paddr
    return paddr


def _has_address(call: Call) -> bool:
    return hasattr(call.op, "frame") or is_valid(call)


def _has_shared_slot(call: Call) -> bool:
    return not _has_address(call) or call.old.at(_shared_paddr(call)).parked


_FFIU: Final = Checklist(
    "OP.FFIU", "FrameFromInUse", ("frame_from_in_use", "frame_clone"), "frame_from_in_use_embedded",
    _shared_page, _has_shared_slot,
)  # fmt: skip

_FROM_IN_USE = (
    _FFIU.region_is_inv(),
    _FFIU.ens(2, _ADDRESS, lambda c: not c.is_ok, lambda c: not _has_address(c)),
    _FFIU.ens(3, _NOTHING, is_region_unchanged, _FFIU.none),
    _FFIU.parked_unchanged(4),
    *_FFIU.universal(5),
    _FFIU.ens_slots(6, "the count grew by one", grew),
    _FFIU.ens_slots(
        8, "storage, vtable, in_list, slot_vaddr, usage and paths unchanged",
        same("storage", "vtable", "in_list", "slot_vaddr", "usage", "paths"),
    ),
    _FFIU.others_preserved(9),
    _FFIU.ens_slots(
        10, "the count is no sentinel",
        lambda _, n: n.rc not in (REF_COUNT_UNUSED, REF_COUNT_UNIQUE),
    ),
    _FFIU.ens_slots(11, "storage is initialised", lambda _, n: n.storage),
    _FFIU.ens_slots(12, "usage is Frame", lambda _, n: n.usage == "Frame", DYNAMIC),
    _FFIU.step(
        1, "a frame at the address under a fresh id", lambda c: is_registered(c, _shared_paddr(c))
    ),
    _FFIU.step(2, "None: no registry differs", _stay, _FFIU.none),
    _FFIU.no_op("the slot is not parked: nothing happens", lambda c: not _has_shared_slot(c)),
    _FFIU.returns(succeeds=False, known=_SATURATED),
)  # fmt: skip


def _is_uncovered(call: Call) -> bool:
    return call.old.covers(of_frame(call)[0]) == 0


def _is_unregistered(call: Call) -> bool:
    old, new = call.old, call.new
    return is_remove(old.frames, new.frames, call.op.frame) and unchanged(old, new, "frames")


_FD: Final = Checklist(
    "OP.FD", "FrameDrop", ("frame_drop",), "frame_drop_embedded", of_frame, _is_uncovered
)

_DROP = (
    _FD.region_was_inv(),
    _FD.req_slots(3, "the count was in 1 ..= MAX", was_live),
    _FD.req_slots(
        4, "the last reference: storage initialised, in_list 0, no paths",
        lambda o, _: o.rc != 1 or (o.storage and o.in_list == 0 and not o.paths),
    ),
    _FD.was_frame("STRUCT.13"),
    _FD.region_is_inv(),
    _FD.others_preserved(2),
    _FD.parked_unchanged(3),
    _FD.ens_slots(
        4, "slot_vaddr, usage, paths and in_list unchanged",
        same("slot_vaddr", "usage", "paths", "in_list"),
    ),
    _FD.ens_slots(
        5, "1 becomes UNUSED, without paths",
        lambda o, n: is_freed(o, n) and (o.rc != 1 or not n.paths),
    ),
    _FD.ens_slots(
        6, "n > 1 becomes n - 1, storage unchanged",
        lambda o, n: shrank(o, n) and (o.rc == 1 or o.storage == n.storage),
    ),
    *_FD.universal(7, known=_LAST),
    _FD.step(1, "the frame is gone", _is_unregistered),
    _FD.returns(),
)  # fmt: skip

CLAUSES: Final = (*_FROM_UNUSED, *_FROM_IN_USE, *_DROP)
