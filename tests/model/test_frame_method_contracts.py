"""What the contracts of frames, segments and unique frames themselves say, method by method.

Every clause is false of a call that did the one thing it forbids.
"""

from collections.abc import Callable
from typing import Any

import pytest

from call_damage import Case, Edits, before, came_to, entry, slot, was
from frame_calls import CALLS, FAR, PATHS, REFUSED, WORLD
from vmstore.arch import REF_COUNT_UNUSED
from vmstore.contracts import frame_methods, segment_methods, unique_methods
from vmstore.contracts.call import Call
from vmstore.outcome import OK, Ok
from vmstore.store import SegmentEntry

MISALIGNED = SegmentEntry(0x1000, 0x3800)


def shows(**value: Any) -> Edits:
    """Return the damage that a call shows another value."""
    return came_to(Ok(value))


FRAMES = (
    Case("FRM.FU.PRE.1", "ffu in use", before(2, in_list=1)),
    Case("FRM.FU.POST.1", "ffu", slot(3, storage=True), ("FRM.FU.POST.3",)),
    Case("FRM.FU.POST.2", "ffu", entry("frames", 0, 0x3000)),
    Case("FRM.FU.POST.3", "ffu", slot(2, rc=2)),
    Case("FRM.FU.POST.3", "ffu", slot(2, obligations=2)),
    Case("FRM.FU.POST.4", "ffu misaligned", came_to(OK), ("FRM.FU.POST.2", "FRM.FU.POST.3")),
    Case("FRM.FU.POST.5", "ffu in use", slot(3, usage="Meta")),
    Case("FRM.FIU.PRE.1", "ffiu", was(2, in_list=1)),
    Case("FRM.FIU.POST.1", "ffiu", slot(2, in_list=1)),
    Case("FRM.FIU.POST.2", "ffiu", slot(2, rc=3)),
    Case("FRM.FIU.POST.3", "ffiu", slot(2, obligations=1)),
    Case("FRM.FIU.POST.4", "ffiu misaligned", came_to(OK), ("FRM.FIU.POST.2", "FRM.FIU.POST.3")),
    Case("FRM.FIU.POST.5", "ffiu", slot(3, usage="Meta")),
    Case("FRM.FIU.POST.6", "ffiu unused", slot(3, usage="Meta")),
    Case("FRM.PA.POST.1", "info", shows(paddr=0x3000)),
    Case("FRM.SIZE.POST.1", "info", shows(size=0x2000)),
    Case("FRM.LVL.POST.1", "info", shows(level=2)),
    Case("FRM.META.POST.1", "info", shows(meta="link")),
    Case("FRM.RC.POST.1", "count", shows(rc=2)),
    Case("FRM.EQ.POST.1", "eq", shows(eq=False)),
    Case("FRM.BOR.PRE.1", "borrow", before(2, rc=0)),
    Case("FRM.BOR.POST.1", "borrow", slot(2, rc=2)),
    Case("FRM.BOR.POST.2", "borrow", shows(paddr=0x3000)),
    Case("FRM.IR.PRE.1", "into_raw", (("old", "frames", 0, 0x2001),)),
    Case("FRM.IR.PRE.2", "into_raw", was(2, in_list=1)),
    Case("FRM.IR.PRE.3", "into_raw", was(2, rc=REF_COUNT_UNUSED, storage=False, vtable="")),
    Case("FRM.IR.PRE.4", "into_raw", was(2, usage="PageTable")),
    Case("FRM.IR.PRE.5", "into_raw", was(2, obligations=0)),
    Case("FRM.IR.POST.1", "into_raw", slot(2, in_list=1)),
    Case("FRM.IR.POST.2", "into_raw", shows(paddr=0x3000)),
    Case("FRM.IR.POST.3", "into_raw", slot(2, usage="Meta")),
    Case("FRM.IR.POST.4", "into_raw", slot(3, usage="Meta")),
    Case("FRM.IR.POST.5", "into_raw", slot(2, parked=False), ("FRM.IR.POST.1",)),
    Case("FRM.IR.POST.6", "into_raw", slot(2, obligations=1)),
    Case("FRM.FR.PRE.1", "from_raw", was(2, parked=False), ("FRM.FR.PRE.4",)),
    Case("FRM.FR.PRE.2", "from_raw", was(2, slot_vaddr=0), ("FRM.FR.PRE.4",)),
    Case("FRM.FR.PRE.3", "from_raw", entry("frames", 1, 0x2001)),
    Case("FRM.FR.PRE.4", "from_raw", was(2, in_list=1)),
    Case("FRM.FR.PRE.5", "from_raw", was(2, rc=REF_COUNT_UNUSED, storage=False, vtable="")),
    Case("FRM.FR.POST.1", "from_raw", slot(2, in_list=1), ("FRM.FR.POST.2",)),
    Case("FRM.FR.POST.2", "from_raw", slot(2, rc=2)),
    Case("FRM.FR.POST.3", "from_raw", (("old", "frames", 1, 0x2000),)),
    Case("FRM.FR.POST.4", "from_raw", slot(2, obligations=2)),
    Case("FRM.CLN.PRE.1", "clone", (("old", "frames", 0, 0x2001),)),
    Case("FRM.CLN.PRE.2", "clone", was(2, in_list=1)),
    Case("FRM.CLN.PRE.3", "clone", was(2, rc=0)),
    Case("FRM.CLN.PRE.5", "clone", (("old", "frames", 0, 1 << 40),), ("FRM.CLN.PRE.3",)),
    Case("FRM.CLN.POST.1", "clone", slot(3, storage=True), ("FRM.CLN.POST.4",)),
    Case("FRM.CLN.POST.2", "clone", slot(2, rc=3)),
    Case("FRM.CLN.POST.3", "clone", slot(2, usage="Meta")),
    Case("FRM.CLN.POST.4", "clone", slot(3, usage="Meta")),
    Case("FRM.CLN.POST.5", "clone", slot(2, obligations=1)),
    Case("FRM.CLN.POST.6", "clone", entry("frames", 1, 0x3000)),
    Case("FRM.DROP.PRE.1", "drop", was(2, rc=0)),
    Case("FRM.DROP.PRE.2", "last drop", was(2, paths=PATHS)),
    Case("FRM.DROP.PRE.3", "drop", was(2, obligations=0)),
    Case("FRM.DROP.POST.1", "drop", slot(2, in_list=1)),
    Case("FRM.DROP.POST.2", "drop", slot(3, usage="Meta")),
    Case("FRM.DROP.POST.3", "drop", slot(2, usage="Meta")),
    Case("FRM.DROP.POST.4", "last drop", slot(2, rc=0)),
    Case("FRM.DROP.POST.5", "drop", slot(2, rc=2)),
    Case("FRM.DROP.POST.6", "drop", slot(2, obligations=2)),
)  # fmt: skip


def had_invariants(prefix: str, call: str, number: int, index: int) -> tuple[Case, ...]:
    """Return the cases of a contract that asks for a segment's invariants."""
    line = f"{prefix}.PRE.{number}"
    write = before if call == "s into_raw" else was
    return (
        Case(line, call, write(index, vtable="")),
        Case(f"{line}/REL.1", call, write(index, obligations=0)),
        Case(f"{line}/REL.6", call, write(index, paths=PATHS)),
        Case(f"{line}/REL.7", call, write(index, usage="PageTable")),
    )


SEGMENTS = (
    Case("SEG.FU.PRE.1", "sfu in use", before(1, in_list=1)),
    Case("SEG.FU.POST.1", "sfu", slot(3, storage=True), ("SEG.FU.POST.6",)),
    Case("SEG.FU.POST.2", "sfu in use", slot(2, obligations=1)),
    Case("SEG.FU.POST.3", "sfu misaligned", came_to(REFUSED)),
    Case("SEG.FU.POST.4", "sfu far", came_to(REFUSED)),
    Case("SEG.FU.POST.5", "sfu", entry("segments", 0, SegmentEntry(0x1000, 0x2000))),
    Case("SEG.FU.POST.6", "sfu", slot(2, paths=PATHS)),
    Case("SEG.FU.POST.7", "sfu", slot(2, obligations=2)),
    Case("SEG.FU.POST.8", "sfu", slot(2, parked=False), ("SEG.FU.POST.1", "SEG.FU.POST.6")),
    *had_invariants("SEG.FR", "s from_raw", 1, 2),
    Case("SEG.FR.POST.2", "s from_raw", entry("segments", 1, None), ()),
    Case("SEG.FR.POST.3", "s from_raw", slot(3, usage="Meta")),
    *had_invariants("SEG.IR", "s into_raw", 1, 2),
    Case("SEG.IR.POST.1", "s into_raw", shows(start=0x1000, end=0x2000)),
    Case("SEG.IR.POST.2", "s into_raw", slot(2, rc=2)),
    *had_invariants("SEG.SPLIT", "split", 1, 2),
    Case("SEG.SPLIT.POST.1", "split", slot(2, rc=2)),
    Case("SEG.SPLIT.POST.2", "split", entry("segments", 1, SegmentEntry(0x1000, 0x1000))),
    Case("SEG.SPLIT.POST.3", "split", slot(1, paths=PATHS), ("SEG.SPLIT.POST.1",)),
    Case("SEG.SPLIT.POST.4", "split", slot(2, paths=PATHS), ("SEG.SPLIT.POST.1",)),
    *had_invariants("SEG.SLICE", "slice", 1, 2),
    Case("SEG.SLICE.POST.1", "slice", was(1, rc=5)),
    Case("SEG.SLICE.POST.2", "slice", entry("segments", 1, SegmentEntry(0x1000, 0x1800)),
         ("SEG.SLICE.POST.4",)),
    Case("SEG.SLICE.POST.3", "slice", entry("segments", 1, SegmentEntry(0x2000, 0x2000))),
    Case("SEG.SLICE.POST.4", "slice", entry("segments", 1, SegmentEntry(0x1000, 0x3000))),
    Case("SEG.SLICE.POST.5", "slice", slot(3, storage=True)),
    Case("SEG.SLICE.POST.6", "slice", slot(3, parked=False), ("SEG.SLICE.POST.5",)),
    Case("SEG.SLICE.POST.6/OBL", "slice", slot(3, obligations=1)),
    Case("SEG.CLN.PRE.1", "sc", was(2, in_list=1)),
    Case("SEG.CLN.PRE.2", "sc", was(2, rc=4)),
    Case("SEG.CLN.POST.1", "sc", entry("segments", 1, SegmentEntry(0x1000, 0x2000))),
    Case("SEG.CLN.POST.2", "sc", slot(3, storage=True)),
    Case("SEG.CLN.POST.3", "sc", slot(3, obligations=1)),
    Case("SEG.CLN.POST.4", "sc", slot(3, parked=False), ("SEG.CLN.POST.2",)),
    Case("SEG.NEXT.PRE.1", "next", (("old", "segments", 0, MISALIGNED),), ("SEG.NEXT.PRE.3",)),
    *had_invariants("SEG.NEXT", "next", 3, 2),
    Case("SEG.NEXT.POST.1", "next of none", entry("segments", 0, FAR)),
    Case("SEG.NEXT.POST.2", "next", entry("frames", 0, 0x2000)),
    Case("SEG.NEXT.POST.3", "next", slot(2, paths=PATHS)),
    *had_invariants("SEG.DROP", "sd", 1, 2),
    Case("SEG.DROP.PRE.2", "sd", was(2, storage=False), ("SEG.DROP.PRE.1",)),
    Case("SEG.DROP.POST.1", "sd", slot(3, storage=True)),
)  # fmt: skip

UNIQUES = (
    Case("UNQ.FU.PRE.1", "ufu", was(2, parked=False), ("UNQ.FU.PRE.3",)),
    Case("UNQ.FU.PRE.2", "ufu", was(2, usage="Frame")),
    Case("UNQ.FU.PRE.3", "ufu", was(2, in_list=1)),
    Case("UNQ.FU.POST.1", "ufu misaligned", came_to(OK), ("UNQ.FU.POST.2", "UNQ.FU.POST.3")),
    Case("UNQ.FU.POST.2", "ufu", entry("uniques", 0, 0x3000)),
    Case("UNQ.FU.POST.3", "ufu", slot(2, obligations=2)),
    Case("UNQ.FU.POST.4", "ufu misaligned", entry("uniques", 0, 0x2000)),
    Case("UNQ.FU.POST.5", "ufu", slot(3, storage=True)),
    Case("UNQ.MM.POST", "set_val", slot(2, vtable="link")),
    Case("UNQ.REP.PRE.1", "repurpose", was(2, obligations=0)),
    Case("UNQ.REP.PRE.2", "repurpose", was(2, in_list=1)),
    Case("UNQ.REP.PRE.3", "repurpose", was(2, paths=PATHS)),
    Case("UNQ.REP.POST.1", "repurpose", entry("uniques", 1, 0x3000)),
    Case("UNQ.REP.POST.3", "repurpose", slot(2, vtable="link")),
    Case("UNQ.REP.POST.4", "repurpose", slot(3, storage=True)),
    Case("UNQ.IR.PRE.1", "u into_raw", was(2, obligations=0)),
    Case("UNQ.IR.POST.1", "u into_raw", shows(paddr=0x3000)),
    Case("UNQ.IR.POST.2", "u into_raw", slot(2, storage=False), ("UNQ.IR.POST.3",)),
    Case("UNQ.IR.POST.3", "u into_raw", slot(2, rc=1)),
    Case("UNQ.IR.POST.4", "u into_raw", slot(2, obligations=1)),
    Case("UNQ.FR.PRE.1", "u from_raw", was(2, rc=1)),
    Case("UNQ.FR.POST.1", "u from_raw", (("old", "uniques", 1, 0x2000),)),
    Case("UNQ.FR.POST.2", "u from_raw", slot(2, rc=1)),
    Case("UNQ.FR.POST.3", "u from_raw", slot(2, obligations=2)),
    Case("UNQ.DROP.PRE.1", "ud", was(2, in_list=1)),
    Case("UNQ.DROP.PRE.2", "ud", was(2, obligations=0)),
    Case("UNQ.DROP.POST.1", "ud", slot(2, storage=True)),
    Case("UNQ.DROP.POST.2", "ud", slot(2, parked=False), ("UNQ.DROP.POST.1",)),
    Case("UNQ.DROP.POST.3", "ud", slot(3, usage="Meta")),
    Case("UNQ.DROP.POST.4", "ud", slot(2, obligations=1)),
    Case("UNQ.RST.PRE.1", "reset", was(2, rc=1)),
    Case("UNQ.RST.POST.1", "reset", slot(2, storage=True)),
)  # fmt: skip

CASES = (*FRAMES, *SEGMENTS, *UNIQUES)
CLAUSES = {c.id: c for m in (frame_methods, segment_methods, unique_methods) for c in m.CLAUSES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.clause} {case.call}")
def test_a_violation_breaks_its_clause(
    case: Case,
    call_of: Callable[[str, str], Call],
    edited: Callable[[Call, Edits], Call],
    broken: Callable[[Call, str], set[str]],
) -> None:
    clause = CLAUSES[case.clause]
    # The twin's ledger is the one that its contracts speak of.
    clean = call_of(f"{WORLD} profile=vostd", "".join(CALLS[case.call]))
    accepted = {c.id for c in CLAUSES.values() if "vostd" in c.known}
    assert broken(clean, clause.op) <= accepted
    damaged = edited(clean, case.damage)
    assert broken(damaged, clause.op) - broken(clean, clause.op) == {case.clause, *case.implied}


def test_every_clause_has_a_violation() -> None:
    assert {case.clause for case in CASES} == CLAUSES.keys()
