"""TLB flushes: requests packed into one word, queues that collapse, flushes on other CPUs.

Source: `ostd/src/mm/tlb.rs`.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.cells import Slot
from vmstore.exec import meta
from vmstore.exec.machine import Machine
from vmstore.exec.rcu import rcu_drop
from vmstore.exec.space_state import Cpu, OpsStack, VmSpace
from vmstore.outcome import Unwinding

ALL: Final = U64_MASK
FLUSH_ALL_PAGES: Final = 32  # so many pages together are flushed as everything
_PAGES_MASK: Final = 0x3F


def for_single(va: int) -> int:
    """Return the request for one page. No checks: low bits of `va` become a page count."""
    return va | 1


def for_range(m: Machine, start: int, end: int) -> int:
    """Return the request for `[start, end)`; more pages than may wait are everything.

    Errors, in order: panic unless `start` is page aligned, unless `end` is, unless start < end.
    """
    if start % PAGE_SIZE != 0:
        raise Unwinding("range-unaligned")
    if end % PAGE_SIZE != 0:
        raise Unwinding("range-unaligned")
    if start >= end:
        raise Unwinding("range-empty")
    pages = (end - start) // PAGE_SIZE
    return ALL if pages > _most(m) else start | pages


def _most(m: Machine) -> int:
    """Return how much may wait before everything is flushed: pages, or requests (flush_limit)."""
    is_late = m.spaces.counts_requests or m.faults.flush_limit_one_late
    return FLUSH_ALL_PAGES if is_late else FLUSH_ALL_PAGES - 1


def _pages(m: Machine, request: int) -> int:
    """Return a request's page count. Errors: debug panic when the low bits hold no count."""
    if m.asserts and request % PAGE_SIZE > _most(m):
        raise Unwinding("flush-op-page-count")
    return request & _PAGES_MASK


def _perform(m: Machine, cpu: int, request: int) -> None:
    pages, va = request & _PAGES_MASK, request & ~_PAGES_MASK
    if pages == 1:
        va = va >> 12 if m.faults.arceos_flush_wrong_va_bits else va
        m.events.append(("tlb_addr", cpu, va))
    else:
        m.events.append(("tlb_range", cpu, va, va + pages * PAGE_SIZE & U64_MASK))
    m.tlbs.evict(cpu, va, pages)


def issue(m: Machine, queue: OpsStack, request: int, kept: Slot | None = None) -> None:
    """Queue a request; what is `kept` is not freed before it ran. Source: `OpsStack::push`.

    Errors: debug panic as `_pages`.
    """
    faults = m.faults
    if kept is not None:
        if faults.twin_keeper_omitted or (
            faults.drop_frame_before_bulk_flush and queue.flushes_all
        ):
            meta.drop_shared(m, kept)
        else:
            queue.keeper.append(kept)
    if queue.flushes_all:
        return
    pages = _pages(m, request) if request != ALL else 0
    if m.spaces.counts_requests or faults.flush_limit_counts_requests:
        pages = 1
    if request == ALL or queue.pages + pages > _most(m):
        _collapse(queue)
        return
    queue.ops.append(request)
    queue.pages += pages


def _collapse(queue: OpsStack) -> None:
    queue.flushes_all = True
    queue.ops.clear()
    queue.pages = 0


def _push_from(m: Machine, queue: OpsStack, other: OpsStack) -> None:
    """Queue what another queue holds, with references of its own on what that keeps."""
    for slot in other.keeper:
        if not m.faults.remote_keeper_uncounted:
            meta.inc_ref_count(m, slot)
        queue.keeper.append(slot)
    if queue.flushes_all:
        return
    if other.flushes_all or queue.pages + other.pages >= FLUSH_ALL_PAGES:
        _collapse(queue)
        return
    queue.ops += other.ops
    queue.pages += other.pages


def _flush(m: Machine, cpu: int, queue: OpsStack) -> None:
    """Run what is queued on `cpu`, then let go of what was kept. Source: `OpsStack::flush_all`."""
    if queue.flushes_all:
        m.events.append(("tlb_all", cpu))
        m.tlbs.evict_all(cpu)
    else:
        for request in queue.ops:
            _perform(m, cpu, request)
    clear(m, queue)


def clear(m: Machine, queue: OpsStack) -> None:
    """Forget the requests; what was kept is dropped as one batch after the grace period."""
    queue.flushes_all = False
    queue.ops.clear()
    queue.pages = 0
    kept, queue.keeper = queue.keeper, []
    if kept:
        rcu_drop(m, kept)


def dispatch(m: Machine, space: VmSpace, queue: OpsStack) -> None:
    """Flush on every CPU that has the space active: others by interrupt, served at once.

    With nothing queued it does nothing, whatever is kept. Source: `dispatch_tlb_flush`.
    """
    if not queue.ops and not queue.flushes_all:
        return
    here = m.spaces.cpu
    others = _targets(m, space, queue)
    for cpu in others:
        _push_from(m, cpu_state(m, cpu).queue, queue)
    for cpu in others:
        m.events.append(("ipi", here, cpu))
        if not m.faults.unmap_returns_before_remote_flush:
            _remote_flush(m, cpu)
    if here in space.cpus:
        _flush(m, here, queue)
    else:
        clear(m, queue)


def _targets(m: Machine, space: VmSpace, queue: OpsStack) -> list[int]:
    """Return the other CPUs that have the space active."""
    faults, targets = m.faults, space.cpus - {m.spaces.cpu}
    if faults.sel4_unmap_skips_flush_without_tags:
        return []
    if faults.rcore_full_flush_local if queue.flushes_all else faults.microv_va_reuse_local_invlpg:
        return []
    if faults.ipi_to_self:
        targets = space.cpus
    if faults.osv_flush_waits_offline:
        targets = set(range(m.world.cpus)) - {m.spaces.cpu}
    return sorted(targets)


def _remote_flush(m: Machine, cpu: int) -> None:
    """Serve the interrupt: take the CPU's queue, then flush it. Source: `do_remote_flush`."""
    state = cpu_state(m, cpu)
    taken, state.queue = state.queue, OpsStack()
    _flush(m, cpu, taken)


def cpu_state(m: Machine, cpu: int) -> Cpu:
    """Return the state of a CPU; at boot the kernel's root is active and no space is."""
    found = m.spaces.cpus.get(cpu)
    if found is None:
        found = m.spaces.cpus[cpu] = Cpu(m.nodes.node(m.world.frames))
    return found
