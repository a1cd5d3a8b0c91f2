"""Recomputes the store's counts from everything that may own a reference."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from typing import Final

from vmfuzz.errors import HarnessError
from vmstore.arch import PAGE_SIZE
from vmstore.clauses.space_cases import all_spaces
from vmstore.step import State
from vmstore.store import SegmentEntry, VmStore
from vmstore.view.tables import Table

_NAMES: Final = "H, U, C, P, links, D"
_HANDLES, _UNIQUES, _COVERS, _MAPPINGS, _LINKS, _DEFERRED = range(6)
_NOTHING: Final = [0] * 6

Counts = defaultdict[int, list[int]]  # by slot, in the order of `_NAMES`


def recount(state: State) -> None:
    """Compare the store's counts with its registries and tables. Errors: HarnessError on drift."""
    store = state.view.store
    counts: Counts = defaultdict(lambda: [0] * 6)
    _count_pages(counts, _HANDLES, chain(store.frames.values(), store.raw_frames.values()))
    _count_pages(counts, _UNIQUES, chain(store.unique_frames.values(), store.raw_uniques.values()))
    for index in state.view.linked:
        counts[index][_UNIQUES] += 1
    _count_covers(counts, chain(store.segments.values(), store.raw_segments.values()))
    paths = _count_entries(counts, state)
    _count_roots(counts, state, store)
    _count_deferred(counts, state)
    for index, owner in store.owners.items():
        kept = [owner.handles, owner.uniques, owner.covers,
                owner.mappings, owner.links, owner.deferred]  # fmt: skip
        found = counts.pop(index, _NOTHING)
        if kept != found:
            raise HarnessError(
                f"slot {index}: counts {_NAMES} are {tuple(kept)}, recounted {tuple(found)}"
            )
        if owner.paths != paths.get(index, set()):
            raise HarnessError(f"slot {index}: its paths are not the entries that map it")
    if counts:
        raise HarnessError("the registries name a page whose owner was never touched")


def _count_pages(counts: Counts, column: int, addresses: Iterable[int]) -> None:
    for paddr in addresses:
        counts[paddr // PAGE_SIZE][column] += 1


def _count_covers(counts: Counts, segments: Iterable[SegmentEntry]) -> None:
    for start, end in segments:
        for index in range(start // PAGE_SIZE, end // PAGE_SIZE):
            counts[index][_COVERS] += 1


def _count_entries(counts: Counts, state: State) -> dict[int, set[tuple[int, int]]]:
    """Count the links and mappings of all tables, and return which entries map each frame."""
    paths: dict[int, set[tuple[int, int]]] = {}
    for table in state.view.spaces.tables.values():
        for index, entry in table.entries.items():
            if isinstance(entry, Table):
                counts[entry.page][_LINKS] += 1
            elif entry.is_tracked:
                page = entry.paddr // PAGE_SIZE
                counts[page][_MAPPINGS] += 1
                paths.setdefault(page, set()).add((table.page, index))
    return paths


def _count_roots(counts: Counts, state: State, store: VmStore) -> None:
    """Count the links that no entry holds: handles, CPUs, and the kernel on its own nodes.

    The kernel's are counted from boot on, so an owner that nothing has touched yet has them, too.
    """
    spaces, owners = state.view.spaces, store.owners
    roots = [tree.root.page for tree in spaces.trees.values()]
    roots += [space.tree.root.page for space in all_spaces(state)]
    roots += [spaces.roots.get(cpu, spaces.kernel_root) for cpu in range(spaces.cpus)]
    for index in chain(roots, range(*store.kernel[:2])):
        if index in owners:
            counts[index][_LINKS] += 1


def _count_deferred(counts: Counts, state: State) -> None:
    spaces = state.view.spaces
    queues = [c.queue.kept for c in spaces.cursors.values() if c.queue is not None]
    for owner in chain.from_iterable([*spaces.waiting, *queues]):
        counts[owner.index][_DEFERRED] += 1
