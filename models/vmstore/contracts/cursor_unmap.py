"""The contract of `unmap`, as the proof trusts it and as the code does it."""

from collections import Counter
from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE
from vmstore.contracts.call import Call
from vmstore.contracts.cursor_terms import (
    are_nodes_locked,
    has_cursor,
    has_not_left,
    is_owner_inv,
    is_sound_after,
    was_entry_inv,
    was_sound,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.slot_inv import is_preserved, region_inv, same_parked, was_region_inv
from vmstore.contracts.space_terms import (
    Card,
    gives_back,
    is_in_use,
    same_in_list,
    succeeded,
    tlb_is_inv,
    tlb_was_inv,
)
from vmstore.contracts.universal import operated
from vmstore.contracts.values import CursorValue, LeafValue, SlotTest, SlotValue

LEFT_OUT: Final[dict[str, str]] = {
    "OP.UNMAP.ENS.13": "every slot is parked before the call, as the region's invariant says",
}


def _each_frame(call: Call, test: SlotTest) -> bool:
    """Return whether a test holds of every slot that was a Frame's."""
    return call.every(lambda o, n: o.usage != "Frame" or test(o, n))


def _met_a_frame(call: Call) -> bool:
    return call.is_ok and any(call.before(i).usage == "Frame" for i in call.changed)


def _met_a_device(call: Call) -> bool:
    return call.is_ok and any(call.before(i).usage == "MMIO" for i in call.changed)


def _balances(old: SlotValue, new: SlotValue) -> bool:
    return new.rc + len(old.paths) == old.rc + len(new.paths)


def _rc_stays_shared(old: SlotValue, new: SlotValue) -> bool:
    return old.rc == REF_COUNT_UNIQUE or new.rc != REF_COUNT_UNIQUE


def _removed(call: Call) -> list[LeafValue]:
    """Return the leaves of tracked frames that hang below the cursor no more."""
    old, new = _before_after(call)
    kept = {leaf.at for leaf in new.tree.leaves}
    return [leaf for leaf in old.tree.leaves if leaf.is_tracked and leaf.at not in kept]


def _before_after(call: Call) -> tuple[CursorValue, CursorValue]:
    own = operated(call.op)
    assert own is not None, "the op is a call of a cursor"
    return call.old.cursors[own], call.new.cursors[own]


def _no_shared_path_goes(call: Call) -> bool:
    """Upstream removes an index sequence from the set, whoever else relies on it."""
    return all(
        not _lost_index_paths(call, index) & call.new.index_paths(index)
        for index in call.changed
        if call.before(index).paths != call.after(index).paths
    )


def _lost_index_paths(call: Call, index: int) -> frozenset[tuple[int, ...]]:
    lost = call.before(index).paths - call.after(index).paths
    known = call.old.projected.get(index, {})
    return frozenset(known.get(at, at) for at in lost)


_UNMAP: Final = Card(
    "OP.UNMAP", "Unmap", ("cursor_unmap",), "cursor_mut_unmap_embedded", succeeded, has_cursor
)
_UNMAPS = (
    _UNMAP.line("REQ.1", "the cursor's entry satisfied its invariant", was_entry_inv),
    _UNMAP.line("REQ.2", "the region satisfied its invariant", was_region_inv),
    _UNMAP.line("REQ.3", "the cursor was sound", was_sound),
    _UNMAP.line("REQ.4", "cached translations lead to pages of their own", tlb_was_inv,
                known=fails("AX-41")),
    _UNMAP.line("ENS.1", "the cursor satisfies its invariant", is_owner_inv),
    _UNMAP.line("ENS.2", "the region satisfies its invariant", region_inv),
    _UNMAP.line("ENS.3", "its nodes are locked, it has not been popped out of its range",
                lambda c: are_nodes_locked(c) and has_not_left(c)),
    _UNMAP.line("ENS.4", "it is sound against the slots", is_sound_after),
    _UNMAP.line("ENS.5", "cached translations lead to pages of their own", tlb_is_inv,
                lambda c: _UNMAP.when(c) and tlb_was_inv(c)),
    _UNMAP.line("ENS.6", "`slots` unchanged", same_parked),
    _UNMAP.line("ENS.7", "slot_vaddr unchanged at every slot",
                lambda c: c.every(lambda o, n: o.slot_vaddr == n.slot_vaddr)),
    _UNMAP.line("ENS.8", "usage unchanged at every slot",
                lambda c: c.every(lambda o, n: o.usage == n.usage), known=fails("AX-10")),
    _UNMAP.line("ENS.9", "in_list unchanged at every slot", same_in_list),
    _UNMAP.line("ENS.10", "the vtable unchanged at every slot",
                lambda c: c.every(lambda o, n: o.vtable == n.vtable), known=fails("AX-08")),
    _UNMAP.line("ENS.11", "no slot becomes UNIQUE", lambda c: c.every(_rc_stays_shared)),
    _UNMAP.line("ENS.12", "a slot that is in use keeps its storage",
                lambda c: c.every(lambda o, n: not is_in_use(n) or o.storage == n.storage)),
    _UNMAP.line("ENS.14", "a frame's count falls by as much as its number of paths",
                lambda c: _each_frame(c, _balances), _met_a_frame, fails("AX-08")),
    _UNMAP.line("ENS.15", "no frame's count grows",
                lambda c: _each_frame(c, lambda o, n: n.rc <= o.rc), _met_a_frame,
                fails("AX-08")),
    _UNMAP.line("ENS.16", "no frame's number of paths grows",
                lambda c: _each_frame(c, lambda o, n: len(n.paths) <= len(o.paths)),
                _met_a_frame),
    _UNMAP.line("ENS.16/PATH", "no path of a mapping that stays is taken from a frame, written"
                " without the space", _no_shared_path_goes, _met_a_frame, fails("AX-13")),
    _UNMAP.line("ENS.17", "no frame's count is 0", lambda c: _each_frame(c, lambda _, n: n.rc != 0),
                _met_a_frame),
    _UNMAP.line("ENS.18", "every slot of a device is preserved",
                lambda c: c.every(lambda o, n: o.usage != "MMIO" or is_preserved(o, n)),
                _met_a_device),
    *_UNMAP.universal("ENS.19", fails("AX-09"), fails("AX-09")),
    # Misaligned, beyond the range, past 2^64, on a read-only cursor: nothing of it is asked for.
    _UNMAP.returns(has_cursor, fails("AX-45")),
)  # fmt: skip


# -- as the code does it ------------------------------------------------------------------------


def _removes(call: Call) -> bool:
    return call.is_ok and bool(_removed(call))


def _ends_at_once(call: Call) -> bool:
    return _removes(call) and call.world.rcu == "immediate"


def _is_deferred(call: Call) -> bool:
    return _removes(call) and call.world.rcu == "deferred"


def _removed_pages(call: Call) -> Counter[int]:
    """Return how many leaves of each page were removed."""
    return Counter(leaf.paddr // PAGE_SIZE for leaf in _removed(call))


def _paths_go(call: Call) -> bool:
    lost: dict[int, set[tuple[int, int]]] = {}
    for leaf in _removed(call):
        lost.setdefault(leaf.paddr // PAGE_SIZE, set()).add(leaf.at)
    pages = lost.keys() | set(call.changed)
    return all(
        call.after(i).paths == call.before(i).paths - lost.get(i, set()) for i in sorted(pages)
    )


def _last_references(call: Call, *, are_last: bool) -> list[tuple[int, int]]:
    """Return the pages, with their removals, that lost all references, or that did not."""
    removed = sorted(_removed_pages(call).items())
    return [(i, k) for i, k in removed if (call.before(i).rc == k) == are_last]


def _is_given_back(call: Call, *, are_last: bool) -> bool:
    pages = _last_references(call, are_last=are_last)
    return all(gives_back(call.before(i), call.after(i), k) for i, k in pages)


def _frees_last(call: Call) -> bool:
    return _ends_at_once(call) and bool(_last_references(call, are_last=True))


def _keeps_others(call: Call) -> bool:
    return _ends_at_once(call) and bool(_last_references(call, are_last=False))


def _usage_stays(call: Call) -> bool:
    return _each_frame(call, lambda o, n: o.usage == n.usage)


def _counts_wait(call: Call) -> bool:
    """What a grace period waits for is still counted, by each processor that is to flush.

    A path may go with its table only.
    """
    pages = ((call.before(i), call.after(i)) for i in sorted(_removed_pages(call)))
    return all(n.is_live and n.rc >= o.rc and n.paths <= o.paths for o, n in pages)


# A contract of its own: it speaks whether the proof's requirements are met or not.
_EXEC: Final = Card("OP.UNMAP", "CursorMut::unmap", ("cursor_unmap",), "CursorMut::unmap", _removes)
_EXECUTED = (
    _EXEC.line("EXEC.1", "a frame loses exactly the paths of the leaves that were removed",
               _paths_go, _ends_at_once),
    _EXEC.line("EXEC.2", "a frame with references left counts one less for each leaf, its storage"
               " and vtable as they were", lambda c: _is_given_back(c, are_last=False),
               _keeps_others),
    _EXEC.line("EXEC.3", "a frame without becomes UNUSED, its storage and vtable are torn down",
               lambda c: _is_given_back(c, are_last=True), _frees_last),
    _EXEC.line("EXEC.4", "a frame's usage stays Frame", _usage_stays),
    _EXEC.line("EXEC.5", "while a grace period lasts no count falls", _counts_wait, _is_deferred),
)  # fmt: skip

CLAUSES: Final = _UNMAPS + _EXECUTED
