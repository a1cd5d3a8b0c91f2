"""The checklists of the store's operations on exclusive frames.

Source: vostd `unique_from_unused_embedded`, `unique_drop_embedded`, `from_unique_embedded`,
`try_from_shared_embedded`.
"""

from collections.abc import Mapping
from typing import Final

from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.contracts.call import Call, is_identical
from vmstore.contracts.checklist import (
    DYNAMIC,
    Checklist,
    always,
    is_valid,
    of_frame,
    of_paddr,
    of_unique,
    same,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.values import is_insert, is_remove, unchanged
from vmstore.outcome import Err, Ok

_RECYCLED: Final = fails("AX-25")
_SOLE: Final = fails("AX-06")

LEFT_OUT: Final[Mapping[str, str]] = {
    "OP.TFS.REQ.1": "the step's guard: where it does not hold the step is OP.TFS.N.1",
}

_KEPT: Final = same("usage", "paths", "in_list", "storage", "slot_vaddr")


def _is_unused(call: Call) -> bool:
    return is_valid(call) and call.old.at(call.op.paddr).rc == REF_COUNT_UNUSED


def _is_fresh(call: Call) -> bool:
    slot = call.old.at(call.op.paddr)
    return _is_unused(call) and slot.parked and slot.usage == "Unused"


def _was_used(call: Call) -> bool:
    return call.is_ok and _is_unused(call) and not _is_fresh(call)


def _is_taken_or_no_page(call: Call) -> bool:
    return isinstance(call.outcome, Ok | Err) and not _is_unused(call)


def _is_registered(call: Call) -> bool:
    old, new, dst = call.old, call.new, call.op.dst
    return (
        is_insert(old.uniques, new.uniques, dst)
        and new.uniques[dst] == call.op.paddr
        and unchanged(old, new, "uniques")
    )


_UFU: Final = Checklist(
    "OP.UFU", "UniqueFromUnused", ("unique_from_unused",), "unique_from_unused_embedded",
    of_paddr, _is_fresh,
)  # fmt: skip

_FROM_UNUSED = (
    _UFU.region_is_inv(),
    _UFU.parked_unchanged(2),
    _UFU.ens_slots(3, "usage is Frame", lambda _, n: n.usage == "Frame"),
    _UFU.ens_slots(4, "the count is UNIQUE", lambda _, n: n.rc == REF_COUNT_UNIQUE),
    _UFU.ens_slots(5, "in_list == 0", lambda _, n: n.in_list == 0),
    _UFU.ens_slots(6, "storage is initialised", lambda _, n: n.storage),
    _UFU.ens_slots(7, "paths and slot_vaddr unchanged", same("paths", "slot_vaddr")),
    _UFU.others_preserved(8),
    *_UFU.universal(9),
    _UFU.step(1, "a unique frame at the address under a fresh id", _is_registered),
    _UFU.no_op("no page, or one in use: nothing happens", _is_taken_or_no_page),
    _UFU.line(
        "N.1/USED", "a page that was used before: nothing happens", is_identical,
        _was_used, _RECYCLED,
    ),
    _UFU.returns(),
)  # fmt: skip


def _is_unregistered(call: Call) -> bool:
    old, new = call.old, call.new
    return is_remove(old.uniques, new.uniques, call.op.unique) and unchanged(old, new, "uniques")


_UD: Final = Checklist(
    "OP.UD", "UniqueDrop", ("unique_drop",), "unique_drop_embedded", of_unique, always
)

_DROP = (
    _UD.req_slots(1, "the count was UNIQUE", lambda o, _: o.rc == REF_COUNT_UNIQUE),
    _UD.req_slots(2, "in_list was 0", lambda o, _: o.in_list == 0),
    _UD.req_slots(3, "storage was initialised", lambda o, _: o.storage),
    _UD.req_slots(4, "there were no paths", lambda o, _: not o.paths),
    _UD.was_frame("STRUCT.17a"),
    _UD.region_is_inv(),
    _UD.parked_unchanged(2),
    _UD.ens_slots(3, "the count is UNUSED", lambda _, n: n.rc == REF_COUNT_UNUSED),
    _UD.ens_slots(
        4, "usage, paths, in_list and slot_vaddr unchanged",
        same("usage", "paths", "in_list", "slot_vaddr"),
    ),
    _UD.others_preserved(5),
    *_UD.universal(6),
    _UD.step(1, "the unique frame is gone", _is_unregistered),
    _UD.returns(),
)  # fmt: skip


def _becomes_frame(call: Call) -> bool:
    op, old, new = call.op, call.old, call.new
    return (
        is_remove(old.uniques, new.uniques, op.unique)
        and is_insert(old.frames, new.frames, op.dst)
        and new.frames[op.dst] == old.uniques[op.unique]
        and unchanged(old, new, "uniques", "frames")
    )


_FU: Final = Checklist(
    "OP.FU", "FromUnique", ("unique_into_shared",), "from_unique_embedded", of_unique, always
)

_INTO_SHARED = (
    _FU.req_slots(1, "the count was UNIQUE", lambda o, _: o.rc == REF_COUNT_UNIQUE),
    _FU.region_is_inv(),
    _FU.parked_unchanged(2),
    _FU.ens_slots(3, "the count is 1", lambda _, n: n.rc == 1),
    _FU.ens_slots(4, "usage, paths, in_list, storage and slot_vaddr unchanged", _KEPT),
    _FU.others_preserved(5),
    *_FU.universal(6),
    _FU.step(1, "the unique frame is a frame, under a fresh id", _becomes_frame),
    _FU.returns(),
)  # fmt: skip


def _is_sole(call: Call) -> bool:
    return call.before(of_frame(call)[0]).rc == 1


def _is_not_sole(call: Call) -> bool:
    return isinstance(call.outcome, Ok | Err) and not _is_sole(call)


def _becomes_unique(call: Call) -> bool:
    op, old, new = call.op, call.old, call.new
    return (
        is_remove(old.frames, new.frames, op.frame)
        and is_insert(old.uniques, new.uniques, op.dst)
        and new.uniques[op.dst] == old.frames[op.frame]
        and unchanged(old, new, "uniques", "frames")
    )


def stays(old: Mapping[int, int], new: Mapping[int, int], handle: int) -> bool:
    """Return whether a handle stays with the caller.

    A trace cannot name it any more: it may have moved to a negative id.
    """
    if old == new:
        return True
    moved = new.keys() - old.keys()
    if len(moved) != 1 or not is_remove(old, {k: new[k] for k in new if k not in moved}, handle):
        return False
    (key,) = moved
    return key < 0 and new[key] == old[handle]


def _frame_stays(call: Call) -> bool:
    old, new = call.old, call.new
    return (
        not call.changed
        and unchanged(old, new, "frames")
        and stays(old.frames, new.frames, call.op.frame)
    )


_TFS: Final = Checklist(
    "OP.TFS", "TryFromShared", ("unique_try_from_shared",), "try_from_shared_embedded",
    of_frame, _is_sole,
)  # fmt: skip

_TRY_FROM_SHARED = (
    _TFS.req_slots(2, "usage was Frame", lambda o, _: o.usage == "Frame", DYNAMIC),
    _TFS.req_slots(3, "there were no paths", lambda o, _: not o.paths),
    _TFS.region_is_inv(),
    _TFS.parked_unchanged(2),
    _TFS.ens_slots(3, "the count is UNIQUE", lambda _, n: n.rc == REF_COUNT_UNIQUE),
    _TFS.ens_slots(4, "usage, paths, in_list, storage and slot_vaddr unchanged", _KEPT),
    _TFS.others_preserved(5),
    *_TFS.universal(6, known=_SOLE),
    _TFS.step(1, "the frame is a unique frame, under a fresh id", _becomes_unique),
    _TFS.no_op("more than one reference: the frame stays", _is_not_sole, _frame_stays),
    _TFS.returns(),
)  # fmt: skip

CLAUSES: Final = (*_FROM_UNUSED, *_DROP, *_INTO_SHARED, *_TRY_FROM_SHARED)
