"""A state in words: a line per live page, handle, list, mapping and cursor, to be compared."""

from collections.abc import Iterator

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.cells import NONE, Slot
from vmstore.owner import SlotOwner
from vmstore.step import State
from vmstore.view.tables import Leaf, Place, Prop, Table, Tree

Picture = dict[str, str]  # subject: what it is like, in the order of the report


def picture(state: State) -> Picture:
    """Return what is live, on both sides. Cost: one walk over everything that was ever touched."""
    return dict([*_pages(state), *_handles(state), *_lists(state), *_tables(state)])


def _pages(state: State) -> Iterator[tuple[str, str]]:
    cells, store = state.machine.cells, state.view.store
    for index in sorted(cells.slots.keys() | store.owners.keys()):
        slot, owner = cells.slot(index), store.owner(index)
        if slot.ref_count != REF_COUNT_UNUSED or owner.references() or owner.uniques:
            yield f"page {index * PAGE_SIZE:#x}", _page(slot, owner)


def _page(slot: Slot, owner: SlotOwner) -> str:
    """Return the equation of a page: `rc 3 = H 2 + C 1`, or `rc 1, but C 2` where it breaks."""
    terms = _terms(owner)
    if slot.ref_count == REF_COUNT_UNIQUE:
        text = "unique" if terms == "U 1" else f"unique, but {terms}"
    elif slot.ref_count == REF_COUNT_UNUSED:
        text = f"unused, but {terms}"
    else:
        sign = " =" if slot.ref_count == owner.references() and not owner.uniques else ", but"
        text = f"rc {slot.ref_count}{sign} {terms}"
    value = f" {slot.val}" if slot.val else ""
    place = f" in list {slot.in_list}" if slot.in_list else ""
    return f"{text}, {slot.vtable or 'no metadata'}{value}{place}"


def _terms(owner: SlotOwner) -> str:
    counts = {
        "H": owner.handles,
        "P": owner.mappings,
        "C": owner.covers,
        "D": owner.deferred,
        "U": owner.uniques,
        "links": owner.links,
        "lost": owner.leaked,
    }
    return " + ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing"


def _handles(state: State) -> Iterator[tuple[str, str]]:
    store = state.view.store
    for prefix, table in (
        ("f", store.frames),
        ("fr", store.raw_frames),
        ("u", store.unique_frames),
        ("ur", store.raw_uniques),
    ):
        for handle, paddr in sorted(table.items()):
            yield f"{prefix}{handle}", f"page {paddr:#x}"
    for prefix, segments in (("s", store.segments), ("sr", store.raw_segments)):
        for handle, (start, end) in sorted(segments.items()):
            yield f"{prefix}{handle}", f"pages [{start:#x}, {end:#x})"


def _lists(state: State) -> Iterator[tuple[str, str]]:
    view = state.view
    for handle, held in sorted(view.lists.items()):
        pages = " ".join(f"{index * PAGE_SIZE:#x}" for index in held.pages)
        yield f"l{handle}", f"id {held.list_id}: {pages or 'empty'}"
    for handle, cursor in sorted(view.lcursors.items()):
        at = cursor.element()
        where = "the ghost" if at == NONE else f"page {at * PAGE_SIZE:#x}"
        yield f"lc{handle}", f"on {where} of l{cursor.list.handle}"


def _tables(state: State) -> Iterator[tuple[str, str]]:
    """Spaces and raw tables, what they map, and where their cursors stand."""
    spaces = state.view.spaces
    for number, space in sorted(spaces.vm_spaces.items()):
        cpus = ", ".join(map(str, sorted(space.active_on)))
        yield f"vs{number}", f"active on CPU {cpus}" if cpus else "active nowhere"
        yield from _mapped(state, f"vs{number}", space.tree)
    for number, tree in sorted(spaces.trees.items()):
        yield f"pt{number}", f"{tree.config.name} table"
        yield from _mapped(state, f"pt{number}", tree)
    for number, cursor in sorted(spaces.cursors.items()):
        yield f"c{number}", f"{_place(cursor.place)} of vs{cursor.space.number}"
    for number, place in sorted(spaces.ptcursors.items()):
        yield f"pc{number}", _place(place)


def _mapped(state: State, name: str, tree: Tree) -> Iterator[tuple[str, str]]:
    size = state.view.spaces.geometry.sizes[tree.root.level]
    yield from _mappings(state, name, tree.root, tree.config.low - tree.config.first_index * size)


def _mappings(state: State, name: str, table: Table, base: int) -> Iterator[tuple[str, str]]:
    size = state.view.spaces.geometry.sizes[table.level]
    for index, entry in sorted(table.entries.items()):
        va = base + index * size
        if isinstance(entry, Leaf):
            kind = "page" if entry.is_tracked else "address"
            yield f"{name} {va:#x}", f"{kind} {entry.paddr:#x} {_prop(entry.prop)}"
        else:
            yield from _mappings(state, name, entry, va)


def _prop(prop: Prop) -> str:
    flags, cache, _ = prop
    rights = "".join(c if flags >> bit & 1 else "-" for bit, c in enumerate("rwx"))
    return f"{rights} {cache}"


def _place(place: Place) -> str:
    return f"at {place.va:#x}, level {place.level} in [{place.start:#x}, {place.end:#x})"
