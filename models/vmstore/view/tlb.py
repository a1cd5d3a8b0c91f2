"""What flushes must be seen: requests add up to spans or to everything, CPU by CPU.

The view keeps no queues of other CPUs: they serve their interrupts at once, so that they are empty
between two ops.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.outcome import Unwinding
from vmstore.owner import SlotOwner
from vmstore.view.spaces import Queue, SpaceView
from vmstore.view.state import View

LIMIT: Final = 32  # so many pages are flushed as everything; in a variant, one request more
EVERYTHING: Final = (0, 0)  # the span of a request for everything


def page_span(v: View, va: int) -> tuple[int, int]:
    """Return the span that a request for the page at `va` means: low bits are taken for a count.

    Errors: debug panic where these bits are no legal count.
    """
    word = va | 1
    if word == U64_MASK:
        return EVERYTHING
    if v.asserts and word % PAGE_SIZE >= LIMIT + v.spaces.counts_requests:
        raise Unwinding("flush-op-page-count")
    return word & ~0x3F, word & 0x3F


def range_span(v: View, start: int, end: int) -> tuple[int, int]:
    """Return the span of a range. Errors: panic where an end is unaligned, where it is empty."""
    if start % PAGE_SIZE or end % PAGE_SIZE:
        raise Unwinding("range-unaligned")
    if start >= end:
        raise Unwinding("range-empty")
    pages = (end - start) // PAGE_SIZE
    return EVERYTHING if pages >= LIMIT + v.spaces.counts_requests else (start, pages)


def add(v: View, queue: Queue, span: tuple[int, int], kept: SlotOwner | None = None) -> None:
    """Let a flush wait, and `kept` with it."""
    if kept is not None:
        queue.kept.append(kept)
    if queue.is_all:
        return
    queue.spans.append(span)
    queue.amount += 1 if v.spaces.counts_requests else span[1]
    if span == EVERYTHING or queue.amount >= LIMIT + v.spaces.counts_requests:
        queue.is_all = True
        queue.amount = 0
        queue.spans.clear()


def dispatch(v: View, space: SpaceView, queue: Queue) -> None:
    """Flush where the space is active, other CPUs first; then let go of what was kept.

    Each other CPU holds on to what was kept for as long as its own flush takes; 32 requests, which
    only fit where requests are counted, are everything there.
    Errors: abort where one more reference on it is too many.
    """
    if not queue.spans and not queue.is_all:
        return
    v.spaces.touched.has_cpus = True
    here = v.spaces.cpu
    others = sorted(space.active_on - {here})
    for owner in queue.kept * len(others):
        v.check_room(owner)
        owner.deferred += 1
    for cpu in others:
        v.events.append(("ipi", here, cpu))
        _flush(v, cpu, queue, is_all=queue.is_all or len(queue.spans) == LIMIT)
        if queue.kept:
            v.let_go(list(queue.kept))
    if here in space.active_on:
        _flush(v, here, queue, is_all=queue.is_all)
    forget(v, queue)


def _flush(v: View, cpu: int, queue: Queue, *, is_all: bool) -> None:
    tlb = v.store.tlb_model
    if is_all:
        v.events.append(("tlb_all", cpu))
        tlb.flush_all(cpu)
        return
    for start, pages in queue.spans:
        tlb.flush(cpu, start, pages)
        if pages == 1:
            v.events.append(("tlb_addr", cpu, start))
        else:
            v.events.append(("tlb_range", cpu, start, start + pages * PAGE_SIZE & U64_MASK))


def forget(v: View, queue: Queue) -> None:
    """Empty the queue without a flush; what was kept is let go of as one batch."""
    kept, queue.kept = queue.kept, []
    queue.amount = 0
    queue.spans.clear()
    queue.is_all = False
    if kept:
        v.let_go(kept)
