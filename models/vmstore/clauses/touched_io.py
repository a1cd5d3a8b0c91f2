"""Which readers, writers and bytes a step touched, and one decision over all of their clauses."""

from collections.abc import Iterable
from typing import NamedTuple

from vmstore.arch import LINEAR_BASE, PAGE_SIZE
from vmstore.clauses.io_cases import ContentsCase, VioCase
from vmstore.memory import HEAP_PAGE
from vmstore.step import State


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


def io_holds(state: State, subjects: IoSubjects) -> bool:
    """Return whether every clause holds of these handles and bytes."""
    return (
        all(_vio_holds(state, vio) for vio in subjects.vios)
        and all(_same_bytes(ContentsCase(state, "page", index)) for index in subjects.pages)
        and all(_same_bytes(ContentsCase(state, "buf", buf)) for buf in subjects.bufs)
    )


def _same_bytes(case: ContentsCase) -> bool:
    return case.found == case.expected


def _vio_holds(state: State, vio: int) -> bool:
    case = VioCase(state, vio)
    entry = case.entry
    owner, view = entry.owner, entry.owner.view
    if case.held is None or case.held.is_fallible != owner.is_fallible:
        return False
    if case.left() != (owner.start, owner.end) or owner.start > owner.end:
        return False
    if owner.start < entry.vaddr or owner.end > entry.vaddr + entry.length:
        return False
    if entry.vm_space is not None:
        is_live = entry.vm_space in state.view.store.vm_spaces
        return view is None and is_live and entry.vaddr + entry.length <= case.user_limit
    return (
        view is not None
        and view.kind == ("ReadView" if entry.kind == "Reader" else "WriteView")
        and view.is_disjoint()
        and view.translates(owner.start, owner.end)
    )
