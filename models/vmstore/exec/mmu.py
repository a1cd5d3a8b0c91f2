"""A software MMU: which memory an address means on the current CPU.

Readers and writers look at the table, as the recorded programs did. An `access` is what the
processor does by itself: it translates with what it has cached, or walks the table.
Source: the x86-64 manual, volume 3, 4.10, caching translation information.
"""

from vmstore.arch import KERNEL_BASE, LINEAR_BASE, PAGE_SIZE
from vmstore.exec import page_table, pte
from vmstore.exec.machine import Machine
from vmstore.exec.tlb import cpu_state
from vmstore.ops.mmu import Access
from vmstore.outcome import PAGE_FAULT, Ok, Outcome
from vmstore.tlb_cells import Cached


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


def access(m: Machine, op: Access) -> Outcome:
    """Translate an address for a load or a store, with what is cached whatever the table says.

    Effect: a walk that allows the access is cached; a fault removes what was. Errors: PageFault.
    """
    cpu, page = m.spaces.cpu, op.va & -PAGE_SIZE
    cached = m.tlbs.lookup(cpu, page)
    found = cached or _walk(m, cpu, page)
    if found is None or not pte.permits(found.bits, want_write=op.kind == "store"):
        m.tlbs.evict(cpu, page, 1)
        return PAGE_FAULT
    if cached is None:
        m.tlbs.fill(cpu, page, found)
    return Ok({"paddr": found.paddr + op.va % PAGE_SIZE})


def _walk(m: Machine, cpu: int, page: int) -> Cached | None:
    """Return what the CPU's table says of a page; None also where an address is not canonical."""
    g, held = m.spaces.geometry, m.spaces.cpus.get(cpu)
    if held is None or g.user_end <= page < g.kernel_start:  # boot maps nothing
        return None
    found = page_table.walk(m, held.root, page)
    return Cached(found[0], found[1] & ~pte.ADDRESS) if found is not None else None
