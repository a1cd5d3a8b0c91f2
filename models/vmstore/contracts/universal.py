"""The universal cursor clause: whatever cursor was sound against the slots before still is.

It quantifies over all values of the type. Three strengths of it can be executed: over the
registered cursors (`reg`), over the operated one as it was as well (`old`), and over every cursor
that the slots admit, as a rule about slots (`log`).
Source: vostd `VmStore::step`, `CursorOwner::metaregion_sound`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from vmstore.arch import PAGE_SIZE, index_to_meta
from vmstore.contracts.call import Call
from vmstore.contracts.values import LeafValue, SlotValue, TreeValue
from vmstore.geometry import geometry
from vmstore.ops import DECLARATIONS, Op

Slots = Mapping[int, SlotValue]

_HUGE_LEVELS: Final = (2, 3)  # a longer run contains one of these with the same first page
_OPERATED: Final = {
    d.op: next((f.name for f in d.handles if f.kind and f.kind.name == "cursor"), None)
    for d in DECLARATIONS.values()
}


def operated(op: Op) -> int | None:
    """Return the id of the open cursor of a space that an op is a call of, None without one."""
    name = _OPERATED[type(op)]
    return None if name is None else getattr(op, name)


def is_sound(tree: TreeValue, slots: Slots, rc_max: int) -> bool:
    """Return whether a cursor's tree is sound against the slots. Source: `metaregion_sound`.

    A leaf of device memory owns nothing and is always sound. A node's slot may have the one path
    that links it: those paths are upstream's, here a link is no mapping.
    """
    return all(_is_leaf_sound(leaf, slots, rc_max) for leaf in tree.leaves) and all(
        is_node_sound(node.page, slots[node.page], rc_max) for node in tree.nodes
    )


def _is_leaf_sound(leaf: LeafValue, slots: Slots, rc_max: int) -> bool:
    if not leaf.is_tracked:
        return True
    first, *rest = _pages(leaf)
    slot = slots[first]
    return (
        slot.slot_vaddr == index_to_meta(first)
        and slot.usage != "PageTable"
        and stands(slot, rc_max)
        and leaf.at in slot.paths
        and all(stands(slots[index], rc_max) for index in rest)
    )


def is_node_sound(page: int, slot: SlotValue, rc_max: int) -> bool:
    """Return whether a slot is that of a linked node. Source: `metaregion_sound`."""
    return (
        slot.parked
        and slot.slot_vaddr == index_to_meta(page)
        and slot.usage == "PageTable"
        and 1 <= slot.rc <= rc_max
        and slot.storage
        and slot.vtable != ""
        and len(slot.paths) <= 1
    )


def stands(slot: SlotValue, rc_max: int) -> bool:
    """Return whether a page may lie under a leaf: parked, and live unless it is a device's."""
    return slot.parked and (slot.usage == "MMIO" or 1 <= slot.rc <= rc_max)


def reg(call: Call) -> bool:
    """Return whether each registered cursor but the operated one stays sound. Cost: `changed`."""
    own = operated(call.op)
    return _stay_sound(call, (c for c in call.old.cursors if c != own))


def old(call: Call) -> bool:
    """Return whether each registered cursor stays sound, the operated one as it was."""
    return _stay_sound(call, call.old.cursors)


def _stay_sound(call: Call, cursors: Iterable[int]) -> bool:
    if not call.changed:
        return True
    changed, rc_max = frozenset(call.changed), call.world.rc_max
    for c in cursors:
        tree = call.old.cursors[c].tree
        met = TreeValue(
            _met(tree.leaves, changed), tuple(n for n in tree.nodes if n.page in changed)
        )
        # What no change met is as sound as before; only where something broke the rest matters.
        if not is_sound(met, call.new.slots, rc_max) and is_sound(tree, call.old.slots, rc_max):
            return False
    return True


def _met(leaves: tuple[LeafValue, ...], changed: frozenset[int]) -> tuple[LeafValue, ...]:
    return tuple(leaf for leaf in leaves if not changed.isdisjoint(_pages(leaf)))


def _pages(leaf: LeafValue) -> range:
    first = leaf.paddr // PAGE_SIZE
    return range(first, first + leaf.size // PAGE_SIZE)


def log(call: Call) -> bool:
    """Return whether every cursor that the slots admit stays sound, as a rule about slots.

    A mapped page keeps its paths and stays live; so does, behind a mapped page, a run of live
    pages that is as long as a huge page; a node with its one path stays one, under that path.
    A running state records no path of a node: there what links it is seen below cursors alone.
    """
    rc_max = call.world.rc_max
    for index in call.changed:
        before, after = call.before(index), call.after(index)
        if before.usage == "PageTable":
            was_node = 1 <= before.rc <= rc_max and len(before.paths) == 1
            if was_node and not _stays_node(before, after, rc_max):
                return False
        elif before.paths and stands(before, rc_max):
            is_leaf = after.usage != "PageTable" and stands(after, rc_max)
            if not (is_leaf and before.paths <= after.paths):
                return False
        has_fallen = stands(before, rc_max) and not stands(after, rc_max)
        if has_fallen and any(True for _ in broken_runs(call, index)):
            return False
    return True


def _stays_node(before: SlotValue, after: SlotValue, rc_max: int) -> bool:
    is_node = after.usage == "PageTable" and 1 <= after.rc <= rc_max
    return is_node and after.paths == before.paths


def broken_runs(call: Call, fallen: int) -> Iterator[tuple[int, int]]:
    """Yield the mapped pages before `fallen` whose run of live pages it was in, with the level.

    Such a page, taken for a huge leaf of that level, was sound before the call.
    """
    slots, rc_max = call.old.slots, call.world.rc_max
    sizes = geometry(call.world.levels, call.world.entries).sizes
    for level in _HUGE_LEVELS:
        pages = sizes[level] // PAGE_SIZE
        first = fallen
        while first > max(0, fallen - pages + 1) and stands(slots[first - 1], rc_max):
            first -= 1
        last = fallen
        while last + 1 < min(call.world.pages, fallen + pages) and stands(slots[last + 1], rc_max):
            last += 1
        for head in range(first, fallen):
            slot = slots[head]
            if slot.paths and slot.usage != "PageTable" and head + pages - 1 <= last:
                yield head, level
