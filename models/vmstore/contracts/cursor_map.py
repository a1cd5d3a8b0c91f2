"""The contract of `map` that the proof trusts."""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call
from vmstore.contracts.cursor_terms import (
    are_nodes_locked,
    has_cursor,
    has_not_left,
    is_owner_inv,
    is_sound_after,
    keeps_entry,
    was_entry_inv,
    was_sound,
)
from vmstore.contracts.registry import fails
from vmstore.contracts.slot_inv import is_preserved, region_inv, same_parked, was_region_inv
from vmstore.contracts.space_terms import (
    GUARDS,
    TWINS,
    Card,
    is_in_use,
    is_made,
    same_in_list,
    succeeded,
    tlb_is_inv,
    tlb_was_inv,
)
from vmstore.contracts.values import SlotTest, SlotValue, is_remove

LEFT_OUT: Final[dict[str, str]] = {
    "OP.MAP.ENS.3": "no node below the cursor is locked through it: " + GUARDS,
}


def _target(call: Call) -> int:
    """Return the page of the frame that the call consumes. Requires: its handle was live."""
    return call.old.frames[call.op.frame] // PAGE_SIZE


def _is_asked(call: Call) -> bool:
    return is_made(call) and has_cursor(call) and call.op.frame in call.old.frames


def _on_others(call: Call, test: SlotTest) -> bool:
    target = _target(call)
    return all(i == target or test(call.before(i), call.after(i)) for i in call.changed)


def _keeps(call: Call, *names: str) -> bool:
    """Return whether these fields of the target's slot are unchanged."""
    before, after = call.before(_target(call)), call.after(_target(call))
    return all(getattr(before, name) == getattr(after, name) for name in names)


def _paths_grow(call: Call) -> bool:
    before, after = call.before(_target(call)), call.after(_target(call))
    return len(after.paths) == len(before.paths) + 1


def _index_paths_grow(call: Call) -> bool:
    before = call.old.index_paths(_target(call))
    return len(call.new.index_paths(_target(call))) == len(before) + 1


def _new_is_no_frame(old: SlotValue, new: SlotValue) -> bool:
    is_taken = not is_in_use(old) and is_in_use(new)
    return not is_taken or new.usage != "Frame"


_REPLACED: Final = fails("AX-14", TWINS)
_MAP: Final = Card(
    "OP.MAP", "Map", ("cursor_map",), "cursor_mut_map_embedded", succeeded, _is_asked
)
CLAUSES: Final = (
    _MAP.line("REQ.1", "the cursor's entry satisfied its invariant", was_entry_inv),
    _MAP.line("REQ.2", "the region satisfied its invariant", was_region_inv),
    _MAP.line("REQ.3", "the cursor was sound", was_sound),
    _MAP.line("REQ.4", "cached translations lead to pages of their own", tlb_was_inv,
              known=fails("AX-41")),
    _MAP.line("REQ.5", "the frame's address is that of a page",
              lambda c: c.old.frames[c.op.frame] % PAGE_SIZE == 0
              and c.old.frames[c.op.frame] < c.world.max_paddr),
    _MAP.line("ENS.1", "the cursor satisfies its invariant", is_owner_inv),
    _MAP.line("ENS.2", "the region satisfies its invariant", region_inv),
    _MAP.line("ENS.4", "the nodes of its path are locked", are_nodes_locked),
    _MAP.line("ENS.5", "it is sound against the slots", is_sound_after),
    _MAP.line("ENS.6", "it has not been popped out of its range", has_not_left),
    _MAP.line("ENS.7", "cached translations lead to pages of their own", tlb_is_inv,
              lambda c: _MAP.when(c) and tlb_was_inv(c)),
    _MAP.line("ENS.8", "`slots` unchanged", same_parked),
    _MAP.line("ENS.9", "in_list unchanged at every slot", same_in_list),
    _MAP.line("ENS.10", "every slot in use but the frame's is preserved",
              lambda c: _on_others(c, lambda o, n: not is_in_use(o) or is_preserved(o, n)),
              known=_REPLACED),
    _MAP.line("ENS.11", "no slot in use becomes UNUSED",
              lambda c: c.every(lambda o, n: is_in_use(n) or not is_in_use(o)), known=_REPLACED),
    _MAP.line("ENS.12", "the frame's count unchanged", lambda c: _keeps(c, "rc"),
              known=fails("AX-14", TWINS)),
    _MAP.line("ENS.13", "the frame has one path more", _paths_grow, known=fails("AX-13", TWINS)),
    _MAP.line("ENS.13/PATH", "the frame has one path more, written without the space",
              _index_paths_grow, known=fails("AX-13")),
    _MAP.line("ENS.14", "the frame's usage unchanged", lambda c: _keeps(c, "usage")),
    _MAP.line("ENS.15", "the frame's storage unchanged", lambda c: _keeps(c, "storage")),
    _MAP.line("ENS.16", "every slot that ends UNUSED is preserved",
              lambda c: c.every(lambda o, n: is_in_use(n) or is_preserved(o, n)),
              known=_REPLACED),
    _MAP.line("ENS.17", "every other slot that comes into use is no Frame",
              lambda c: _on_others(c, _new_is_no_frame)),
    *_MAP.universal("ENS.18", _REPLACED, _REPLACED),
    _MAP.line("STEP.1", "the frame's handle is registered no more",
              lambda c: is_remove(c.old.frames, c.new.frames, c.op.frame)),
    _MAP.line("STEP.2", "the cursor keeps space, kind and range", keeps_entry),
    # Of a read-only cursor, of a typed frame, at the end, over a page: the handle goes as well.
    _MAP.returns(_is_asked, fails("AX-15")),
)  # fmt: skip
