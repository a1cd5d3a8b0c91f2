"""Rules of the ops on cursors of address spaces."""

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import UNTYPED_KINDS, Prop
from vmstore.ops.cursor import (
    CursorDrop,
    CursorFindIomem,
    CursorFindNext,
    CursorFlusherDispatch,
    CursorFlusherIssue,
    CursorFlusherSync,
    CursorJump,
    CursorMap,
    CursorMapIomem,
    CursorOpen,
    CursorOpenMut,
    CursorProtectNext,
    CursorQuery,
    CursorUnmap,
    CursorVirtAddr,
)
from vmstore.outcome import (
    ACCESS_DENIED,
    NOT_UNTYPED,
    OK,
    WRONG_TYPE,
    Blocked,
    Ok,
    Outcome,
    Unwinding,
)
from vmstore.spaces import CursorEntry, extract_cursor, insert_cursor
from vmstore.view import tlb
from vmstore.view.edit import change, take
from vmstore.view.page_table import map_item
from vmstore.view.predict import predicted
from vmstore.view.spaces import Queue, SpaceCursor
from vmstore.view.state import View
from vmstore.view.tables import Leaf, Place, Table, shown, small_pages, tracked
from vmstore.view.walk import close_place, look, move, open_place, search, span

PRIV_USER = 0x01


@predicted
def cursor_open(v: View, op: CursorOpen) -> Outcome:
    """A cursor over the range, unless the range is bad or somebody is in the way."""
    return _open(v, op, None)


@predicted
def cursor_open_mut(v: View, op: CursorOpenMut) -> Outcome:
    """The same, with a queue of flushes."""
    return _open(v, op, Queue())


def _open(v: View, op: CursorOpen | CursorOpenMut, queue: Queue | None) -> Outcome:
    space = v.spaces.vm_spaces[op.vs]
    made = open_place(v, space.tree, op.start, op.end)
    if not isinstance(made, Place):
        return made if isinstance(made, Blocked) else ACCESS_DENIED
    v.spaces.cursors[op.dst] = SpaceCursor(space, made, queue)
    v.spaces.cursor(op.dst)
    v.spaces.touch_space(space)
    kind = CursorEntry(op.vs, "ReadOnly" if queue is None else "Mutable", op.start, op.end)
    insert_cursor(v.store.cursors, v.store.vm_spaces, op.dst, kind)
    return OK


@predicted
def cursor_drop(v: View, op: CursorDrop) -> Outcome:
    """The range is free again; what waited is forgotten."""
    c = v.spaces.cursor(op.cursor)
    del v.spaces.cursors[op.cursor]
    v.spaces.touch_space(c.space)
    extract_cursor(v.store.cursors, op.cursor)
    close_place(v, c.place)
    if c.queue is not None:
        tlb.forget(v, c.queue)
    return OK


@predicted
def cursor_query(v: View, op: CursorQuery) -> Outcome:
    """The mapping or hole around the cursor, which does not move; an error at the end."""
    place = v.spaces.cursor(op.cursor).place
    if place.va >= place.end:
        return ACCESS_DENIED
    entry = look(v, place)
    start, end = span(v, place)
    item = _item(v, entry) if isinstance(entry, Leaf) else None
    return Ok({"start": start, "end": end, "item": item})


def _item(v: View, leaf: Leaf) -> dict[str, object]:
    owner = tracked(v.store, leaf)
    if owner is None:
        return {"kind": "iomem", "paddr": leaf.paddr, "prop": shown(leaf.prop)}
    count = owner.references()
    if v.spaces.queries_clone:
        v.check_room(owner)
        count += 1
    if v.asserts and count >= v.rc_max:
        raise Unwinding("ref-count-saturated")
    return {"kind": "ram", "paddr": leaf.paddr, "rc": count, "prop": shown(leaf.prop)}


@predicted
def cursor_find_next(v: View, op: CursorFindNext) -> Outcome:
    """Where the next mapping within `len` begins, or nothing."""
    place = v.spaces.cursor(op.cursor).place
    return Ok({"found": None if search(v, place, op.len) is None else place.va})


@predicted
def cursor_jump(v: View, op: CursorJump) -> Outcome:
    """The cursor is at `va`, or where it was when that is out of its range."""
    return OK if move(v, v.spaces.cursor(op.cursor).place, op.va) else ACCESS_DENIED


@predicted
def cursor_virt_addr(v: View, op: CursorVirtAddr) -> Outcome:
    """The cursor's address; nothing changes."""
    return Ok({"va": v.spaces.cursor(op.cursor).place.va})


@predicted
def cursor_map(v: View, op: CursorMap) -> Outcome:
    """One more mapping, of an untyped frame: H - 1, P + 1."""
    c = v.spaces.cursor(op.cursor)
    if c.queue is None:
        return WRONG_TYPE
    kind, _ = v.page(v.store.owner_at(v.store.frames[op.frame]))
    if kind not in UNTYPED_KINDS:
        return NOT_UNTYPED
    paddr = v.store.extract_frame(op.frame).index * PAGE_SIZE
    _map(v, c, c.queue, paddr, (op.flags, op.cache, PRIV_USER), is_frame=True)
    return OK


def _map(v: View, c: SpaceCursor, queue: Queue, paddr: int, prop: Prop, *, is_frame: bool) -> None:
    """One more mapping; what it replaces is flushed, and let go of after that."""
    replaced = map_item(v, c.place, paddr, 1, prop, tracked=is_frame)
    if replaced is not None:
        assert isinstance(replaced.entry, Leaf), "a table stands where a page of level 1 goes"
        tlb.add(v, queue, (replaced.va, 1), tracked(v.store, replaced.entry))
        tlb.dispatch(v, c.space, queue)


@predicted
def cursor_map_iomem(v: View, op: CursorMapIomem) -> Outcome:
    """Mappings of the device's pages; once all are there, the space knows the region."""
    c = v.spaces.cursor(op.cursor)
    if c.queue is None:
        return WRONG_TYPE
    v.spaces.touch_space(c.space)
    if op.len % PAGE_SIZE or op.offset % PAGE_SIZE:
        raise Unwinding("len-unaligned")
    if op.offset >= op.size:
        return OK
    first = v.add(op.paddr, op.offset)
    last = min(op.size - op.offset, op.len)
    last = v.add(first, last)
    for paddr in range(first, last, PAGE_SIZE):
        _map(v, c, c.queue, paddr, (op.flags, op.cache, PRIV_USER), is_frame=False)
    if (op.paddr, op.size) not in c.space.iomems:
        c.space.iomems.append((op.paddr, op.size))
    return OK


@predicted
def cursor_find_iomem(v: View, op: CursorFindIomem) -> Outcome:
    """The first region that the space ever knew with this address; nothing changes."""
    c = v.spaces.cursor(op.cursor)
    if c.queue is None:
        return WRONG_TYPE
    for paddr, size in c.space.iomems:
        if paddr <= op.paddr < v.add(paddr, size):
            return Ok({"iomem": {"paddr": paddr, "size": size}, "offset": op.paddr - paddr})
    return Ok({"iomem": None})


@predicted
def cursor_unmap(v: View, op: CursorUnmap) -> Outcome:
    """No mapping is left in the bytes; P - 1 each. Flushed before anything is let go of."""
    c = v.spaces.cursor(op.cursor)
    place, queue = c.place, c.queue
    if queue is None:
        return WRONG_TYPE
    end = v.add(place.va, op.len)
    unmapped = 0
    while cut := take(v, place, (end - place.va) & U64_MASK):
        va, level, entry = cut
        if isinstance(entry, Table):
            unmapped += small_pages(entry)
            whole = tlb.range_span(v, va, va + v.spaces.geometry.sizes[level])
            tlb.add(v, queue, whole, v.store.owner(entry.page))
        else:
            owner = tracked(v.store, entry)
            unmapped += owner is not None
            tlb.add(v, queue, (va, 1), owner)
    tlb.dispatch(v, c.space, queue)
    return Ok({"unmapped": unmapped})


@predicted
def cursor_protect_next(v: View, op: CursorProtectNext) -> Outcome:
    """The next mapping has other flags; nothing is flushed."""
    c = v.spaces.cursor(op.cursor)
    if c.queue is None:
        return WRONG_TYPE
    covered = change(v, c.place, op.len, (op.set, op.clear, op.cache))
    return Ok({"range": list(covered) if covered else None})


@predicted
def cursor_flusher_issue(v: View, op: CursorFlusherIssue) -> Outcome:
    """One more flush waits."""
    queue = v.spaces.cursor(op.cursor).queue
    if queue is None:
        return WRONG_TYPE
    if op.kind == "range":
        tlb.add(v, queue, tlb.range_span(v, op.va, op.end))
    elif op.kind == "all":
        tlb.add(v, queue, tlb.EVERYTHING)
    elif not queue.is_all:  # a request that everything covers is not looked at
        tlb.add(v, queue, tlb.page_span(v, op.va))
    return OK


@predicted
def cursor_flusher_dispatch(v: View, op: CursorFlusherDispatch) -> Outcome:
    """What waits is flushed."""
    c = v.spaces.cursor(op.cursor)
    if c.queue is None:
        return WRONG_TYPE
    tlb.dispatch(v, c.space, c.queue)
    return OK


@predicted
def cursor_flusher_sync(v: View, op: CursorFlusherSync) -> Outcome:
    """Nothing is left to wait for."""
    return WRONG_TYPE if v.spaces.cursor(op.cursor).queue is None else OK
