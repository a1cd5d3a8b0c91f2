"""`mem_view_wf` and the rest of `VmSpaceOwner::inv`: MVWF.1 to 8, VSO.2 to 6.

Two formulas. `literal` is the specification's. It says of a writer both that its view translates as
the total view everywhere and that what it translates the remaining view, which also translates as
the total view, does not: with a writer, no address can be mapped at all (AX-39). It also compares
virtual addresses with keys of physical memory (MVWF.6), asks of a reader's part to translate like
the whole (MVWF.8), and calls adjacent ranges overlapping. `disjoint-views` is what the source's
comment says, that the total view is the remaining one and those of the handles: each translates as
the total view where it translates, and no address, no frame, is with two of which one writes.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, Final, Literal

from vmstore.ghost.mem_view import MemView, edges
from vmstore.ghost.vm_io_owner import VmIoOwner

if TYPE_CHECKING:
    from vmstore.ghost.vm_space_owner import VmSpaceOwner

Formula = Literal["literal", "disjoint-views"]
FORMULAS: Final[tuple[Formula, ...]] = ("literal", "disjoint-views")


def broken_mem_view(space: VmSpaceOwner) -> list[str]:
    """Return which of MVWF.1 to MVWF.8 are false of a space's owner.

    MVWF.2 to 8 speak of an owner with both views. Source: `VmSpaceOwner::mem_view_wf`.
    """
    rem, tot = space.mem_view, space.mv_range
    if rem is None or tot is None:
        return [] if rem is tot else ["MVWF.1"]
    holds = {
        "MVWF.2": rem.mappings_are_disjoint() and tot.mappings_are_disjoint(),
        "MVWF.3": rem.mappings <= tot.mappings and rem.memory.keys() <= tot.memory.keys(),
    }
    holds |= _literal(space, rem, tot) if space.formula == "literal" else _disjoint(space, rem, tot)
    return [clause for clause, is_true in holds.items() if not is_true]


def _literal(space: VmSpaceOwner, rem: MemView, tot: MemView) -> dict[str, bool]:
    writers = [_view(w) for w in space.writers]
    return {
        "MVWF.4": _same_everywhere(rem, tot),
        "MVWF.5": all(w.can_write() for w in space.writers)
        and all(_same_everywhere(wv, tot) for wv in writers),
        "MVWF.6": all(
            not (_meet(wv, rem) or any(wv.mapping_at(key) for key in rem.memory)) for wv in writers
        ),
        "MVWF.7": all(_is_taken(wv, rem, tot) for wv in writers),
        "MVWF.8": all(r.can_read() for r in space.readers)
        and all(_same_everywhere(_view(r), tot) for r in space.readers),
    }


def _disjoint(space: VmSpaceOwner, rem: MemView, tot: MemView) -> dict[str, bool]:
    writers = [_view(w) for w in (*space.writers, *space.lent_writers)]
    readers = [_view(r) for r in (*space.readers, *space.lent_readers)]
    parts = [rem, *writers]
    return {
        "MVWF.4": frozenset[object]().union(*(p.mappings for p in parts)) == tot.mappings,
        "MVWF.5": all(w.can_write() for w in space.writers)
        and all(_same_inside(wv, tot) for wv in writers),
        "MVWF.6": all(not _meet(a, b) and _apart(a, b) for a, b in combinations(parts, 2)),
        "MVWF.7": all(_is_taken(wv, rem, tot) for wv in writers),
        "MVWF.8": all(r.can_read() for r in space.readers)
        and all(_same_inside(rv, tot) for rv in readers),
    }


def broken_handles(space: VmSpaceOwner) -> list[str]:
    """Return which of VSO.3 to VSO.6 are false of an active owner with a view.

    VSO.3: every reader and writer satisfies its owner's invariant. VSO.4: no reader meets a writer.
    VSO.5: unless `shared_reader`, no reader meets a reader; the prose of the source says the
    opposite. VSO.6: no writer meets a writer. Source: `VmSpaceOwner::inv`.
    """
    readers, writers = space.readers, space.writers
    apart = VmIoOwner.disjoint if space.formula == "literal" else do_not_meet
    holds = {
        "VSO.3": not any(owner.broken() for owner in (*readers, *writers)),
        "VSO.4": all(apart(r, w) for r, w in product(readers, writers)),
        "VSO.5": space.shared_reader or all(apart(a, b) for a, b in combinations(readers, 2)),
        "VSO.6": all(apart(a, b) for a, b in combinations(writers, 2)),
    }
    return [clause for clause, is_true in holds.items() if not is_true]


def do_not_meet(a: VmIoOwner, b: VmIoOwner) -> bool:
    """Return whether two handles share no byte and no mapping: adjacent ranges do not meet."""
    if a.start < b.end and b.start < a.end:
        return False
    return not (_view(a).mappings & _view(b).mappings)


def _view(owner: VmIoOwner) -> MemView:
    return owner.view.view if owner.view is not None else MemView()


def _same_everywhere(a: MemView, b: MemView) -> bool:
    return all(a.addr_transl(va) == b.addr_transl(va) for va in edges(a, b))


def _same_inside(part: MemView, whole: MemView) -> bool:
    found = ((part.addr_transl(va), whole.addr_transl(va)) for va in edges(part, whole))
    return all(here is None or here == there for here, there in found)


def _meet(a: MemView, b: MemView) -> bool:
    """Return whether both translate some address."""
    return any(a.mapping_at(va) and b.mapping_at(va) for va in edges(a, b))


def _apart(a: MemView, b: MemView) -> bool:
    """Return whether no frame is in both, at whatever address it is mapped."""
    return not any(
        m.overlaps_pa(other.pa_start, other.pa_end) for m, other in product(a.mappings, b.mappings)
    )


def _is_taken(part: MemView, rem: MemView, tot: MemView) -> bool:
    return (
        not part.mappings & rem.mappings
        and part.mappings <= tot.mappings
        and part.memory.keys() <= tot.memory.keys()
    )
