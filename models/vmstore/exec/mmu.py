"""A software MMU: which memory an address means on the current CPU."""

from vmstore.arch import KERNEL_BASE, LINEAR_BASE
from vmstore.exec.machine import Machine


def translate(m: Machine, va: int, *, want_write: bool) -> int | None:
    """Return the physical address behind user address `va`, None for a page fault.

    The table of the space that is active on the current CPU decides; there is none yet.
    """
    del m, va, want_write
    return None


def kernel_address(m: Machine, va: int, *, want_write: bool) -> int | None:
    """Return where `va` lies in kernel space, None for a page fault; kernel memory never faults."""
    if va >= KERNEL_BASE:
        return va
    paddr = translate(m, va, want_write=want_write)
    return None if paddr is None else LINEAR_BASE + paddr
