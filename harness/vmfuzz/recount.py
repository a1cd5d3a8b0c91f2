"""The store's counts against its registries: drift is a defect of the model, never a finding."""

from collections import Counter

from vmfuzz.errors import HarnessError
from vmstore.arch import PAGE_SIZE
from vmstore.step import State
from vmstore.view.tables import Leaf


def recount(state: State) -> None:
    """Compare the store's counts with its registries. Errors: HarnessError on drift."""
    store = state.view.store
    handles: dict[int, int] = {}
    uniques: dict[int, int] = {}
    covers: dict[int, int] = {}
    for table, counts in (
        (store.frames, handles),
        (store.raw_frames, handles),
        (store.unique_frames, uniques),
        (store.raw_uniques, uniques),
    ):
        for paddr in table.values():
            counts[paddr // PAGE_SIZE] = counts.get(paddr // PAGE_SIZE, 0) + 1
    for index in state.view.linked:
        uniques[index] = uniques.get(index, 0) + 1
    for segments in (store.segments, store.raw_segments):
        for start, end in segments.values():
            for index in range(start // PAGE_SIZE, end // PAGE_SIZE):
                covers[index] = covers.get(index, 0) + 1
    mappings, links, deferred = _space_counts(state)
    every = (handles, uniques, covers, mappings, links, deferred)
    for owner in store.owners.values():
        kept = (
            owner.handles,
            owner.uniques,
            owner.covers,
            owner.mappings,
            owner.links,
            owner.deferred,
        )
        found = tuple(counts.pop(owner.index, 0) for counts in every)
        if kept != found:
            text = f"counts H, U, C, P, links, D are {kept}, registries say {found}"
            raise HarnessError(f"slot {owner.index}: {text}")
    if any(every):
        raise HarnessError("the registries name a page whose owner was never touched")


def _space_counts(state: State) -> tuple[Counter[int], Counter[int], Counter[int]]:
    """Return mappings, links and deferred references per page, from tables, CPUs and queues."""
    spaces, world = state.view.spaces, state.world
    mappings: Counter[int] = Counter()
    links: Counter[int] = Counter()
    for table in spaces.tables.values():
        for entry in table.entries.values():
            if not isinstance(entry, Leaf):
                links[entry.page] += 1
            elif entry.is_tracked:
                mappings[entry.paddr // PAGE_SIZE] += 1
    alive = {id(s): s for s in (*spaces.vm_spaces.values(), *spaces.active.values())}
    for tree in (*spaces.trees.values(), *(space.tree for space in alive.values())):
        links[tree.root.page] += 1
    first = world.frames
    boot = range(first, first + world.kernel_nodes)
    links.update(index for index in boot if index in state.view.store.owners)
    if first in links:
        links.update(spaces.roots.get(cpu, first) for cpu in range(world.cpus))
    else:
        links.update(spaces.roots.values())
    queues = [c.queue for c in spaces.cursors.values() if c.queue is not None]
    batches = [*spaces.waiting, *(queue.kept for queue in queues)]
    deferred = Counter(owner.index for batch in batches for owner in batch)
    return mappings, links, deferred
