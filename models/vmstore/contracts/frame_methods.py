"""The contracts of `Frame`'s own methods, which the verified twin proves.

Source: vostd `Frame`.
"""

from collections.abc import Mapping
from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED, index_to_meta
from vmstore.contracts.call import Call
from vmstore.contracts.checklist import (
    DYNAMIC,
    Checklist,
    Pages,
    always,
    is_freed,
    is_only,
    is_region_unchanged,
    is_valid,
    ledger_moves,
    of_frame,
    of_paddr,
    page,
    same,
    shrank,
)
from vmstore.contracts.slot_inv import region_inv, same_parked, was_region_inv
from vmstore.contracts.values import SlotValue
from vmstore.outcome import Err

_PANICS: Final = "when a call may panic is one flag that nothing reads: the call returns or not"
_NO_OP: Final = "crate-internal, by address: no op calls it"
LEFT_OUT: Final[Mapping[str, str]] = {
    "FRM.FIU.PRE.2": _PANICS,
    "FRM.CLN.PRE.4": _PANICS,
    "FRM.FR.POST.5": "the token of the obligation: tokens are forgeable, the ledger counts",
    "FRM.DROP.PRE.4": "the token of the obligation: tokens are forgeable, the ledger counts",
    "FRM.INC.PRE.1": _NO_OP,
    "FRM.INC.PRE.2": _NO_OP,
    "FRM.INC.PRE.3": _NO_OP,
    "FRM.INC.POST.1": _NO_OP,
    "FRM.INC.POST.2": _NO_OP,
    "FRM.INC.POST.3": _NO_OP,
    "FRM.INC.POST.4": _NO_OP,
}

_LITERAL: Final = {"vostd": "G3", "seed": "G3"}
_REGION: Final = "the region satisfies its invariant"
_KEPT: Final = same("storage", "vtable", "in_list", "paths", "slot_vaddr", "usage")


def _list(prefix: str, method: str, op: str, pages: Pages) -> Checklist:
    return Checklist(prefix, f"Frame::{method}", (op,), f"Frame::{method}", pages, always)


def is_wf(slot: SlotValue, index: int, rc_max: int) -> bool:
    """Return `Frame::wf_with_region` of a handle at a slot, without the region's invariant."""
    return slot.parked and slot.slot_vaddr == index_to_meta(index) and 0 < slot.rc <= rc_max


def _was_wf(call: Call) -> bool:
    (index,) = of_frame(call)
    slot = call.before(index)
    return is_wf(slot, index, call.world.rc_max) and was_region_inv(call, page(index * PAGE_SIZE))


def _was_owned(call: Call) -> bool:
    return call.before(of_frame(call)[0]).obligations > 0


def _points(call: Call) -> bool:
    return bool(call.new.frames.get(call.op.dst) == call.op.paddr)


_FU: Final = _list("FRM.FU", "from_unused", "frame_from_unused", of_paddr)


def _is_claimed(old: SlotValue, new: SlotValue) -> bool:
    return (
        old.rc == REF_COUNT_UNUSED
        and new.rc == 1
        and new.in_list == 0
        and new.storage
        and new.vtable != ""
        and new.usage == "Frame"
        and new.slot_vaddr == old.slot_vaddr
        and new.paths == old.paths
    )


_FROM_UNUSED = (
    _FU.pre(1, "the region satisfied its invariant", _FU.was_inv),
    _FU.post(1, _REGION, region_inv, _FU.returned),
    _FU.post(2, "the frame is at the address", _points),
    _FU.post(
        3, "UNUSED becomes 1 with metadata and usage Frame, all else unchanged but the obligation",
        lambda c: (
            c.every_of(of_paddr(c), _is_claimed)
            and is_only(c, of_paddr(c))
            and same_parked(c)
            and ledger_moves(c, of_paddr(c), 1)
        ),
    ),
    _FU.post(
        4, "an address that is no page's is an error", lambda c: isinstance(c.outcome, Err),
        lambda c: not is_valid(c),
    ),
    _FU.post(5, "an error leaves the region unchanged", is_region_unchanged, _FU.none),
)  # fmt: skip

_FIU: Final = _list("FRM.FIU", "from_in_use", "frame_from_in_use", of_paddr)

_FROM_IN_USE = (
    _FIU.pre(1, "the region satisfied its invariant", _FIU.was_inv),
    _FIU.post(1, _REGION, region_inv, _FIU.returned),
    _FIU.post(
        2, "the count grew by one, the frame is at the address",
        lambda c: c.every_of(of_paddr(c), lambda o, n: n.rc == o.rc + 1) and _points(c),
    ),
    _FIU.post(3, "one obligation more", lambda c: ledger_moves(c, of_paddr(c), 1)),
    _FIU.post(
        4, "an address that is no page's is an error", lambda c: isinstance(c.outcome, Err),
        lambda c: not is_valid(c),
    ),
    _FIU.post(5, "all other owners unchanged", lambda c: is_only(c, of_paddr(c))),
    _FIU.post(6, "an error leaves the region unchanged", is_region_unchanged, _FIU.none),
)  # fmt: skip


def _paddr(call: Call) -> int:
    return call.old.frames[call.op.frame]


def _slot(call: Call) -> SlotValue:
    return call.old.at(_paddr(call))


_PA: Final = _list("FRM.PA", "paddr", "frame_info", of_frame)
_SIZE: Final = _list("FRM.SIZE", "size", "frame_info", of_frame)
_LVL: Final = _list("FRM.LVL", "map_level", "frame_info", of_frame)
_META: Final = _list("FRM.META", "meta", "frame_info", of_frame)
_RC: Final = _list("FRM.RC", "reference_count", "frame_reference_count", of_frame)
_EQ: Final = _list("FRM.EQ", "eq", "frame_eq", of_frame)
_BOR: Final = _list("FRM.BOR", "borrow", "frame_borrow", of_frame)

_QUERIES = (
    _PA.post(1, "the address is the handle's", lambda c: c.value.get("paddr") == _paddr(c)),
    _SIZE.post(1, "the size is that of a page", lambda c: c.value.get("size") == PAGE_SIZE),
    _LVL.post(1, "the level is 1", lambda c: c.value.get("level") == 1),
    _META.post(1, "the metadata is the slot's", lambda c: c.value.get("meta") == _slot(c).vtable),
    _RC.post(1, "the count is the slot's", lambda c: c.value.get("rc") == _slot(c).rc),
    _EQ.post(
        1, "two handles are equal iff their addresses are",
        lambda c: c.value.get("eq") == (_paddr(c) == c.old.frames[c.op.other]),
    ),
    _BOR.pre(1, "the handle is one of a live slot", _was_wf),
    _BOR.post(1, "the region is unchanged", is_region_unchanged),
    _BOR.post(2, "the same address", lambda c: c.value.get("paddr") == _paddr(c)),
)  # fmt: skip

_IR: Final = _list("FRM.IR", "into_raw", "frame_into_raw", of_frame)

_INTO_RAW = (
    _IR.pre(
        1, "the handle is a page's",
        lambda c: _paddr(c) % PAGE_SIZE == 0 and 0 <= _paddr(c) < c.world.max_paddr,
    ),
    _IR.pre(2, "the region satisfied its invariant", _IR.was_inv),
    _IR.pre(3, "the count is not UNUSED", lambda c: _slot(c).rc != REF_COUNT_UNUSED),
    _IR.pre(4, "usage is not PageTable", lambda c: _slot(c).usage != "PageTable", DYNAMIC),
    _IR.pre(5, "there is an obligation", _was_owned, _LITERAL),
    _IR.post(1, _REGION, region_inv),
    _IR.post(2, "the result is the handle's address", lambda c: c.value.get("paddr") == _paddr(c)),
    _IR.post(3, "usage unchanged", _IR.each(lambda o, n: o.usage == n.usage)),
    _IR.post(4, "other owners unchanged", lambda c: is_only(c, of_frame(c))),
    _IR.post(5, "`slots` unchanged", same_parked),
    _IR.post(6, "one obligation less", lambda c: ledger_moves(c, of_frame(c), -1)),
)  # fmt: skip


def _restored(call: Call) -> int:
    return call.new.frames.get(call.op.dst, -1)


def _of_restored(call: Call) -> range:
    return page(max(_restored(call), 0))


_FR: Final = _list("FRM.FR", "from_raw", "frame_from_raw", _of_restored)

_FROM_RAW = (
    _FR.pre(1, "the slot is parked", _FR.each_was(lambda o, _: o.parked)),
    _FR.pre(
        2, "the slot is where its index says",
        lambda c: all(c.before(i).slot_vaddr == index_to_meta(i) for i in _of_restored(c)),
    ),
    _FR.pre(
        3, "the address is a page's",
        lambda c: _restored(c) % PAGE_SIZE == 0 and 0 <= _restored(c) < c.world.max_paddr,
    ),
    _FR.pre(4, "the region satisfied its invariant", _FR.was_inv),
    _FR.pre(5, "the count is not UNUSED", _FR.each_was(lambda o, _: o.rc != REF_COUNT_UNUSED)),
    _FR.post(1, _REGION, region_inv),
    _FR.post(2, "all owners and `slots` unchanged", lambda c: is_only(c, range(0))),
    _FR.post(3, "a fresh handle", lambda c: c.op.dst in c.new.frames.keys() - c.old.frames.keys()),
    _FR.post(4, "one obligation more", lambda c: ledger_moves(c, _of_restored(c), 1)),
)  # fmt: skip

_CLN: Final = _list("FRM.CLN", "clone", "frame_clone", of_frame)

_CLONE = (
    _CLN.pre(
        1, "the handle is a page's",
        lambda c: _paddr(c) % PAGE_SIZE == 0 and _paddr(c) >= 0,
    ),
    _CLN.pre(2, "the region satisfied its invariant", _CLN.was_inv),
    _CLN.pre(3, "the count is not 0 and not UNUSED", lambda c: 0 < _slot(c).rc < REF_COUNT_UNUSED),
    _CLN.pre(5, "the address is in memory", lambda c: _paddr(c) < c.world.max_paddr),
    _CLN.post(1, _REGION, region_inv),
    _CLN.post(2, "the count grew by one", _CLN.each(lambda o, n: n.rc == o.rc + 1)),
    _CLN.post(3, "the rest of the slot unchanged", _CLN.each(_KEPT)),
    _CLN.post(
        4, "`slots` and other owners unchanged",
        lambda c: same_parked(c) and is_only(c, of_frame(c)),
    ),
    _CLN.post(5, "one obligation more", lambda c: ledger_moves(c, of_frame(c), 1)),
    _CLN.post(6, "the same address", lambda c: c.new.frames.get(c.op.dst) == _paddr(c)),
)  # fmt: skip

_DROP: Final = _list("FRM.DROP", "drop", "frame_drop", of_frame)

_DROPS = (
    _DROP.pre(1, "the handle is one of a live slot", _was_wf),
    _DROP.pre(
        2, "the last reference has no paths", _DROP.each_was(lambda o, _: o.rc != 1 or not o.paths)
    ),
    _DROP.pre(3, "there is an obligation", _was_owned, _LITERAL),
    _DROP.post(1, _REGION, region_inv),
    _DROP.post(
        2, "`slots` and other owners unchanged",
        lambda c: same_parked(c) and is_only(c, of_frame(c)), None, DYNAMIC,
    ),
    _DROP.post(
        3, "slot_vaddr, usage and paths unchanged",
        _DROP.each(same("slot_vaddr", "usage", "paths")), None, DYNAMIC,
    ),
    _DROP.post(4, "1 becomes UNUSED", _DROP.each(is_freed)),
    _DROP.post(5, "n > 1 becomes n - 1", _DROP.each(shrank)),
    _DROP.post(6, "one obligation less", lambda c: ledger_moves(c, of_frame(c), -1)),
)  # fmt: skip

CLAUSES: Final = (
    *_FROM_UNUSED, *_FROM_IN_USE, *_QUERIES, *_INTO_RAW, *_FROM_RAW, *_CLONE, *_DROPS,
)  # fmt: skip
