"""The universal cursor clause: what was sound against the slots before a call still is.

Three readings of one line that nearly every contract has: of the registered cursors, of the
operated one as it was, and of every cursor that could be.
Source: `metaregion_sound`, `CursorOwner`.
"""

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call
from vmstore.contracts.values import CursorValue, LeafValue, NodeValue, SlotValue, StoreValue


def reg(call: Call) -> bool:
    """Return whether every registered cursor but the operated one is as sound as it was."""
    operated = getattr(call.op, "cursor", None)
    return all(_stays(call, c) for cid, c in call.old.cursors.items() if cid != operated)


def old(call: Call) -> bool:
    """Return whether the operated cursor, as it was, is as sound as it was; true without one."""
    operated = call.old.cursors.get(getattr(call.op, "cursor", None))  # type: ignore[arg-type]
    return operated is None or _stays(call, operated)


def log(call: Call) -> bool:
    """Return whether every cursor value that was sound is: leaves, runs of pages and nodes.

    A value may stand anywhere and map a page through any of the page's paths, at any level; of a
    huge one the pages after the first must be live. Those are the witnesses that the proof allows.
    """
    rc_max = call.world.rc_max
    lost = []
    for index in call.changed:
        before, after = call.before(index), call.after(index)
        if _is_node(before, rc_max) and len(before.paths) == 1:
            if not _is_node(after, rc_max) or after.paths != before.paths:
                return False
        elif _is_leaf(before, rc_max) and before.paths and not _keeps(before, after, rc_max):
            return False
        if _is_live(before, rc_max) and not _is_live(after, rc_max):
            lost.append(index)
    return not any(_is_inside_run(call, index) for index in lost)


def _keeps(before: SlotValue, after: SlotValue, rc_max: int) -> bool:
    return _is_leaf(after, rc_max) and after.paths >= before.paths


def _is_inside_run(call: Call, lost: int) -> bool:
    """Return whether a page that was live stood behind a mapped one, in a run of a huge page.

    Levels 2 and 3 suffice: a longer run contains one of them that starts at the same page.
    """
    rc_max, pages = call.world.rc_max, call.world.pages
    for size in (call.world.entries, call.world.entries**2):
        head = lost - 1
        while head > lost - size and head >= 0 and _is_live(call.before(head), rc_max):
            slot = call.before(head)
            behind = range(lost + 1, head + size)
            if (
                slot.paths
                and slot.usage != "PageTable"
                and head + size <= pages
                and all(_is_live(call.before(index), rc_max) for index in behind)
            ):
                return True
            head -= 1
    return False


def _stays(call: Call, cursor: CursorValue) -> bool:
    rc_max = call.world.rc_max
    return not _is_sound(call.old, cursor, rc_max) or _is_sound(call.new, cursor, rc_max)


def _is_sound(store: StoreValue, cursor: CursorValue, rc_max: int) -> bool:
    leaves, nodes = cursor.tree
    return all(_leaf(store, leaf, rc_max) for leaf in leaves if leaf.is_tracked) and all(
        _node(store, node, rc_max) for node in nodes
    )


def _leaf(store: StoreValue, leaf: LeafValue, rc_max: int) -> bool:
    first = leaf.paddr // PAGE_SIZE
    slot = store.slots[first]
    rest = range(first + 1, first + leaf.size // PAGE_SIZE)
    return (
        slot.parked
        and _is_leaf(slot, rc_max)
        and leaf.at in slot.paths
        and all(_is_live(store.slots[index], rc_max) for index in rest)
    )


def _node(store: StoreValue, node: NodeValue, rc_max: int) -> bool:
    slot = store.slots[node.page]
    return slot.parked and _is_node(slot, rc_max)


def _is_leaf(slot: SlotValue, rc_max: int) -> bool:
    return slot.usage != "PageTable" and _is_live(slot, rc_max)


def _is_node(slot: SlotValue, rc_max: int) -> bool:
    return slot.usage == "PageTable" and 1 <= slot.rc <= rc_max


def _is_live(slot: SlotValue, rc_max: int) -> bool:
    return slot.usage == "MMIO" or 1 <= slot.rc <= rc_max
