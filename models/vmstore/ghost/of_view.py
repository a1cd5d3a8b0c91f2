"""The ghost values of what the ops have done: views of memory, owners, views of cursors."""

from collections.abc import Iterator

from vmstore.arch import LINEAR_BASE, PAGE_SIZE
from vmstore.ghost.cursor_view import CursorView
from vmstore.ghost.frame_contents import FrameContents
from vmstore.ghost.global_mem_view import GlobalMemView
from vmstore.ghost.mapping import Mapping
from vmstore.ghost.mem_view import MemView
from vmstore.ghost.mem_view_wf import Formula
from vmstore.ghost.vm_io_owner import VmIoMemView, VmIoOwner
from vmstore.ghost.vm_space_owner import VmSpaceOwner
from vmstore.spaces import RequiresError
from vmstore.view.state import View
from vmstore.view.tables import Place, Table
from vmstore.vm_io_owner import MEMORY
from vmstore.world import World


def table_mappings(v: View, table: Table, base: int) -> Iterator[Mapping]:
    """Yield what a table maps; `base` is the address that its first entry is for."""
    size = v.spaces.geometry.sizes[table.level]
    for index, entry in sorted(table.entries.items()):
        va = base + index * size
        if isinstance(entry, Table):
            yield from table_mappings(v, entry, va)
        else:
            yield Mapping(va, va + size, entry.paddr, entry.paddr + size, size, entry.prop)


def cursor_view(v: View, place: Place) -> CursorView:
    """Return the position of a cursor and all that its table maps. Source: `Cursor::model`."""
    g, root = v.spaces.geometry, place.tree.root
    base = place.start & -g.sizes[root.level + 1]
    return CursorView(place.va, frozenset(table_mappings(v, root, base)), g.entries)


def space_mem_view(v: View, vs: int) -> MemView:
    """Return the memory that a live space maps, with what it contains now.

    Device memory is none: it has no contents.
    """
    root = v.spaces.vm_spaces[vs].tree.root
    mapped = frozenset(m for m in table_mappings(v, root, 0) if m.pa_end <= v.max_paddr)
    return MemView(mapped, {m.pa_start: _contents(v, m.pa_start, m.page_size) for m in mapped})


def global_mem_view(v: View, vs: int, cached: frozenset[Mapping] = frozenset()) -> GlobalMemView:
    """Return a live space with all of memory; `cached` are the translations in use, if any.

    Ensures: `broken()` is empty, but for a frame with two mappings (AX-42).
    """
    view = space_mem_view(v, vs)
    mapped = {pa for m in view.mappings for pa in range(m.pa_start, m.pa_end, PAGE_SIZE)}
    unmapped = frozenset(range(0, v.max_paddr, PAGE_SIZE)) - mapped
    return GlobalMemView(view.mappings, cached, unmapped, view.memory)


def kernel_mem_view(v: View, start: int, end: int) -> MemView:
    """Return a view of the physical range `[start, end)` through the linear mapping.

    Any number of them can be had of one range, writing or not (AX-34), and each keeps what memory
    contained when it was made. Source: `axiom_kernel_mem_view`.
    """
    first = start - start % PAGE_SIZE
    pages = range(first, end, PAGE_SIZE)
    mapped = frozenset(Mapping.page(LINEAR_BASE + page, page) for page in pages)
    return MemView(mapped, {page: _contents(v, page, PAGE_SIZE) for page in pages})


def _contents(v: View, paddr: int, size: int) -> FrameContents:
    return FrameContents.of(paddr, v.contents.read(MEMORY, paddr, size))


def vm_io_owner(v: View, vio: int) -> VmIoOwner:
    """Return the owner of a live reader or writer, with the view that it has in the store.

    Requires: it is not one of a buffer, which lies in no frame of the model.
    """
    entry = v.store.vm_ios[vio]
    known = entry.owner
    if known.place[0] == "buf":
        raise RequiresError(f"vm_io {vio} is of a buffer, which lies in no frame")
    base = LINEAR_BASE if known.place == MEMORY else 0
    view = None
    if known.view is not None:
        view = VmIoMemView(known.view.kind, kernel_mem_view(v, known.start, known.end))
    start, end = base + known.start, base + known.end
    return VmIoOwner(vio, start, end, known.is_fallible, known.is_kernel, view)


def formula_of(world: World) -> Formula:
    """Return which well-formedness of a space's owner holds in a world."""
    return "literal" if world.variant("mem_view_wf") == "literal" else "disjoint-views"


def vm_space_owner(
    v: View, vs: int, formula: Formula, *, shared_reader: bool = False
) -> VmSpaceOwner:
    """Return the owner of a live space; one that is active on some CPU has all its memory in view.

    Ensures: `broken()` is empty.
    """
    if not v.store.vm_spaces[vs].is_active:
        return VmSpaceOwner(active=False, formula=formula, shared_reader=shared_reader)
    view = space_mem_view(v, vs)
    return VmSpaceOwner(
        active=True, formula=formula, mem_view=view, mv_range=view, shared_reader=shared_reader
    )
