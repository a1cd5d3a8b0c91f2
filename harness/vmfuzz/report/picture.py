"""A state in words: a line per live page, handle, list, mapping and cursor, to be compared."""

from collections.abc import Iterator

from vmfuzz.report.space_picture import contents_of, cpus_of, cursors_of, spaces_of
from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.cells import NONE, Slot
from vmstore.owner import SlotOwner
from vmstore.step import State

Picture = dict[str, str]  # subject: what it is like, in the order of the report


def picture(state: State) -> Picture:
    """Return what is live, on both sides. Cost: one walk over everything that was ever touched."""
    parts = (_pages, _handles, _lists, spaces_of, cursors_of, cpus_of, contents_of)
    return {subject: text for part in parts for subject, text in part(state)}


def _pages(state: State) -> Iterator[tuple[str, str]]:
    cells, store = state.machine.cells, state.view.store
    for index in sorted(cells.slots.keys() | store.owners.keys()):
        slot, owner = cells.slot(index), store.owner(index)
        if slot.ref_count != REF_COUNT_UNUSED or owner.references() or owner.uniques:
            table = state.view.spaces.tables.get(index)
            level = f" level {table.level}" if table is not None else ""
            yield f"page {index * PAGE_SIZE:#x}", _page(slot, owner) + level


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
