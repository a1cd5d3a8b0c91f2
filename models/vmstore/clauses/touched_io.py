"""Which readers, writers and bytes a step touched, and one decision over all of their clauses."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from vmstore.arch import LINEAR_BASE, PAGE_SIZE
from vmstore.memory import EMPTY_PAGE, HEAP_PAGE
from vmstore.step import State
from vmstore.vm_io_owner import handle_of


class IoSubjects(NamedTuple):
    """Ids of readers and writers, indices of pages, ids of buffers; each sorted."""

    vios: list[int]
    pages: list[int]
    bufs: list[int]


def touched_io(state: State) -> IoSubjects:
    """Return what this step declared, or wrote to without declaring it."""
    contents, store = state.view.contents, state.view.store
    written = state.machine.io.memory.written()
    pages, bufs, vios = set(written), set(_buffers_on(state, written)), set[int]()
    if contents.stamp == store.stamp:
        pages |= contents.touched_pages
        bufs |= contents.touched_bufs
        vios = contents.touched_vios & store.vm_ios.keys()
    return IoSubjects(sorted(vios), _data_pages(pages), sorted(bufs))


def all_io(state: State) -> IoSubjects:
    """Return every live handle, every buffer, and every page that was ever written to."""
    view, memory = state.view, state.machine.io.memory
    pages = _data_pages(memory.pages.keys() | view.contents.pages.keys())
    return IoSubjects(sorted(view.store.vm_ios), pages, sorted(view.contents.bufs))


def _data_pages(indices: Iterable[int]) -> list[int]:
    return sorted(index for index in indices if index < HEAP_PAGE)


def _buffers_on(state: State, indices: Iterable[int]) -> list[int]:
    """Return the buffers that lie on the pages."""
    heap = {index for index in indices if index >= HEAP_PAGE}
    if not heap:
        return []
    found = []
    for buf, (address, length) in state.machine.io.bufs.items():
        first = (address - LINEAR_BASE) // PAGE_SIZE
        if heap & set(range(first, first + length // PAGE_SIZE + 1)):
            found.append(buf)
    return found


def touched_io_holds(state: State) -> bool:
    """Return whether every clause holds of what `touched_io` names; flat, as it runs per step."""
    contents, store = state.view.contents, state.view.store
    written = state.machine.io.memory.written()
    declared: Collection[int] = ()
    if contents.stamp == store.stamp:
        for vio in contents.touched_vios:
            if vio in store.vm_ios and not _vio_holds(state, vio):
                return False
        for buf in contents.touched_bufs:
            if not _same_buffer(state, buf):
                return False
        declared = contents.touched_pages
        for index in declared:
            if not _same_page(state, index):
                return False
    for index in written:
        if index < HEAP_PAGE and index not in declared and not _same_page(state, index):
            return False
    return not written or all(_same_buffer(state, buf) for buf in _buffers_on(state, written))


def all_io_holds(state: State) -> bool:
    """Return whether every clause holds of every handle and of all contents."""
    subjects = all_io(state)
    return (
        all(_vio_holds(state, vio) for vio in subjects.vios)
        and all(_same_page(state, index) for index in subjects.pages)
        and all(_same_buffer(state, buf) for buf in subjects.bufs)
    )


def _same_page(state: State, index: int) -> bool:
    found, expected = state.machine.io.memory.pages.get(index), state.view.contents.pages.get(index)
    return (found or EMPTY_PAGE) == (expected or EMPTY_PAGE)


def _same_buffer(state: State, buf: int) -> bool:
    io = state.machine.io
    return io.memory.read(*io.bufs[buf]) == state.view.contents.bufs[buf]


def _vio_holds(state: State, vio: int) -> bool:
    io = state.machine.io
    kind, number = handle_of(vio)
    held = (io.writers if kind == "Writer" else io.readers).get(number)
    entry = state.view.store.vm_ios[vio]
    owner = entry.owner
    if held is None or held.is_fallible != owner.is_fallible:
        return False
    start, end, (area, place), view = owner.start, owner.end, owner.place, owner.view
    base = LINEAR_BASE if area == "memory" else io.bufs[place][0] if area == "buf" else 0
    if held.cursor - base != start or held.end - base != end or start > end:
        return False
    last = entry.vaddr + entry.length
    if start < entry.vaddr or end > last:
        return False
    if entry.vm_space is not None:
        limit = state.machine.spaces.geometry.io_end
        return view is None and entry.vm_space in state.view.store.vm_spaces and last <= limit
    return (
        view is not None
        and view.kind == ("WriteView" if kind == "Writer" else "ReadView")
        and view.is_disjoint()
        and view.translates(start, end)
    )
