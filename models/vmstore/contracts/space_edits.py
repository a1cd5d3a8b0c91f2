"""The contracts of the methods that work on more than a page: `map_iomem`, `unmap`."""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call
from vmstore.contracts.cursor_edits import shown_leaf
from vmstore.contracts.cursor_terms import (
    ENCODED_FLAGS,
    end_overflows,
    is_mutable,
    is_same_place,
    leaves_in,
    length_panic,
    mutated,
    on_cursor,
    panics_iff,
    view_of,
)
from vmstore.contracts.space_terms import Card
from vmstore.contracts.values import CursorValue, NodeValue, unchanged

_PRIV_DEVICE: Final = 0x41
_TAKE: Final = "a call of a raw table's cursor, which is in no store; `unmap` is made of it"
_INTERNAL: Final = "a step inside of the calls, which values do not show"
_STEPS: Final = {
    "POP": (1, 2), "PUSH": (1, 2), "FWD": (1, 2), "SLOT": (1,), "REPL": (1, 2, 3),
}  # fmt: skip
LEFT_OUT: Final[dict[str, str]] = {
    **{f"CUR.TAKE.POST.{number}": _TAKE for number in range(1, 16)},
    "CUR.TAKE.PRE": _TAKE,
    **{f"CUR.{step}.{n}": _INTERNAL for step, numbers in _STEPS.items() for n in numbers},
    "CUR.STEPS": "what never ends comes to an outcome that no contract speaks of",
    "VMS.UNMAP.POST.8": "OP.UNMAP.ENS.5 says the same",
}


def _device_due(call: Call, _cursor: CursorValue) -> str | None:
    return "len-unaligned" if (call.op.len | call.op.offset) % PAGE_SIZE else None


def _is_beyond(call: Call) -> bool:
    return mutated(call) and call.op.offset >= call.op.size


def _is_within(call: Call) -> bool:
    return mutated(call) and call.op.offset < call.op.size


def _nothing_at_all(call: Call, old: CursorValue, new: CursorValue) -> bool:
    return is_same_place(old, new) and not call.changed and unchanged(call.old, call.new)


def _maps_device(call: Call, old: CursorValue, new: CursorValue) -> bool:
    op = call.op
    pages = -(-min(op.len, op.size - op.offset) // PAGE_SIZE)
    prop = (op.flags & ENCODED_FLAGS, op.cache, _PRIV_DEVICE)
    first = op.paddr + op.offset
    expected = [
        (old.va + at, PAGE_SIZE, first + at, prop, False)
        for at in range(0, pages * PAGE_SIZE, PAGE_SIZE)
    ]
    end = old.va + pages * PAGE_SIZE
    beside = [x for x in old.tree.leaves if not old.va <= x.va < end]
    kept = [x for x in new.tree.leaves if not old.va <= x.va < end]
    made = [shown_leaf(x) for x in leaves_in(new, old.va, end)] if pages else []
    return new.va == end and made == expected and beside == kept


_DEVICE: Final = Card("VMS.IOMAP", "CursorMut::map_iomem", ("cursor_map_iomem",),
                      "vm_space::CursorMut::map_iomem", mutated, is_mutable)  # fmt: skip
_DEVICES = (
    _DEVICE.line("PRE.1", "it panics first iff length or offset is not page aligned",
                 panics_iff(_device_due, "len-unaligned")),
    _DEVICE.line("POST.1", "an offset beyond the region: nothing differs",
                 on_cursor(_nothing_at_all), _is_beyond),
    _DEVICE.line("POST.2", "each page of the part that the region has is mapped, in order and"
                 " without a reference, and the cursor is behind them", on_cursor(_maps_device),
                 _is_within),
)  # fmt: skip


# -- unmap ----------------------------------------------------------------------------------------


def _unmap_due(call: Call, cursor: CursorValue) -> str | None:
    if end_overflows(call, cursor, call.op.len):
        return "overflow"
    return length_panic(cursor, call.op.len)


def _is_unmap_pre(call: Call) -> bool:
    codes = ("overflow", "len-unaligned", "len-beyond-barrier")
    return all(panics_iff(_unmap_due, code)(call) for code in codes)


def _end(call: Call, old: CursorValue) -> int:
    end: int = old.va + call.op.len
    return end


def _is_miss(call: Call, old: CursorValue, new: CursorValue) -> bool:
    return not leaves_in(new, old.va, _end(call, old))


def _same_outside(call: Call, old: CursorValue, new: CursorValue) -> bool:
    end = _end(call, old)
    was, now = (
        [leaf for leaf in cursor.tree.leaves if not old.va <= leaf.va < end]
        for cursor in (old, new)
    )
    return was == now


def _cut_tables(old: CursorValue, new: CursorValue) -> list[NodeValue]:
    kept = {node.page for node in new.tree.nodes}
    return [node for node in old.tree.nodes if node.page not in kept]


def _counts_removed(call: Call, old: CursorValue, new: CursorValue) -> bool:
    """A device's page counts only inside of a table that went as a whole."""
    cut = {node.page for node in _cut_tables(old, new)}
    removed = [leaf for leaf in old.tree.leaves if leaf not in new.tree.leaves]
    counted = [leaf for leaf in removed if leaf.is_tracked or leaf.at[0] in cut]
    return call.value == {"unmapped": len(counted)}


def _forgets_removed(call: Call, old: CursorValue, new: CursorValue) -> bool:
    running = {cpu for cpu, vs in call.new.active.items() if vs == old.vm_space}
    gone = {leaf.va for leaf in old.tree.leaves} - {leaf.va for leaf in new.tree.leaves}
    stale = [1 for cpu, page, _ in call.new.cached if cpu in running and page in gone]
    return not stale and call.new.cached <= call.old.cached


def _is_kept(call: Call, old: CursorValue, new: CursorValue) -> bool:
    gone = {leaf for leaf in old.tree.leaves if leaf.is_tracked} - set(new.tree.leaves)
    return all(1 <= call.new.at(leaf.paddr).rc <= call.world.rc_max for leaf in gone)


def _waits(call: Call) -> bool:
    return mutated(call) and call.world.rcu == "deferred" and call.value["unmapped"] != 0


def _is_unmap_spec(call: Call, old: CursorValue, new: CursorValue) -> bool:
    return view_of(call, old).unmap_spec(call.op.len, view_of(call, new))


_UNMAP: Final = Card("VMS.UNMAP", "CursorMut::unmap", ("cursor_unmap",), "CursorMut::unmap",
                     mutated, is_mutable)  # fmt: skip
_UNMAPS = (
    _UNMAP.line("PRE.1", "it panics iff, in this order, the end overflows in a debug build, the"
                " length is not page aligned, it reaches beyond the range", _is_unmap_pre),
    _UNMAP.line("POST.1", "no leaf meets the bytes", on_cursor(_is_miss)),
    _UNMAP.line("POST.2", "all other leaves are as they were", on_cursor(_same_outside)),
    _UNMAP.line("POST.3", "the cursor is behind the bytes, in its range",
                on_cursor(lambda c, old, new: _end(c, old) <= new.va <= old.end)),
    _UNMAP.line("POST.4", "the result counts frames, and what was in tables that went as a whole",
                on_cursor(_counts_removed)),
    _UNMAP.line("POST.5", "where the space is active no translation of what went is left",
                on_cursor(_forgets_removed)),
    _UNMAP.line("POST.6", "while a grace period lasts each frame that went is live",
                on_cursor(_is_kept), _waits),
    _UNMAP.line("POST.7", "the view is one that the specification allows",
                on_cursor(_is_unmap_spec)),
)  # fmt: skip

CLAUSES: Final = _DEVICES + _UNMAPS
