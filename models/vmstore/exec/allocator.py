"""The frame allocator as the memory-management code sees it: `GlobalFrameAllocator`."""

from heapq import heappop, heappush

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.cells import Slot
from vmstore.exec.machine import Machine
from vmstore.outcome import Unwinding


def dealloc(m: Machine, slot: Slot) -> None:
    """Hand a page back, one call per page. Pages of the page-table pool are not reported."""
    if slot.index >= m.world.frames:
        pool = m.spaces.pool
        pool.handed.discard(slot.index)
        if slot.index < pool.next:
            heappush(pool.returned, slot.index)
    elif m.calls_dealloc:
        m.events.append(("freed", slot.index * PAGE_SIZE))


def alloc_node_page(m: Machine) -> Slot:
    """Take the lowest free page of the pool; one that a caller claimed by address is not free.

    Errors: panic when no page is left, or the limit of a test hook is reached.
    """
    pool = m.spaces.pool
    if pool.limit is not None and len(pool.handed) >= pool.limit:
        raise Unwinding("no-memory")
    while True:
        if pool.returned:
            index = heappop(pool.returned)
        elif pool.next < pool.end:
            index = pool.next
            pool.next += 1
        else:
            raise Unwinding("no-memory")
        slot = m.cells.slot(index)
        if slot.ref_count == REF_COUNT_UNUSED:
            pool.handed.add(index)
            return slot
