"""Goals about cached translations, flushes and what waits for a grace period."""

from typing import Any, Final

from vmstore.arch import PAGE_SIZE
from vmstore.goals.record import Goal, Moment
from vmstore.goals.spaces import removed
from vmstore.ops import cursor, mmu, rcu, vm_space
from vmstore.step import State
from vmstore.tlb_model import Translation
from vmstore.view.mmu import mapped
from vmstore.view.spaces import Queue
from vmstore.view.tlb import LIMIT, range_span

_FLUSHES: Final = (cursor.CursorFlusherDispatch, cursor.CursorUnmap)
_SINGLE, _RANGE = "single", "range"


def stale_pages(state: State) -> list[tuple[int, int]]:
    """Return (CPU, page) of the translations that a CPU caches and its table does not have."""
    view = state.view
    return [
        (cpu, page)
        for cpu, known in sorted(view.store.tlb_model.mappings.items())
        for page, cached in sorted(known.items())
        if mapped(view, cpu, page) != cached
    ]


def _stale_before(state: State, op: Any) -> tuple[list[tuple[int, int]], bool]:
    """Note what is stale, and whether a flush waits."""
    queue = state.view.spaces.cursors[op.cursor].queue
    return stale_pages(state), queue is not None and _waits(queue)


def _waits(queue: Queue) -> bool:
    return queue.is_all or bool(queue.spans)


def _queue(m: Moment) -> Queue | None:
    return m.spaces.cursors[m.op.cursor].queue


def _queue_before(state: State, op: Any) -> tuple[bool, int]:
    """Note whether everything is to be flushed, and how much waits."""
    queue = state.view.spaces.cursors[op.cursor].queue
    return (queue.is_all, queue.amount) if queue is not None else (True, 0)


def _cached_here(state: State, op: Any) -> tuple[Translation | None, Translation | None]:
    """Note what the CPU caches for the page of an access, and what its table says of it."""
    view, page = state.view, op.va & -PAGE_SIZE
    here = view.spaces.cpu
    return view.store.tlb_model.of(here).get(page), mapped(view, here, page)


def _cached_count(state: State, _op: Any) -> int:
    return len(state.view.store.tlb_model.of(state.view.spaces.cpu))


def _kinds(m: Moment) -> set[object]:
    return {event[0] for event in m.view.events}


def _is_small(m: Moment) -> bool:
    """Return whether the request alone is not everything."""
    if m.op.kind == _RANGE:
        return range_span(m.view, m.op.va, m.op.end)[1] > 0
    return bool(m.op.kind == _SINGLE)


def _readers(m: Moment) -> set[int]:
    """Return the CPUs that cache the page of an access."""
    page = m.op.va & -PAGE_SIZE
    return {cpu for cpu, known in m.store.tlb_model.mappings.items() if page in known}


def _is_alias(m: Moment) -> bool:
    known = m.store.tlb_model.of(m.spaces.cpu)
    return len({cached.paddr for cached in known.values()}) < len(known)


def _active_elsewhere_only(m: Moment) -> bool:
    active = m.spaces.cursors[m.op.cursor].space.active_on
    return bool(active) and m.spaces.cpu not in active


GOALS: Final[tuple[Goal, ...]] = (
    Goal("cached-by-two", "two CPUs cache the translation of one page", (mmu.Access,),
         lambda m: m.is_ok and len(_readers(m)) >= 2),
    Goal("cached-alias", "a CPU caches two addresses of one page", (mmu.Access,),
         lambda m: m.is_ok and _is_alias(m)),
    Goal("stale-used", "an access uses a translation that the table does not have any more",
         (mmu.Access,),
         lambda m: m.is_ok and m.before[0] is not None and m.before[0] != m.before[1],
         _cached_here),
    Goal("store-to-read-only", "a store faults on a page that may be read", (mmu.Access,),
         lambda m: m.failed("PageFault") and m.op.kind == "store" and m.before[1] is not None
         and m.before[1].prop[0] & 1 == 1, _cached_here),
    Goal("stale-after-protect", "a CPU still caches what a protect has changed",
         (cursor.CursorProtectNext,), lambda m: bool(m.value.get("range"))
         and any(m.value["range"][0] <= page < m.value["range"][1]
                 for _, page in stale_pages(m.state))),
    Goal("stale-waits", "a stale translation waits for a flush that is queued",
         (cursor.CursorFlusherIssue,), lambda m: m.is_ok and (q := _queue(m)) is not None
         and _waits(q) and bool(stale_pages(m.state))),
    Goal("stale-flushed", "a flush ends the last stale translation", _FLUSHES,
         lambda m: m.is_ok and bool(m.before[0]) and not stale_pages(m.state), _stale_before),
    Goal("stale-spared", "a stale translation outlives a flush of something else",
         (cursor.CursorFlusherDispatch,),
         lambda m: m.is_ok and m.before[1] and bool(stale_pages(m.state)), _stale_before),
    Goal("flushes-collapse", "requests add up until everything is to be flushed",
         (cursor.CursorFlusherIssue,), lambda m: m.is_ok and not m.before[0] and m.before[1] > 0
         and (q := _queue(m)) is not None and q.is_all and _is_small(m), _queue_before),
    Goal("one-page-below-limit", f"{LIMIT - 1} pages wait, one below what flushes everything",
         (cursor.CursorFlusherIssue,), lambda m: m.is_ok and (q := _queue(m)) is not None
         and not q.is_all and q.amount == LIMIT - 1),
    Goal("flush-by-interrupt", "an unmap is flushed on another CPU", (cursor.CursorUnmap,),
         lambda m: m.is_ok and "ipi" in _kinds(m) and bool(removed(m))),
    Goal("flush-elsewhere-only", "an unmap is flushed on other CPUs and not on this one",
         (cursor.CursorUnmap,),
         lambda m: m.is_ok and bool(removed(m)) and _active_elsewhere_only(m)),
    Goal("unmap-inactive", "a page is unmapped in a space that no CPU runs",
         (cursor.CursorUnmap,), lambda m: m.is_ok and bool(removed(m))
         and not m.spaces.cursors[m.op.cursor].space.active_on),
    Goal("requests-forgotten", "a cursor is dropped with requests that were not dispatched",
         (cursor.CursorDrop,), lambda m: m.is_ok and m.before[1] > 0, _queue_before),
    Goal("root-evicts", "another root ends what the CPU had cached", (vm_space.VmspaceActivate,),
         lambda m: m.is_ok and m.before > 0 and not _cached_count(m.state, m.op), _cached_count),
    Goal("unmap-deferred", "an unmapped page waits for the end of a grace period",
         (cursor.CursorUnmap,),
         lambda m: m.is_ok and any(o.usage == "Frame" and o.deferred > 0 for o in m.touched),
         needs=("rcu=deferred",)),
    Goal("grace-frees", "the end of a grace period frees a frame", (rcu.RcuSync,),
         lambda m: m.is_ok and any(o.usage == "Frame" and not o.references() for o in m.touched),
         needs=("rcu=deferred",)),
    Goal("grace-frees-table", "the end of a grace period frees a table with what it maps",
         (rcu.RcuSync,), lambda m: m.is_ok and {o.usage for o in m.touched} >= {"Unused", "Frame"},
         needs=("rcu=deferred",)),
    Goal("grace-of-two", "two batches wait for one grace period", (rcu.RcuSync,),
         lambda m: m.value.get("callbacks", 0) >= 2, needs=("rcu=deferred",)),
)  # fmt: skip
