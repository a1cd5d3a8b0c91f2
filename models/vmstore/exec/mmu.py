"""A software MMU: which memory an address means on the current CPU."""

from vmstore.arch import KERNEL_BASE, LINEAR_BASE
from vmstore.exec import page_table
from vmstore.exec.machine import Machine
from vmstore.exec.tlb import cpu_state


def translate(m: Machine, va: int, *, want_write: bool) -> int | None:
    """Return the physical address behind user address `va`, None for a page fault.

    The table in CR3 of the current CPU decides, whatever space a reader or writer was made for.
    """
    return page_table.translate(m, cpu_state(m, m.spaces.cpu).root, va, want_write)


def kernel_address(m: Machine, va: int, *, want_write: bool) -> int | None:
    """Return where `va` lies in kernel space, None for a page fault; kernel memory never faults."""
    if va >= KERNEL_BASE:
        return va
    paddr = translate(m, va, want_write=want_write)
    return None if paddr is None else LINEAR_BASE + paddr
