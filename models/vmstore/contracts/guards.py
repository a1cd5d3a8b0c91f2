"""What the contracts say between the lines: guards that are too strict, and what no entry can be.

Each clause states what holds if the contract and the code agree, over calls that the code does.
"""

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call
from vmstore.contracts.registry import ContractClause, fails
from vmstore.outcome import Ok


def _ok(call: Call) -> bool:
    return call.is_ok


def _is_allowed_drop(call: Call) -> bool:
    return call.old.covers(call.old.frames[call.op.frame] // PAGE_SIZE) == 0


def _segments_have_pages(call: Call) -> bool:
    new = call.new.segments
    made = (entry for sid, entry in new.items() if call.old.segments.get(sid) != entry)
    return all(entry.start < entry.end for entry in made)


def _makes_segment(call: Call) -> bool:
    return call.is_ok and call.new.segments != call.old.segments


def _loses_mappings(call: Call) -> bool:
    """Return whether a page lost mappings and something else refers to it still."""
    return call.is_ok and any(
        len(call.after(i).paths) < len(call.before(i).paths)
        and call.before(i).rc > len(call.before(i).paths) - len(call.after(i).paths)
        for i in call.changed
    )


def _falls_at_once(call: Call) -> bool:
    for index in call.changed:
        before, after = call.before(index), call.after(index)
        lost = len(before.paths) - len(after.paths)
        if 0 < lost < before.rc and before.is_live and after.rc != before.rc - lost:
            return False
    return True


def _pushes_onto_some(call: Call) -> bool:
    return call.is_ok and bool(call.old.lists[call.op.list])


def _goes_before_last(call: Call) -> bool:
    before, after = call.old.lists[call.op.list], call.new.lists[call.op.list]
    page = call.old.uniques[call.op.unique] // PAGE_SIZE
    return after == (*before[:-1], page, before[-1])


def _looks_for_a_link(call: Call) -> bool:
    return call.is_ok and call.op.paddr // PAGE_SIZE in call.old.lists[call.op.list]


def _finds_it(call: Call) -> bool:
    found = call.outcome
    return isinstance(found, Ok) and not (found.value and found.value["lcursor"] is None)


CLAUSES = (
    ContractClause(
        "OP.FD.GUARD", "FrameDrop", ("frame_drop",), "STEP",
        "a handle that is dropped is one that `op_pre` lets drop: no segment covers the page",
        "VmStore::op_pre", _is_allowed_drop, _ok, known=fails("AX-26"),
    ),
    ContractClause(
        "SEGMENT.PAGES", "SegmentSlice, SegmentNext",
        ("segment_slice", "segment_next", "segment_from_unused", "segment_split"), "STEP",
        "a segment has at least one page", "VmStore::structural_inv", _segments_have_pages,
        _makes_segment, known=fails("AX-29"),
    ),
    ContractClause(
        "OP.UNMAP.AT_ONCE", "Unmap", ("cursor_unmap",), "ENS",
        "a page that stays in use has lost as many references as mappings when the call returns",
        "VmStore::accounting_inv", _falls_at_once, _loses_mappings, known=fails("AX-12"),
    ),
    ContractClause(
        "LIST.PUSH_BACK", "list push_back", ("list_push_back",), "POST",
        "the frame goes before the last element", "LinkedList::push_back", _goes_before_last,
        _pushes_onto_some, known=fails("AX-32", ("ostd",)),
    ),
    ContractClause(
        "LIST.AT", "list cursor_mut_at", ("list_cursor_at",), "POST",
        "any address of a listed page finds it", "LinkedList::cursor_mut_at", _finds_it,
        _looks_for_a_link, known=fails("AX-33"),
    ),
)  # fmt: skip
