"""Recomputes the store's counts from everything that may own a reference."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from vmfuzz.errors import HarnessError
from vmstore.arch import PAGE_SIZE
from vmstore.clauses.space_cases import all_spaces
from vmstore.step import State
from vmstore.store import SegmentEntry
from vmstore.view.tables import Table

Counts = Counter[int]
_NAMES: Final = "H, U, C, P, links, D"


def recount(state: State) -> None:
    """Compare the store's counts with its registries and tables. Errors: HarnessError on drift."""
    view, store = state.view, state.view.store
    handles = _pages(store.frames.values()) + _pages(store.raw_frames.values())
    uniques = _pages(store.unique_frames.values()) + _pages(store.raw_uniques.values())
    uniques.update(view.linked.keys())
    covers = _covers(store.segments.values()) + _covers(store.raw_segments.values())
    paths, links = _entries(state)
    columns = (handles, uniques, covers, _sizes(paths), links + _roots(state), _deferred(state))
    for owner in store.owners.values():
        kept = (owner.handles, owner.uniques, owner.covers,
                owner.mappings, owner.links, owner.deferred)  # fmt: skip
        index = owner.index
        found = tuple(column.pop(index, 0) for column in columns)
        if kept != found:
            raise HarnessError(f"slot {index}: counts {_NAMES} are {kept}, recounted {found}")
        if owner.paths != paths.get(index, set()):
            raise HarnessError(f"slot {index}: its paths are not the entries that map it")
    if any(columns):
        raise HarnessError("the registries name a page whose owner was never touched")


def _pages(addresses: Iterable[int]) -> Counts:
    return Counter(paddr // PAGE_SIZE for paddr in addresses)


def _covers(segments: Iterable[SegmentEntry]) -> Counts:
    return Counter(
        index for start, end in segments for index in range(start // PAGE_SIZE, end // PAGE_SIZE)
    )


def _sizes(paths: dict[int, set[tuple[int, int]]]) -> Counts:
    return Counter({index: len(found) for index, found in paths.items()})


def _entries(state: State) -> tuple[dict[int, set[tuple[int, int]]], Counts]:
    """Return which entries map each frame, and how many link each table."""
    paths: dict[int, set[tuple[int, int]]] = {}
    links: Counts = Counter()
    for table in state.view.spaces.tables.values():
        for index, entry in table.entries.items():
            if isinstance(entry, Table):
                links[entry.page] += 1
            elif entry.is_tracked:
                paths.setdefault(entry.paddr // PAGE_SIZE, set()).add((table.page, index))
    return paths, links


def _roots(state: State) -> Counts:
    """Count the links that no entry holds: handles, CPUs, and the kernel on its own nodes."""
    spaces, store = state.view.spaces, state.view.store
    links = Counter(tree.root.page for tree in spaces.trees.values())
    links.update(space.tree.root.page for space in all_spaces(state))
    links.update(spaces.roots.get(cpu, spaces.kernel_root) for cpu in range(spaces.cpus))
    first, end, _ = store.kernel
    links.update(range(first, end))
    return Counter({index: n for index, n in links.items() if index in store.owners})


def _deferred(state: State) -> Counts:
    spaces = state.view.spaces
    queues = [c.queue.kept for c in spaces.cursors.values() if c.queue is not None]
    return Counter(owner.index for batch in [*spaces.waiting, *queues] for owner in batch)
