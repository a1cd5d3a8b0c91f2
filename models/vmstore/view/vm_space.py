"""Rules of the ops on address spaces and on the CPU that runs."""

from vmstore.ops.vm_space import CpuSet, VmspaceActivate, VmspaceDrop, VmspaceNew
from vmstore.outcome import BORROWED, OK, OUT_OF_BOUND, Outcome
from vmstore.spaces import VmSpaceEntry, extract_vm_space, insert_vm_space
from vmstore.view.page_table import drop_tree, new_tree
from vmstore.view.predict import predicted
from vmstore.view.spaces import SpaceView
from vmstore.view.state import View


@predicted
def vmspace_new(v: View, op: VmspaceNew) -> Outcome:
    """A space without mappings, active nowhere."""
    tree = new_tree(v, "user")
    tree.root.shares_kernel = True
    space = v.spaces.vm_spaces[op.dst] = SpaceView(op.dst, tree)
    v.spaces.touch_space(space)
    insert_vm_space(v.store.vm_spaces, op.dst, VmSpaceEntry())
    return OK


@predicted
def vmspace_drop(v: View, op: VmspaceDrop) -> Outcome:
    """The handle goes; the space with it unless it is active. Refused while anything is on it."""
    space, store = v.spaces.vm_spaces[op.vs], v.store
    if space.tree.borrows or any(vio.vm_space == op.vs for vio in store.vm_ios.values()):
        return BORROWED
    extract_vm_space(store.vm_spaces, store.cursors, store.vm_ios, op.vs)
    del v.spaces.vm_spaces[op.vs]
    space.handle = None
    v.spaces.touch_space(space)
    _leave(v, space)
    return OK


def _leave(v: View, space: SpaceView) -> None:
    space.owners -= 1
    if not space.owners:
        drop_tree(v, space.tree)


@predicted
def vmspace_activate(v: View, op: VmspaceActivate) -> Outcome:
    """The space is active here and keeps itself alive; the one before it may go."""
    spaces, space = v.spaces, v.spaces.vm_spaces[op.vs]
    here = spaces.cpu
    before = spaces.active.get(here)
    if before is space:
        return OK
    spaces.active[here] = space
    spaces.touch_space(space)
    spaces.touched.has_cpus = True
    space.active_on.add(here)
    space.owners += 1
    v.store.vm_spaces[op.vs].is_active = True
    if before is not None:
        before.active_on.discard(here)
        spaces.touch_space(before)
        if before.handle is not None:
            v.store.vm_spaces[before.handle].is_active = bool(before.active_on)
        _leave(v, before)
    root = v.store.owner(space.tree.root.page)
    left = v.store.owner(spaces.roots.get(here, spaces.kernel_root))
    v.check_room(root)
    spaces.roots[here] = root.index
    root.links += 1
    left.links -= 1
    v.store.touch(left)
    v.events.append(("cr3", here, f"vs{space.number}"))
    v.store.tlb_model.flush_all(here)
    v.retire_if_last(left)
    return OK


@predicted
def cpu_set(v: View, op: CpuSet) -> Outcome:
    """What follows runs on another CPU; refused while a cursor lives."""
    if op.cpu >= v.spaces.cpus:
        return OUT_OF_BOUND
    if v.spaces.cursors or v.spaces.ptcursors:
        return BORROWED
    v.spaces.cpu = op.cpu
    return OK
