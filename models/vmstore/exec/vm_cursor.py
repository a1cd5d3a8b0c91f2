"""Cursors of address spaces: page-table cursors with items, device memory and a TLB flusher.

What only a mutable cursor can do gives WrongType on a read-only one, where the type system of the
modelled code has no such call. Source: `ostd/src/mm/vm_space.rs`.
"""

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.exec import cursor, cursor_edit, meta, pte, tlb
from vmstore.exec.cursor_edit import Fragment
from vmstore.exec.entry import Change, leaf_prop
from vmstore.exec.machine import Machine
from vmstore.exec.node import child_node, tracked_slot
from vmstore.exec.page_table import map_item
from vmstore.exec.pt_cursor import NOTHING_FOUND
from vmstore.exec.pte import Prop
from vmstore.exec.rcu import rcu_drop
from vmstore.exec.space_state import Cursor, IoMem, OpsStack, VmCursor
from vmstore.geometry import AVAIL1
from vmstore.ids import UNTYPED_KINDS
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
    BLOCKED,
    NOT_UNTYPED,
    OK,
    WRONG_TYPE,
    Blocked,
    Err,
    Ok,
    Outcome,
    Unwinding,
)

NO_IOMEM = Ok({"iomem": None})
NOTHING_PROTECTED = Ok({"range": None})
PRIV_USER = 0x01


def cursor_open(m: Machine, op: CursorOpen) -> Outcome:
    """Lock a range. Errors, in order: AccessDenied, blocked; panic without memory."""
    return _open(m, op, None)


def cursor_open_mut(m: Machine, op: CursorOpenMut) -> Outcome:
    """Lock a range, with a flusher. Errors: as `cursor_open`."""
    return _open(m, op, OpsStack())


def _open(m: Machine, op: CursorOpen | CursorOpenMut, queue: OpsStack | None) -> Outcome:
    space = m.spaces.vm_spaces[op.vs]
    inner = cursor.open_cursor(m, space.table, op.start, op.end)
    if isinstance(inner, Err):
        return ACCESS_DENIED
    if isinstance(inner, Blocked):
        return BLOCKED
    space.borrows += 1
    m.spaces.cursors[op.dst] = VmCursor(space, inner, queue)
    return OK


def cursor_drop(m: Machine, op: CursorDrop) -> Outcome:
    """Unlock the range; requests that were not dispatched are forgotten without a flush."""
    c = m.spaces.cursors.pop(op.cursor)
    c.space.borrows -= 1
    cursor.drop_cursor(m, c.inner)
    if c.queue is not None:
        tlb.clear(m, c.queue)
    return OK


def cursor_query(m: Machine, op: CursorQuery) -> Outcome:
    """Read what is mapped here, counting nothing, or for as long as it is shown (query_item).

    Errors: AccessDenied at the end; debug panic where the frame's count is saturated.
    """
    c = m.spaces.cursors[op.cursor].inner
    word = cursor.query(m, c)
    if word is None:
        return ACCESS_DENIED
    start, end = cursor.slot_of(m, c)
    item = None if pte.is_absent(word) else _shown_item(m, word)
    return Ok({"start": start, "end": end, "item": item})


def _shown_item(m: Machine, word: int) -> dict[str, object]:
    """Return a level-1 leaf as a query shows it: untracked is device memory."""
    prop = leaf_prop(m, word).shown()
    paddr = pte.leaf_paddr(m.spaces.geometry, word, 1)
    if word & AVAIL1:
        return {"kind": "iomem", "paddr": paddr, "prop": prop}
    slot = m.cells.slot(paddr // PAGE_SIZE)
    if m.faults.query_leaks_clone or m.spaces.queries_clone:
        meta.inc_ref_count(m, slot)
    count = meta.reference_count(m, slot)
    if m.spaces.queries_clone and not m.faults.query_leaks_clone:
        meta.drop_shared(m, slot)
    return {"kind": "ram", "paddr": paddr, "rc": count, "prop": prop}


def cursor_find_next(m: Machine, op: CursorFindNext) -> Outcome:
    """Search the next mapping. Errors: as `cursor.find_next`."""
    c = m.spaces.cursors[op.cursor].inner
    return Ok({"found": c.va}) if cursor.find_next(m, c, op.len) else NOTHING_FOUND


def cursor_jump(m: Machine, op: CursorJump) -> Outcome:
    """Move. Errors, in order: panic unless `va` is page aligned, AccessDenied out of range."""
    return OK if cursor.jump(m, m.spaces.cursors[op.cursor].inner, op.va) else ACCESS_DENIED


def cursor_virt_addr(m: Machine, op: CursorVirtAddr) -> Outcome:
    """Read the address. No checks."""
    return Ok({"va": m.spaces.cursors[op.cursor].inner.va})


def cursor_map(m: Machine, op: CursorMap) -> Outcome:
    """Map a frame; its reference moves into the entry.

    Errors, in order: WrongType, NotUntyped, the frame stays; panics as `map_item`.
    """
    c = m.spaces.cursors[op.cursor]
    slot = m.frames[op.frame]
    if c.queue is None:
        return WRONG_TYPE
    if slot.vtable not in UNTYPED_KINDS:
        return NOT_UNTYPED
    del m.frames[op.frame]
    prop = Prop(op.flags, op.cache, PRIV_USER)
    replaced = map_item(m, c.inner, slot.index * PAGE_SIZE, 1, prop, tracked=True)
    if replaced is not None:
        _flush_replaced(m, c, c.queue, replaced)
    return OK


def _flush_replaced(m: Machine, c: VmCursor, queue: OpsStack, replaced: Fragment) -> None:
    """Flush a page that another one replaced, and let go of it after."""
    _let_go_of_page(m, c.inner, queue, replaced)
    tlb.dispatch(m, c.space, queue)


def cursor_map_iomem(m: Machine, op: CursorMapIomem) -> Outcome:
    """Map a device region page by page, the last one whole, and record it in the space.

    An offset beyond the region does nothing; a panic half way leaves pages without a record.
    Errors, in order: WrongType, panic unless `len` is page aligned, unless `offset` is, those of
    `map_item` for each page.
    """
    c = m.spaces.cursors[op.cursor]
    if c.queue is None:
        return WRONG_TYPE
    if op.len % PAGE_SIZE != 0:
        raise Unwinding("len-unaligned")
    if op.offset % PAGE_SIZE != 0:
        raise Unwinding("len-unaligned")
    if op.offset >= op.size:
        if m.faults.iomem_recorded_beyond_end:
            c.space.iomems.append(IoMem(op.paddr, op.size))
        return OK
    first = m.add(op.paddr, op.offset)
    whole = (op.size if m.faults.iomem_whole_ignores_offset else op.size - op.offset) < op.len
    last = m.add(op.paddr, op.size) if whole else m.add(first, op.len)
    prop = Prop(op.flags, op.cache, PRIV_USER)
    for paddr in range(first, last, PAGE_SIZE):
        try:
            replaced = map_item(m, c.inner, paddr, 1, prop, tracked=False)
        except Unwinding:
            if paddr > first:
                m.quirks.append("iomem-mapped-but-unrecorded")
            raise
        if replaced is not None:
            _flush_replaced(m, c, c.queue, replaced)
    region = IoMem(op.paddr, op.size)
    if region not in c.space.iomems:
        c.space.iomems.append(region)
    return OK


def cursor_find_iomem(m: Machine, op: CursorFindIomem) -> Outcome:
    """Find the first region ever recorded that has the address; unmapping forgets none.

    Errors: WrongType; debug panic where a region ends at 2^64 or beyond.
    """
    c = m.spaces.cursors[op.cursor]
    if c.queue is None:
        return WRONG_TYPE
    for paddr, size in c.space.iomems:
        if paddr <= op.paddr < m.add(paddr, size):
            return Ok({"iomem": {"paddr": paddr, "size": size}, "offset": op.paddr - paddr})
    return NO_IOMEM


def cursor_unmap(m: Machine, op: CursorUnmap) -> Outcome:
    """Take out all that is mapped in `len` bytes, flush, then let go of it.

    Frames count one by one, in a sub-tree every level-1 entry counts. Whatever was queued before
    is dispatched too.
    Errors, in order: WrongType, debug panic when `va + len` overflows, those of `take_next`.
    """
    c = m.spaces.cursors[op.cursor]
    queue, inner = c.queue, c.inner
    if queue is None:
        return WRONG_TYPE
    end = m.add(inner.va, op.len)
    unmapped = 0
    while taken := cursor_edit.take_next(m, inner, end - inner.va & U64_MASK):
        if taken.frames is not None:
            unmapped += taken.frames
            _let_go_of_table(m, inner, queue, taken)
        else:
            unmapped += _let_go_of_page(m, inner, queue, taken)
    if unmapped or not m.faults.unmap_dispatches_if_counted:
        tlb.dispatch(m, c.space, queue)
    return Ok({"unmapped": unmapped})


def _let_go_of_table(m: Machine, c: Cursor, queue: OpsStack, taken: Fragment) -> None:
    """Queue the flush of a sub-tree, which is kept until it ran."""
    va, faults, slot = taken.va, m.faults, child_node(m, taken.word).slot
    request = tlb.for_range(m, va, va + c.geometry.sizes[taken.level])
    if faults.rcore_intermediate_no_invalidate:
        request = tlb.for_single(va)
    if faults.clear_frees_tables_before_flush:
        meta.drop_shared(m, slot)
        tlb.issue(m, queue, request)
    elif faults.xsa_480_ept_free_before_flush:
        rcu_drop(m, [slot])
        tlb.issue(m, queue, request)
    else:
        tlb.issue(m, queue, request, slot)


def _let_go_of_page(m: Machine, c: Cursor, queue: OpsStack, taken: Fragment) -> bool:
    """Queue the flush of a page, which is kept until it ran; return whether it is counted."""
    faults, slot = m.faults, tracked_slot(m, c.config, taken.level, taken.word)
    if faults.dragonos_alias_unmap_frees and slot is not None:
        m.cells.store_ref_count(slot, 1)
    if faults.xsa_408_flush_condition:
        queue.keeper += [slot] if slot is not None else []
    else:
        tlb.issue(m, queue, tlb.for_single(taken.va), slot)
    return slot is not None or faults.unmap_counts_iomem


def cursor_protect_next(m: Machine, op: CursorProtectNext) -> Outcome:
    """Change the next mapping's flags and cache policy, without a flush.

    Errors: WrongType; panics as `protect_next`.
    """
    c = m.spaces.cursors[op.cursor]
    if c.queue is None:
        return WRONG_TYPE
    span = cursor_edit.protect_next(m, c.inner, op.len, Change(op.set, op.clear, op.cache))
    return Ok({"range": list(span)}) if span else NOTHING_PROTECTED


def cursor_flusher_issue(m: Machine, op: CursorFlusherIssue) -> Outcome:
    """Queue a request. Errors: WrongType; panics as `tlb.for_range` and `tlb.issue`."""
    queue = m.spaces.cursors[op.cursor].queue
    if queue is None:
        return WRONG_TYPE
    if op.kind == "range":
        request = tlb.for_range(m, op.va, op.end)
    else:
        request = tlb.for_single(op.va) if op.kind == "single" else tlb.ALL
    tlb.issue(m, queue, request)
    return OK


def cursor_flusher_dispatch(m: Machine, op: CursorFlusherDispatch) -> Outcome:
    """Flush what is queued. Errors: WrongType."""
    c = m.spaces.cursors[op.cursor]
    if c.queue is None:
        return WRONG_TYPE
    tlb.dispatch(m, c.space, c.queue)
    return OK


def cursor_flusher_sync(m: Machine, op: CursorFlusherSync) -> Outcome:
    """Wait for the other CPUs, which have served their interrupts already. Errors: WrongType."""
    return WRONG_TYPE if m.spaces.cursors[op.cursor].queue is None else OK
