"""Invariants of address spaces and CPUs (VMS), of what waits for flushes (TLB), and of mappings.

The clauses on the whole store come last; those on slots compare P with real entries.
"""

from collections import Counter
from collections.abc import Iterator, Set
from typing import Any, Final

from vmstore.clauses.registry import Clause, Group, SlotCase, StoreCase
from vmstore.clauses.space_cases import CpuCase, SpaceCase, leaf_page

_VMS: Final = "vm_space: VmSpace, activate"
_PT: Final = "page_table::PageTableNode"
_VIEW: Final = "vostd PageTableView::inv"
_TLB: Final = "vm_space, tlb: TlbFlusher"
_BEYOND: Final = "beyond vostd VmStore::inv"
_SRC: Final = "what the ops have done"
_X: Final[Group] = "extra"
_V: Final[Group] = "view"
_ALIAS: Final = {"ostd": "AX-42", "vostd": "AX-42", "seed": "AX-42"}


def _is_mapped(c: SlotCase) -> bool:
    return bool(c.owner.mappings or c.owner.paths)


def _real_paths(c: SlotCase) -> bool:
    """Each path is an entry of a node that maps the page, and P is their number."""
    nodes = c.state.machine.nodes.nodes
    for page, index in c.owner.paths:
        node = nodes.get(page)
        if node is None or leaf_page(node.word(index)) != c.slot.index:
            return False
    return len(c.owner.paths) == c.owner.mappings


def _show_paths(c: SlotCase) -> str:
    nodes = c.state.machine.nodes.nodes
    shown = []
    for page, index in sorted(c.owner.paths):
        word = nodes[page].word(index) if page in nodes else 0
        shown.append(f"{_place(c, page, index)} holds {word:#x}")
    return f"P={c.owner.mappings}; " + ", ".join(shown)


def _place(c: SlotCase, page: int, index: int) -> str:
    """Return space and path of an entry: `vs0:0/0/3/1`."""
    spaces = c.state.view.spaces
    path, table = [index], spaces.tables.get(page)
    while table is not None and table.at is not None:
        path.insert(0, table.at[1])
        table = spaces.tables.get(table.at[0])
    roots = {space.tree.root.page: f"vs{n}" for n, space in spaces.vm_spaces.items()}
    name = roots.get(table.page, f"root {table.page:#x}") if table is not None else "no tree"
    return f"{name}:{'/'.join(map(str, path))}"


def _active_cpus(c: SpaceCase) -> set[int]:
    cpus = c.state.machine.spaces.cpus
    return {cpu for cpu, held in cpus.items() if held.active is c.space}


def _users(c: SpaceCase) -> int:
    """Count the cursors, readers and writers that keep the handle from being dropped."""
    vm_ios, handle = c.state.view.store.vm_ios, c.known.handle
    on_it = sum(vio.vm_space == handle for vio in vm_ios.values()) if handle is not None else 0
    return c.known.tree.borrows + on_it


def same_space(c: SpaceCase) -> bool:
    """Return whether all of a space is as the ops made it."""
    s, k = c.space, c.known
    return (
        s.table.root.index == k.tree.root.page
        and s.table.borrows == k.tree.borrows
        and s.borrows == _users(c)
        and s.cpus == k.active_on
        and s.strong == k.owners
        and s.iomems == k.iomems
    )


def same_cpu(c: CpuCase) -> bool:
    """Return whether a CPU runs what the ops made it run."""
    spaces = c.state.view.spaces
    known = spaces.active.get(c.cpu)
    root = spaces.roots.get(c.cpu, spaces.kernel_root)
    active = c.held.active.number if c.held.active is not None else None
    return c.held.root.index == root and active == (known.number if known is not None else None)


def _show_requests(c: CpuCase) -> str:
    queue = c.held.queue
    asked = "everything" if queue.flushes_all else f"{len(queue.ops)} requests"
    return f"cpu {c.cpu} was asked to flush {asked}, {len(queue.keeper)} pages wait for it"


def _waiting(c: StoreCase) -> Counter[int]:
    """Count the references that queues and the grace period keep, by page, as the code has them."""
    spaces = c.state.machine.spaces
    queues = [s.queue for s in spaces.cursors.values() if s.queue is not None]
    queues += [cpu.queue for cpu in spaces.cpus.values()]
    batches = [*spaces.callbacks, *(queue.keeper for queue in queues)]
    return Counter(slot.index for batch in batches for slot in batch)


def _deferred(c: StoreCase) -> Counter[int]:
    owners = c.state.view.store.owners.values()
    return Counter({owner.index: owner.deferred for owner in owners if owner.deferred})


def _show_deferred(c: StoreCase) -> str:
    return f"kept by page: {dict(_waiting(c))}, D by page: {dict(_deferred(c))}"


def _same_batches(c: StoreCase) -> bool:
    seen, known = c.state.machine.spaces.callbacks, c.state.view.spaces.waiting
    return [[s.index for s in batch] for batch in seen] == [
        [o.index for o in batch] for batch in known
    ]


def _same_pool(c: StoreCase) -> bool:
    pool, known = c.state.machine.spaces.pool, c.state.view.spaces.pool
    return (pool.next, pool.limit, pool.handed, sorted(pool.returned)) == (
        known.next, known.limit, known.live, sorted(known.returned),
    )  # fmt: skip


def _show_pool(c: StoreCase) -> str:
    pool, known = c.state.machine.spaces.pool, c.state.view.spaces.pool
    return (
        f"next={pool.next} handed out {sorted(pool.handed)}, by the ops"
        f" next={known.next} live {sorted(known.live)}"
    )


def _handles(c: StoreCase) -> Iterator[tuple[str, Set[int], Set[int]]]:
    """Yield, for each kind of handle, the ids that the code has and those that the ops left."""
    live, view = c.state.live, c.state.view
    store, spaces = view.store, view.spaces
    known: dict[str, dict[int, Any]] = {
        "frame": store.frames,
        "raw": store.raw_frames,
        "segment": store.segments,
        "raw_segment": store.raw_segments,
        "unique": store.unique_frames,
        "raw_unique": store.raw_uniques,
        "list": view.lists,
        "lcursor": view.lcursors,
        "vs": spaces.vm_spaces,
        "cursor": spaces.cursors,
        "ptable": spaces.trees,
        "ptcursor": spaces.ptcursors,
    }
    for kind, ids in known.items():
        yield kind, live[kind].keys(), ids.keys()


def _same_handles(c: StoreCase) -> bool:
    spaces, known = c.state.machine.spaces, c.state.view.spaces
    return (
        all(seen == ids for _, seen, ids in _handles(c))
        and spaces.cpu == known.cpu
        and {n: (t.root.index, t.borrows) for n, t in spaces.ptables.items()}
        == {n: (t.root.page, t.borrows) for n, t in known.trees.items()}
    )


def _show_handles(c: StoreCase) -> str:
    return "; ".join(
        f"{kind} {sorted(seen)}, by the ops {sorted(ids)}"
        for kind, seen, ids in _handles(c)
        if seen != ids
    )


def _one_entry(c: SlotCase) -> bool:
    return c.owner.mappings <= 1


CLAUSES: Final = (
    Clause("PT.INV.12", "a mapped frame has rc >= P", _PT, "slot", _X, when=_is_mapped,
           holds=lambda c: c.is_shared and c.rc >= c.owner.mappings,
           show=lambda c: f"rc={c.rc}, P={c.owner.mappings}"),
    Clause("XTRA.3", "the paths of a frame are P entries that map it", _BEYOND, "slot", _X,
           when=_is_mapped, holds=_real_paths, show=_show_paths),
    Clause("VIEW.INV.6", "mappings are pairwise disjoint in physical memory", _VIEW, "slot", _X,
           when=_is_mapped, holds=_one_entry, known=_ALIAS, show=_show_paths),
    Clause("VMS.INV.1", "a space's CPUs are those that have it active", _VMS, "space", _X,
           holds=lambda c: c.space.cpus == _active_cpus(c),
           show=lambda c: f"active on {sorted(_active_cpus(c))}"),
    Clause("VMS.INV.2", "a space is kept by its handle and by each CPU that has it active", _VMS,
           "space", _X, show=lambda c: f"handle {c.known.handle}, {len(_active_cpus(c))} CPUs",
           holds=lambda c: c.space.strong == len(_active_cpus(c)) + (c.known.handle is not None)),
    Clause("VMS.INV.4", "the recorded device regions are distinct", _VMS, "space", _X,
           when=lambda c: bool(c.space.iomems),
           holds=lambda c: len(set(c.space.iomems)) == len(c.space.iomems)),
    Clause("VMS.INV.3", "CR3 is the root of the active space", _VMS, "cpu", _X,
           when=lambda c: c.held.active is not None,
           holds=lambda c: c.held.root is c.held.active.table.root),
    Clause("TLB.INV.4", "a CPU has requests only while its interrupt is outstanding", _TLB, "cpu",
           _X, holds=lambda c: not (c.held.queue.ops or c.held.queue.flushes_all
                                    or c.held.queue.keeper), show=_show_requests),
    Clause("XTRA.11", "D is the number of references that queues and the grace period keep",
           _BEYOND, "store", _X, holds=lambda c: _waiting(c) == _deferred(c), show=_show_deferred),
    Clause("VIEW.SPACE", "a space has root, CPUs, owners, users and regions as the ops gave them",
           _SRC, "space", _V, holds=same_space),
    Clause("VIEW.CPU", "a CPU runs the root and the space that the ops gave it", _SRC, "cpu", _V,
           holds=same_cpu),
    Clause("VIEW.HANDLES", "the handles are alive that the ops left alive, and no others", _SRC,
           "store", _V, holds=_same_handles, show=_show_handles),
    Clause("VIEW.RCU", "the batches that wait for the grace period are those of the ops", _SRC,
           "store", _V, holds=_same_batches, show=_show_deferred),
    Clause("VIEW.POOL", "the pages that nodes may take are those that the ops left free", _SRC,
           "store", _V, holds=_same_pool, show=_show_pool),
)  # fmt: skip
