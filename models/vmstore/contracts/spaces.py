"""The contracts of making, dropping and activating an address space."""

from typing import Final

from vmstore.contracts.call import Call
from vmstore.contracts.registry import fails
from vmstore.contracts.slot_inv import region_inv, was_region_inv
from vmstore.contracts.space_terms import (
    Card,
    gives_back,
    is_in_use,
    is_made,
    same_in_list,
    succeeded,
)
from vmstore.contracts.universal import is_node_sound
from vmstore.contracts.values import SlotValue, is_insert, is_remove, unchanged


def _root(call: Call) -> int:
    """Return the page of the new space's root table; -1, which no slot has, without a space."""
    return call.new.roots.get(call.op.dst, -1)


def _is_sound_owner(call: Call) -> bool:
    """The new space is active nowhere, so that its table alone is asked for."""
    root, rc_max = _root(call), call.world.rc_max
    is_node = is_node_sound(root, call.after(root), rc_max) if root >= 0 else False
    return call.new.vm_spaces.get(call.op.dst) is False and is_node


def _is_extracted(call: Call) -> bool:
    root = _root(call)
    others = all(call.before(i).parked == call.after(i).parked for i in call.changed if i != root)
    return others and not call.after(root).parked


def _was_unused_is_table(old: SlotValue, new: SlotValue) -> bool:
    return not is_in_use(old) and is_in_use(new) and new.usage == "PageTable"


def _is_inserted(call: Call) -> bool:
    old, new = call.old, call.new
    is_new = is_insert(old.vm_spaces, new.vm_spaces, call.op.dst)
    return is_new and unchanged(old, new, "vm_spaces")


_NEW: Final = Card(
    "OP.NEWVS", "NewVmSpace", ("vmspace_new",), "vm_space_new_embedded", succeeded, is_made
)
_NEWVS = (
    _NEW.line("REQ.1", "the region satisfied its invariant", was_region_inv),
    _NEW.line("ENS.1", "the region satisfies its invariant", region_inv),
    _NEW.line("ENS.2", "the space satisfies its invariant: a live root, active nowhere",
              _is_sound_owner),
    _NEW.line("ENS.3", "the root's slot was parked",
              lambda c: _root(c) >= 0 and c.before(_root(c)).parked),
    _NEW.line("ENS.4", "`slots` loses the root and keeps the rest", _is_extracted,
              known=fails("AX-01")),
    _NEW.line("ENS.5", "the root's usage is PageTable",
              lambda c: c.after(_root(c)).usage == "PageTable"),
    _NEW.line("ENS.6", "the root's count is not UNUSED", lambda c: is_in_use(c.after(_root(c)))),
    _NEW.line("ENS.7", "in_list unchanged at every slot", same_in_list),
    _NEW.line("ENS.8", "every slot that differs was UNUSED and is a table's now",
              lambda c: c.every(_was_unused_is_table)),
    *_NEW.universal("ENS.9"),
    _NEW.line("STEP.1", "the space is registered under a fresh id, nothing else differs",
              _is_inserted),
    # Without memory for the root the call panics, of which the contract knows nothing.
    _NEW.returns(is_made, fails("AX-01")),
)  # fmt: skip


def _nothing_on(call: Call) -> bool:
    """Return whether no cursor, reader or writer was on the space: the op's precondition."""
    old, vs = call.old, call.op.vs
    on = [entry.vm_space for entry in old.cursors.values()]
    on += [entry.vm_space for entry in old.vm_ios.values() if entry.vm_space is not None]
    return vs in old.vm_spaces and vs not in on


def _drops(call: Call) -> bool:
    return call.is_ok and _nothing_on(call)


def _is_last_use(call: Call) -> bool:
    return _drops(call) and not call.old.vm_spaces[call.op.vs]


def _rest_unchanged(call: Call) -> bool:
    return not call.changed and unchanged(call.old, call.new, "vm_spaces")


def _tables_and_leaves_go(call: Call) -> bool:
    """A table gives its link back, a frame as many references as it lost mappings."""
    return call.old.roots[call.op.vs] in call.changed and call.every(_loses_its_part)


def _loses_its_part(old: SlotValue, new: SlotValue) -> bool:
    if old.usage == "PageTable":
        return gives_back(old, new, 1)
    lost = len(old.paths - new.paths)
    return lost > 0 and new.paths <= old.paths and gives_back(old, new, lost)


_DROP: Final = Card("OP.DROPVS", "DropVmSpace", ("vmspace_drop",), "VmSpace::drop", _drops)
_DROPVS = (
    _DROP.line("ENS.1", "the space is registered no more, the other ones are",
               lambda c: is_remove(c.old.vm_spaces, c.new.vm_spaces, c.op.vs)),
    _DROP.line("ENS.2", "slots and all other registries are as they were", _rest_unchanged,
               known=fails("AX-17")),
    _DROP.returns(_nothing_on),
)  # fmt: skip

_SPACE_NEW: Final = Card("VMS.NEW", "VmSpace::new", ("vmspace_new",), "VmSpace::new", succeeded)
_SPACE_DROP: Final = Card("VMS.DROP", "VmSpace::drop", ("vmspace_drop",), "VmSpace::drop", _drops)
_ACTIVATE: Final = Card(
    "VMS.ACT", "VmSpace::activate", ("vmspace_activate",), "VmSpace::activate", succeeded
)


def _is_empty_space(call: Call) -> bool:
    vs, root = call.op.dst, _root(call)
    nowhere = vs not in call.new.active.values() and call.new.vm_spaces.get(vs) is False
    return nowhere and call.changed == (root,)


def _is_active_here(call: Call) -> bool:
    old, new, vs = call.old, call.new, call.op.vs
    if new.active.get(new.cpu) != vs or new.vm_spaces.get(vs) is not True:
        return False
    if old.active.get(old.cpu) == vs:
        return not call.changed and unchanged(old, new)
    root = new.roots[vs]
    others = {c: s for c, s in new.active.items() if c != new.cpu}
    return (
        call.after(root).rc == call.before(root).rc + 1
        and others == {c: s for c, s in old.active.items() if c != old.cpu}
        and not any(cpu == new.cpu for cpu, _, _ in new.cached)
    )


_METHODS = (
    _SPACE_NEW.line("POST.1", "it is active nowhere and maps nothing: one table, the root",
                    _is_empty_space),
    _SPACE_NEW.line("POST.2", "the region satisfies its invariant", region_inv),
    _ACTIVATE.line("POST.1", "it is active on this processor, whose root counts one reference more"
                   " and which has forgotten every translation; nothing differs if it was active",
                   _is_active_here),
    _SPACE_DROP.line("POST.1", "what is active nowhere gives its root back, and with each table"
                     " that goes the references of its entries", _tables_and_leaves_go,
                     _is_last_use),
    _SPACE_DROP.line("POST.1/ACTIVE", "what is active somewhere stays until another space is",
                     lambda c: not c.changed, lambda c: _drops(c) and not _is_last_use(c)),
)  # fmt: skip

CLAUSES: Final = _NEWVS + _DROPVS + _METHODS
LEFT_OUT: Final[dict[str, str]] = {}
