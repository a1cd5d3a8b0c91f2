"""The frame allocator as the memory-management code sees it: `GlobalFrameAllocator`."""

from vmstore.arch import PAGE_SIZE
from vmstore.cells import Slot
from vmstore.exec.machine import Machine


def dealloc(m: Machine, slot: Slot) -> None:
    """Hand a page back, one call per page. Pages of the page-table pool are not reported."""
    if m.calls_dealloc and slot.index < m.world.frames:
        m.events.append(("freed", slot.index * PAGE_SIZE))
