"""Address spaces: a user page table, the CPUs that have it active, the device memory mapped in it.

Source: `ostd/src/mm/vm_space.rs`, the activation from `page_table/mod.rs`.
"""

from vmstore.exec import meta
from vmstore.exec.machine import Machine
from vmstore.exec.page_table import drop_table, user_table
from vmstore.exec.space_state import VmSpace
from vmstore.exec.tlb import cpu_state
from vmstore.ops.vm_space import CpuSet, VmspaceActivate, VmspaceDrop, VmspaceNew
from vmstore.outcome import BORROWED, OK, OUT_OF_BOUND, Outcome


def vmspace_new(m: Machine, op: VmspaceNew) -> Outcome:
    """Create a space: one node, the kernel half shared. Errors: panic without memory."""
    m.spaces.vm_spaces[op.dst] = VmSpace(op.dst, user_table(m))
    return OK


def vmspace_drop(m: Machine, op: VmspaceDrop) -> Outcome:
    """Drop the handle; the space goes with its last one. Errors: Borrowed while a cursor lives."""
    if m.spaces.vm_spaces[op.vs].borrows:
        return BORROWED
    _release(m, m.spaces.vm_spaces.pop(op.vs))
    return OK


def _release(m: Machine, space: VmSpace) -> None:
    """Give one strong reference back. What is mapped goes at once, without flush or RCU."""
    space.strong -= 1
    if space.strong == 0:
        drop_table(m, space.table)


def vmspace_activate(m: Machine, op: VmspaceActivate) -> Outcome:
    """Switch the current CPU to a space; the one that was active loses a reference.

    Errors: abort when the root's count is saturated.

    The CPU joins the new space's set and leaves the old one's before CR3 changes; the old root
    loses its reference after.
    """
    space = m.spaces.vm_spaces[op.vs]
    cpu = cpu_state(m, m.spaces.cpu)
    left = cpu.active
    if left is space:
        return OK
    if not m.faults.activate_forgets_cpu:
        space.cpus.add(m.spaces.cpu)
    if not m.faults.activate_keeps_no_space:
        space.strong += 1
    cpu.active = space
    if left is not None:
        if not m.faults.activate_leaves_old_cpu:
            left.cpus.discard(m.spaces.cpu)
        _release(m, left)
    _load_root(m, space)
    return OK


def _load_root(m: Machine, space: VmSpace) -> None:
    """Load CR3, which owns a reference on the root it holds. Source: `PageTable::activate`."""
    cpu = cpu_state(m, m.spaces.cpu)
    left, root = cpu.root, space.table.root
    if left is root:
        return
    if not m.faults.vmspace_dropped_while_active:
        meta.inc_ref_count(m, root.slot)
    cpu.root = root
    m.events.append(("cr3", m.spaces.cpu, f"vs{space.number}"))
    if not m.faults.activate_keeps_translations:
        m.tlbs.evict_all(m.spaces.cpu)
    if not m.faults.activate_leaks_old_root:
        meta.drop_shared(m, left.slot)


def cpu_set(m: Machine, op: CpuSet) -> Outcome:
    """Run what follows on another CPU.

    Errors, in order: OutOfBound for a CPU that does not exist, Borrowed while a cursor lives,
    because that keeps the task on its CPU.
    """
    if op.cpu >= m.world.cpus:
        return OUT_OF_BOUND
    if m.spaces.cursors or m.spaces.ptcursors:
        return BORROWED
    m.spaces.cpu = op.cpu
    return OK
