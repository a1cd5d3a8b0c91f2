"""Address spaces in words: what they map, where cursors stand, what CPUs cache, what is read."""

from collections.abc import Iterator

from vmstore.arch import PAGE_SIZE
from vmstore.ids import PREFIXES, Prop
from vmstore.step import State
from vmstore.view.spaces import Queue
from vmstore.view.tables import Leaf, Place, Table, Tree
from vmstore.vm_io_owner import name_of

Lines = Iterator[tuple[str, str]]


def spaces_of(state: State) -> Lines:
    """Yield spaces and raw tables, and what they map."""
    spaces = state.view.spaces
    for number, space in sorted(spaces.vm_spaces.items()):
        cpus = ", ".join(map(str, sorted(space.active_on)))
        yield f"vs{number}", f"active on CPU {cpus}" if cpus else "active nowhere"
        for paddr, size in space.iomems:
            yield f"vs{number} device", f"[{paddr:#x}, {paddr + size:#x})"
        yield from _mapped(state, f"vs{number}", space.tree)
    for number, tree in sorted(spaces.trees.items()):
        yield f"pt{number}", f"{tree.config.name} table"
        yield from _mapped(state, f"pt{number}", tree)


def _mapped(state: State, name: str, tree: Tree) -> Lines:
    size = state.view.spaces.geometry.sizes[tree.root.level]
    yield from _mappings(state, name, tree.root, tree.config.low - tree.config.first_index * size)


def _mappings(state: State, name: str, table: Table, base: int) -> Lines:
    size = state.view.spaces.geometry.sizes[table.level]
    for index, entry in sorted(table.entries.items()):
        va = base + index * size
        if isinstance(entry, Leaf):
            kind = "page" if entry.is_tracked else "address"
            huge = f" of {size >> 10} KiB" if table.level > 1 else ""
            yield f"{name} {va:#x}", f"{kind} {entry.paddr:#x}{huge} {_prop(entry.prop)}"
        else:
            yield from _mappings(state, name, entry, va)


def _prop(prop: Prop) -> str:
    flags, cache, _ = prop
    rights = "".join(c if flags >> bit & 1 else "-" for bit, c in enumerate("rwx"))
    return f"{rights} {cache}"


def cursors_of(state: State) -> Lines:
    """Yield where cursors stand, what each has locked, and which flushes wait in it."""
    spaces = state.view.spaces
    for number, cursor in sorted(spaces.cursors.items()):
        yield f"c{number}", _position(cursor.place)
        yield f"c{number} range", _range(cursor.place, f"vs{cursor.space.number}")
        yield f"c{number} locks", _locks(state, cursor.place)
        if cursor.queue is not None and (cursor.queue.is_all or cursor.queue.spans):
            yield f"c{number} flushes", _waiting(cursor.queue)
    names = {id(tree): f"pt{number}" for number, tree in spaces.trees.items()}
    for number, place in sorted(spaces.ptcursors.items()):
        yield f"pc{number}", _position(place)
        yield f"pc{number} range", _range(place, names.get(id(place.tree), "a table"))
        yield f"pc{number} locks", _locks(state, place)


def _position(place: Place) -> str:
    return f"at {place.va:#x}, level {place.level}"


def _range(place: Place, of: str) -> str:
    return f"[{place.start:#x}, {place.end:#x}) of {of}"


def _locks(state: State, place: Place) -> str:
    """Return which tables a cursor keeps locked, from its guard down."""
    tables = state.view.spaces.tables.values()
    held = [table for table in tables if table.holder is place and table is not place.guard]
    below = f" and {len(held)} below" if held else ""
    return f"page {place.guard.page * PAGE_SIZE:#x} of level {place.guard.level}{below}"


def _waiting(queue: Queue) -> str:
    if queue.is_all:
        return "everything"
    shown = [f"{start:#x}" + (f" +{pages}" if pages > 1 else "") for start, pages in queue.spans]
    return ", ".join(shown[:6]) + (", ..." if len(shown) > 6 else "")


def cpus_of(state: State) -> Lines:
    """Yield the CPU that runs, and which translations each has cached."""
    if state.view.spaces.vm_spaces:
        yield "CPU", f"{state.view.spaces.cpu} runs"
    for cpu, cached in sorted(state.view.store.tlb_model.mappings.items()):
        for page, found in sorted(cached.items()):
            yield f"tlb{cpu} {page:#x}", f"cached: page {found.paddr:#x} {_prop(found.prop)}"


def contents_of(state: State) -> Lines:
    """Yield buffers, and what readers and writers have left."""
    machine, store = state.machine, state.view.store
    for number, (_, length) in sorted(machine.io.bufs.items()):
        yield f"b{number}", f"{length} bytes"
    for vio, entry in sorted(store.vm_ios.items()):
        owner = entry.owner
        lender, number = owner.lender
        kind = "fallible" if owner.is_fallible else "infallible"
        left = f"bytes [{owner.start:#x}, {owner.end:#x})"
        source = f"{PREFIXES[lender]}{number}"
        yield name_of(vio), f"{left} of {source}, {kind}"
