"""What the store's contracts say of frames, segments and unique frames.

Every clause is false of a call that did the one thing it forbids; none is false of the calls of
campaigns, but for those that name the suspect they are expected to fail for.
"""

from collections.abc import Callable, Iterator

import pytest

from call_damage import Case, Edits, before, came_to, entry, slot, was
from frame_calls import CALLS, FAR, PATHS, REFUSED, WORLD
from vmstore.arch import REF_COUNT_UNIQUE
from vmstore.contracts import frames, segments, uniques
from vmstore.contracts.call import Call
from vmstore.outcome import OK, Panic
from vmstore.store import SegmentEntry

# Pages 6 and 7 are mapped, the latter below an open cursor; pages 0 to 5 are free.
SPACE = """vs0 = vmspace_new()
f6 = frame_from_unused(paddr=0x6000)
c1 = cursor_open_mut(vs=vs0, start=0x0, end=0x1000)
cursor_map(cursor=c1, frame=f6, flags=0x1, cache=WB)
cursor_drop(cursor=c1)
f7 = frame_from_unused(paddr=0x7000)
c0 = cursor_open_mut(vs=vs0, start=0x8000, end=0x9000)
cursor_map(cursor=c0, frame=f7, flags=0x1, cache=WB)
"""
PANIC = Panic("made-up")


def common(
    prefix: str, call: str, inv: int, parked: int, others: int, universal: int
) -> Iterator[Case]:
    """Return the cases of what every contract of the store says of slots it does not name."""
    inv_id, others_id = f"{prefix}.ENS.{inv}", f"{prefix}.ENS.{others}"
    log_id = f"{prefix}.ENS.{universal}/LOG"
    yield Case(others_id, call, slot(3, usage="Reserved"))
    yield Case(inv_id, call, slot(3, storage=True), (others_id,))
    yield Case(f"{prefix}.ENS.{parked}", call, slot(3, parked=False), (inv_id, others_id))
    yield Case(f"{prefix}.ENS.{universal}", call, slot(7, paths=frozenset()), (log_id, others_id))
    yield Case(log_id, call, slot(6, paths=frozenset()), (others_id,))


STORE_FRAMES = (
    *common("OP.FFU", "ffu", 1, 14, 13, 4),
    Case("OP.FFU.REQ.1", "ffu in use", before(2, in_list=1)),
    Case("OP.FFU.ENS.2", "ffu misaligned", came_to(OK), tuple(
         f"OP.FFU.{line}" for line in ("ENS.6", "ENS.8", "ENS.9", "ENS.10", "STEP.1"))),
    Case("OP.FFU.ENS.3", "ffu in use", slot(3, obligations=1)),
    Case("OP.FFU.ENS.5", "ffu", was(2, rc=1, storage=True, vtable="unit")),
    Case("OP.FFU.ENS.6", "ffu", slot(2, rc=2)),
    Case("OP.FFU.ENS.7", "ffu", slot(2, in_list=1), ("OP.FFU.ENS.1",)),
    Case("OP.FFU.ENS.8", "ffu", slot(2, storage=False), ("OP.FFU.ENS.1",)),
    Case("OP.FFU.ENS.9", "ffu", slot(2, vtable=""), ("OP.FFU.ENS.1",)),
    Case("OP.FFU.ENS.10", "ffu", slot(2, usage="Meta")),
    Case("OP.FFU.ENS.11", "ffu", slot(2, slot_vaddr=0), ("OP.FFU.ENS.1",)),
    Case("OP.FFU.ENS.12", "ffu", slot(2, paths=PATHS)),
    Case("OP.FFU.STEP.1", "ffu", entry("frames", 0, 0x3000)),
    Case("OP.FFU.STEP.2", "ffu in use", entry("frames", 1, 0x2000)),
    Case("OP.FFU.N.1", "ffu", before(2, parked=False)),
    Case("OP.FFU.RETURNS", "ffu", came_to(PANIC)),
    *common("OP.FFIU", "ffiu", 1, 4, 9, 5),
    Case("OP.FFIU.ENS.2", "ffiu misaligned", came_to(OK), ("OP.FFIU.ENS.6", "OP.FFIU.STEP.1")),
    Case("OP.FFIU.ENS.3", "ffiu unused", slot(3, obligations=1)),
    Case("OP.FFIU.ENS.6", "ffiu", slot(2, rc=3)),
    Case("OP.FFIU.ENS.6", "clone", slot(2, rc=1)),
    Case("OP.FFIU.ENS.8", "clone", slot(2, vtable="link")),
    Case("OP.FFIU.ENS.10", "ffiu", was(2, rc=REF_COUNT_UNIQUE - 1) + slot(2, rc=REF_COUNT_UNIQUE)),
    Case("OP.FFIU.ENS.11", "ffiu", before(2, storage=False), ("OP.FFIU.ENS.1",)),
    Case("OP.FFIU.ENS.12", "ffiu", before(2, usage="PageTable")),
    Case("OP.FFIU.STEP.1", "clone", entry("frames", 1, 0x3000)),
    Case("OP.FFIU.STEP.2", "ffiu unused", entry("frames", 1, 0x2000)),
    Case("OP.FFIU.N.1", "ffiu", before(2, parked=False)),
    Case("OP.FFIU.RETURNS", "ffiu", came_to(PANIC)),
    *common("OP.FD", "drop", 1, 3, 2, 7),
    Case("OP.FD.REQ.1", "drop", was(2, in_list=1)),
    Case("OP.FD.REQ.3", "drop", was(2, rc=0)),
    Case("OP.FD.REQ.4", "last drop", was(2, paths=PATHS)),
    Case("OP.FD.REQ/STRUCT.13", "drop", was(2, usage="PageTable")),
    Case("OP.FD.ENS.4", "drop", slot(2, usage="Meta")),
    Case("OP.FD.ENS.5", "last drop", slot(2, rc=0)),
    Case("OP.FD.ENS.6", "drop", slot(2, rc=2)),
    Case("OP.FD.STEP.1", "drop", entry("frames", 0, 0x2000)),
    Case("OP.FD.RETURNS", "drop", came_to(PANIC)),
)  # fmt: skip

STORE_SEGMENTS = (
    *common("OP.SFU", "sfu", 1, 2, 10, 3),
    Case("OP.SFU.REQ.2", "sfu", was(2, parked=False)),
    Case("OP.SFU.ENS.4", "sfu", came_to(REFUSED)),
    Case("OP.SFU.ENS.5", "sfu", slot(2, usage="Meta")),
    Case("OP.SFU.ENS.6", "sfu", slot(1, rc=2)),
    Case("OP.SFU.ENS.7", "sfu", slot(1, paths=PATHS)),
    Case("OP.SFU.ENS.8", "sfu", slot(2, in_list=1), ("OP.SFU.ENS.1",)),
    Case("OP.SFU.ENS.9", "sfu", slot(2, storage=False), ("OP.SFU.ENS.1",)),
    Case("OP.SFU.STEP.1", "sfu", entry("segments", 0, FAR)),
    Case("OP.SFU.N.1", "sfu in use", slot(2, rc=0)),
    Case("OP.SFU.N.1/USAGE", "sfu in use", slot(2, usage="Frame")),
    Case("OP.SFU.RETURNS", "sfu", came_to(PANIC)),
    *common("OP.SD", "sd", 1, 2, 6, 8),
    Case("OP.SD.REQ.1", "sd", was(1, rc=0)),
    Case("OP.SD.REQ.2", "sd", was(2, usage="PageTable")),
    Case("OP.SD.REQ.3", "sd", was(2, paths=PATHS)),
    Case("OP.SD.ENS.3", "sd", slot(2, usage="Meta")),
    Case("OP.SD.ENS.4", "sd", slot(2, rc=0)),
    Case("OP.SD.ENS.5", "sd shared", slot(2, rc=2)),
    Case("OP.SD.STEP.1", "sd", entry("segments", 0, FAR)),
    Case("OP.SD.RETURNS", "sd", came_to(PANIC)),
    Case("OP.SSP.ENS.1", "split", slot(1, rc=2)),
    Case("OP.SSP.ENS.2", "split", entry("segments", 0, SegmentEntry(0x4000, 0x4000))),
    Case("OP.SSP.ENS.3", "split", entry("segments", 1, SegmentEntry(0x1000, 0x1000)),
         ("OP.SSP.ENS.4",)),
    Case("OP.SSP.ENS.4", "split", entry("segments", 3, FAR), ("OP.SSP.STEP.1",)),
    Case("OP.SSP.STEP.1", "split", entry("uniques", 3, 0x3000)),
    Case("OP.SSP.RETURNS", "split", came_to(PANIC)),
    Case("OP.SN.ENS.1", "next", slot(1, rc=2)),
    Case("OP.SN.ENS.2", "next", slot(3, parked=False), ("OP.SN.ENS.1",)),
    Case("OP.SN.ENS.3", "next", slot(7, paths=frozenset()), ("OP.SN.ENS.1", "OP.SN.ENS.3/LOG")),
    Case("OP.SN.ENS.3/LOG", "next", slot(6, paths=frozenset()), ("OP.SN.ENS.1",)),
    Case("OP.SN.STEP.1", "next", entry("frames", 0, 0x2000)),
    Case("OP.SN.STEP.2", "next", entry("segments", 0, SegmentEntry(0x1000, 0x3000))),
    Case("OP.SN.STEP.3", "next", entry("uniques", 3, 0x3000)),
    Case("OP.SN.RETURNS", "next", came_to(PANIC)),
    *common("OP.SC", "sc", 1, 2, 5, 6),
    Case("OP.SC.REQ.1", "sc", was(2, usage="PageTable")),
    Case("OP.SC.REQ.2", "slice", was(1, rc=0)),
    Case("OP.SC.ENS.3", "slice", slot(1, rc=3)),
    Case("OP.SC.ENS.4", "sc", slot(1, usage="Meta")),
    Case("OP.SC.STEP.1", "slice", entry("segments", 1, SegmentEntry(0x1000, 0x3000))),
    Case("OP.SC.RETURNS", "sc", came_to(PANIC)),
)  # fmt: skip

STORE_UNIQUES = (
    *common("OP.UFU", "ufu", 1, 2, 8, 9),
    Case("OP.UFU.ENS.3", "ufu", slot(2, usage="Meta")),
    Case("OP.UFU.ENS.4", "ufu", slot(2, rc=1)),
    Case("OP.UFU.ENS.5", "ufu", slot(2, in_list=1)),
    Case("OP.UFU.ENS.6", "ufu", slot(2, storage=False), ("OP.UFU.ENS.1",)),
    Case("OP.UFU.ENS.7", "ufu", slot(2, paths=PATHS), ("OP.UFU.ENS.1",)),
    Case("OP.UFU.STEP.1", "ufu", entry("uniques", 0, 0x3000)),
    Case("OP.UFU.N.1", "ufu in use", slot(3, usage="Meta")),
    Case("OP.UFU.N.1/USED", "ufu", was(2, usage="Frame")),
    Case("OP.UFU.RETURNS", "ufu", came_to(REFUSED)),
    *common("OP.UD", "ud", 1, 2, 5, 6),
    Case("OP.UD.REQ.1", "ud", was(2, rc=1)),
    Case("OP.UD.REQ.2", "ud", was(2, in_list=1)),
    Case("OP.UD.REQ.3", "ud", was(2, storage=False)),
    Case("OP.UD.REQ.4", "ud", was(2, paths=PATHS)),
    Case("OP.UD.REQ/STRUCT.17a", "ud", was(2, usage="PageTable")),
    Case("OP.UD.ENS.3", "ud", slot(2, rc=0)),
    Case("OP.UD.ENS.4", "ud", slot(2, usage="Unused")),
    Case("OP.UD.STEP.1", "ud", entry("uniques", 0, 0x2000)),
    Case("OP.UD.RETURNS", "ud", came_to(PANIC)),
    *common("OP.FU", "fu", 1, 2, 5, 6),
    Case("OP.FU.REQ.1", "fu", was(2, rc=1)),
    Case("OP.FU.ENS.3", "fu", slot(2, rc=2)),
    Case("OP.FU.ENS.4", "fu", slot(2, usage="Meta")),
    Case("OP.FU.STEP.1", "fu", entry("frames", 0, 0x3000)),
    Case("OP.FU.RETURNS", "fu", came_to(PANIC)),
    *common("OP.TFS", "tfs", 1, 2, 5, 6),
    Case("OP.TFS.REQ.2", "tfs", was(2, usage="PageTable")),
    Case("OP.TFS.REQ.3", "tfs", was(2, paths=PATHS)),
    Case("OP.TFS.ENS.3", "tfs", slot(2, rc=1)),
    Case("OP.TFS.ENS.4", "tfs", slot(2, usage="Meta")),
    Case("OP.TFS.STEP.1", "tfs", entry("uniques", 0, 0x3000)),
    Case("OP.TFS.N.1", "tfs shared", slot(2, rc=REF_COUNT_UNIQUE)),
    Case("OP.TFS.N.1", "tfs shared", entry("frames", -1, None)),
    Case("OP.TFS.RETURNS", "tfs", came_to(REFUSED)),
)  # fmt: skip

CASES = (*STORE_FRAMES, *STORE_SEGMENTS, *STORE_UNIQUES)
CLAUSES = {c.id: c for m in (frames, segments, uniques) for c in m.CLAUSES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.clause} {case.call}")
def test_a_violation_breaks_its_clause(
    case: Case,
    call_of: Callable[[str, str], Call],
    edited: Callable[[Call, Edits], Call],
    broken: Callable[[Call, str], set[str]],
) -> None:
    contract = CLAUSES[case.clause].op
    clean = call_of(WORLD, SPACE + "".join(CALLS[case.call]))
    accepted = {c.id for c in CLAUSES.values() if "ostd" in c.known}
    assert broken(clean, contract) <= accepted
    damaged = edited(clean, case.damage)
    assert broken(damaged, contract) - broken(clean, contract) == {case.clause, *case.implied}


def test_every_clause_has_a_violation() -> None:
    assert {case.clause for case in CASES} | {"OP.FFU.ENS.13/OBL"} == CLAUSES.keys()
