"""Rules of what a processor does by itself."""

from vmstore.arch import PAGE_SIZE
from vmstore.ops.mmu import Access
from vmstore.outcome import PAGE_FAULT, Ok, Outcome
from vmstore.tlb_model import Translation
from vmstore.view.page_table import translation
from vmstore.view.predict import predicted
from vmstore.view.state import View
from vmstore.view.user_memory import permits


@predicted
def access(v: View, op: Access) -> Outcome:
    """What the page led to when the CPU last walked to it, or leads to now."""
    tlb, here = v.store.tlb_model, v.spaces.cpu
    offset = op.va % PAGE_SIZE
    page = op.va - offset
    v.spaces.touched.is_used = True
    known = tlb.of(here).get(page) or mapped(v, here, page)
    if known is None or not permits(known.prop, want_write=op.kind == "store"):
        tlb.flush(here, page)
        return PAGE_FAULT
    tlb.update(here, page, known)
    return Ok({"paddr": known.paddr + offset})


def mapped(v: View, cpu: int, page: int) -> Translation | None:
    """Return what the table of a CPU says of a page of its user half, None in a hole."""
    spaces = v.spaces
    if page >= spaces.geometry.user_end:  # what the kernel maps for itself is not modelled
        return None
    found = translation(v, spaces.tables.get(spaces.roots.get(cpu, spaces.kernel_root)), page)
    if found is None:
        return None
    paddr, leaf = found
    return Translation(paddr, leaf.prop, leaf.is_tracked)
