"""The contracts of the frame side: complete, true of campaigns, and false where it is known."""

import re
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace
from vmfuzz.trace_text import parse
from vmstore.contracts import (
    frame_methods,
    frames,
    segment_methods,
    segments,
    unique_methods,
    uniques,
)
from vmstore.contracts.call import Call
from vmstore.contracts.catalogue import BY_OP, judge
from vmstore.contracts.observer import Observer
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS
from vmstore.preconditions import op_pre
from vmstore.world import World

MODULES = (frames, segments, uniques, frame_methods, segment_methods, unique_methods)
CLAUSES = {clause.id: clause for module in MODULES for clause in module.CLAUSES}
LEFT_OUT = {key: reason for module in MODULES for key, reason in module.LEFT_OUT.items()}
PROFILES = ("ostd", "vostd", "seed")

# Every line of the checklists, numbered as there.
CHECKLISTS = """
OP.FFU REQ 1-2 ENS 1-14 STEP 1
OP.FFIU ENS 1-12 STEP 1
OP.FD REQ 1-4 ENS 1-7 STEP 1
OP.SFU REQ 1-2 ENS 1-11 STEP 1
OP.SD REQ 1-3 ENS 1-8
OP.SSP ENS 1-4
OP.SN ENS 1-3 STEP 1-2
OP.SC REQ 1-3 ENS 1-6 STEP 1
OP.UFU ENS 1-9 STEP 1
OP.UD REQ 1-4 ENS 1-6 STEP 1
OP.FU REQ 1-1 ENS 1-6 STEP 1
OP.TFS REQ 1-3 ENS 1-6 STEP 1 N 1
FRM.FU PRE 1 POST 1-5
FRM.FIU PRE 1-2 POST 1-6
FRM.PA POST 1
FRM.SIZE POST 1
FRM.LVL POST 1
FRM.RC POST 1
FRM.META POST 1
FRM.EQ POST 1
FRM.BOR PRE 1 POST 1-2
FRM.IR PRE 1-5 POST 1-6
FRM.FR PRE 1-5 POST 1-5
FRM.CLN PRE 1-5 POST 1-6
FRM.DROP PRE 1-4 POST 1-6
FRM.INC PRE 1-3 POST 1-4
UNQ.FU PRE 1-4 POST 1-5
UNQ.REP PRE 1-4 POST 1-4
UNQ.TRM POST 1-2
UNQ.IR PRE 1 POST 1-4
UNQ.FR PRE 1 POST 1-3
UNQ.DROP PRE 1-2 POST 1-4
SEG.FU PRE 1-4 POST 1-8
SEG.FR PRE 1 POST 1-3
SEG.IR PRE 1 POST 1-2
SEG.SPLIT PRE 1-3 POST 1-4
SEG.SLICE PRE 1-3 POST 1-6
SEG.CLN PRE 1-2 POST 1-5
SEG.NEXT PRE 1-3 POST 1-4
SEG.DROP PRE 1-2 POST 1
"""
# What has no number there: a step that is not taken, what a step leaves alone, that a call returns,
# and the lines that were cut where one part of them is expected to fail.
UNNUMBERED = re.compile(
    r"OP\.\w+\.(N\.1(/USAGE|/USED)?|RETURNS|REQ/STRUCT\.1\w+|ENS\.\d+/(LOG|OBL))|.*\.PRE\.\d/REL\.[167]|SEG\.SLICE\.POST\.6/OBL"
    r"|OP\.(FFU|FFIU)\.STEP\.2|OP\.S[DS]P?\.STEP\.1|OP\.SN\.STEP\.3|UNQ\.(MM\.POST|RST\..*)"
)
# Clauses that apply to no call of a campaign, with the reason.
VACUOUS = {
    "OP.FFU.N.1": "every slot is parked",
    "OP.FFIU.N.1": "every slot is parked",
    "OP.SFU.ENS.4": "a range of unused pages is always taken",
}


def numbered() -> set[str]:
    ids = set()
    for line in CHECKLISTS.split("\n")[1:-1]:
        prefix, *rest = line.split()
        for kind, span in zip(rest[::2], rest[1::2], strict=True):
            first, _, last = span.partition("-")
            ids |= {f"{prefix}.{kind}.{n}" for n in range(int(first), int(last or first) + 1)}
    return ids


def test_every_line_of_the_checklists_is_a_clause_or_left_out_for_a_reason() -> None:
    lines = numbered()
    assert len(lines) == 284
    assert lines == (CLAUSES.keys() | LEFT_OUT.keys()) & lines
    assert not CLAUSES.keys() & LEFT_OUT.keys()
    assert LEFT_OUT.keys() <= lines
    assert all(LEFT_OUT.values())
    assert [c for c in CLAUSES.keys() - lines if not UNNUMBERED.fullmatch(c)] == []


def test_ids_are_unique_and_ops_exist() -> None:
    every = [clause.id for module in MODULES for clause in module.CLAUSES]
    assert sorted(CLAUSES) == sorted(every)
    names = {declaration.name for declaration in DECLARATIONS.values()}
    assert {name for clause in CLAUSES.values() for name in clause.ops} <= names
    assert {c.id for c in BY_OP["frame_clone"]} >= {"OP.FFIU.ENS.6", "FRM.CLN.POST.2"}


def campaign(profile: str, traces: int) -> tuple[Counter[str], Counter[str]]:
    """Return how often each clause applied, and how often it was false."""
    applied: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for number in range(traces):
        tables = 24 if number % 3 else 0
        entries = 4 if number % 2 else 2
        world = World(frames=12, pt_frames=tables, entries=entries, rc_max=5, profile=profile)
        session, rng = Session(world), Random(number)
        observer = Observer(session.state)
        source = SwarmTrace(rng, SwarmConfig(rng, world), session.state)
        for _ in range(60):
            op = source.next_op()
            assert session.step(op) is None
            assert session.outcome is not None
            for clause, holds in judge(observer.after(op, session.outcome)):
                applied[clause.id] += 1
                false[clause.id] += not holds
            if session.is_over:
                break
            source.settle(op)
    return applied, +false


@pytest.fixture(scope="module")
def campaigns() -> dict[str, tuple[Counter[str], Counter[str]]]:
    return {profile: campaign(profile, 300) for profile in ("ostd", "vostd")}


@pytest.mark.timeout(600)  # the first test pays for the campaigns
@pytest.mark.parametrize("profile", ["ostd", "vostd"])
def test_a_campaign_satisfies_every_clause_that_is_not_known_to_fail(
    campaigns: dict[str, tuple[Counter[str], Counter[str]]], profile: str
) -> None:
    applied, false = campaigns[profile]
    assert applied.total() > 50_000
    assert [c for c in CLAUSES if false[c] and profile not in CLAUSES[c].known] == []


@pytest.mark.timeout(600)
def test_campaigns_reach_every_clause_that_is_not_vacuous(
    campaigns: dict[str, tuple[Counter[str], Counter[str]]],
) -> None:
    applied = campaigns["ostd"][0] + campaigns["vostd"][0]
    assert {c for c in CLAUSES if not applied[c]} == VACUOUS.keys()


F0 = "f0 = frame_from_unused(paddr=0x2000)\n"
S0 = "s0 = segment_from_unused(start=0x1000, end=0x3000)\n"
TABLES = """vs0 = vmspace_new()
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x8000)
"""
MAP_F0 = "cursor_map(cursor=c0, frame=f0, flags=0x1, cache=WB)\n"
# A run of as many pages as a huge one has, the first of them mapped.
RUN = (
    TABLES + "s0 = segment_from_unused(start=0x0, end=0x4000)\nf0 = segment_next(segment=s0)\n"
    "f1 = segment_next(segment=s0)\n" + MAP_F0
)
# A handle on the last table of a space, which maps a page.
NODE = TABLES + F0 + MAP_F0 + "f1 = frame_from_in_use(paddr=0xe000)\n"
ORPHAN = NODE + "cursor_drop(cursor=c0)\nvmspace_drop(vs=vs0)\n"
EXCLUSIVE = ORPHAN + "u0 = unique_try_from_shared(frame=f1)\n"
NODES = NODE + "s0 = segment_from_frame(frame=f1)\n"
MAPPED = TABLES + S0 + "s1 = segment_clone(segment=s0)\nf0 = segment_next(segment=s1)\n" + MAP_F0
OWED = S0 + "s1 = segment_clone(segment=s0)\nsegment_drop(segment=s0)\n"
OWED_FRAME = OWED + "f0 = segment_next(segment=s1)\n"
CLONES = S0 + "".join(f"s{n} = segment_clone(segment=s0)\n" for n in (1, 2, 3))
FORGET = "sr0 = segment_into_raw(segment=s0)\n"
TWIN = ("vostd", "seed")
# The suspect, the profiles, what is run before, the call, the clauses that are false of it.
SUSPECTS: list[tuple[str, tuple[str, ...], str, str, tuple[str, ...]]] = [
    ("AX-05", PROFILES, RUN, "frame_drop(frame=f1)", ("OP.FD.ENS.7/LOG",)),
    ("AX-06", PROFILES, RUN, "u0 = unique_try_from_shared(frame=f1)", ("OP.TFS.ENS.6/LOG",)),
    ("AX-07", PROFILES, RUN, "segment_drop(segment=s0)", ("OP.SD.ENS.8/LOG",)),
    ("AX-20", PROFILES, F0 + "".join(f"f{n} = frame_clone(frame=f0)\n" for n in (1, 2, 3, 4)),
     "f5 = frame_clone(frame=f0)", ("OP.FFIU.RETURNS",)),
    ("AX-21", PROFILES, TABLES + F0 + MAP_F0, "f1 = frame_from_in_use(paddr=0xe000)",
     ("OP.FFIU.ENS.12",)),
    ("AX-21", PROFILES, NODE, "fr0 = frame_into_raw(frame=f1)", ("FRM.IR.PRE.4",)),
    ("AX-21", PROFILES, ORPHAN, "frame_drop(frame=f1)",
     ("OP.FD.REQ/STRUCT.13", "FRM.DROP.POST.2", "FRM.DROP.POST.3")),
    ("AX-21", PROFILES, ORPHAN, "u0 = unique_try_from_shared(frame=f1)", ("OP.TFS.REQ.2",)),
    ("AX-21", PROFILES, EXCLUSIVE, "u1 = unique_repurpose(unique=u0)", ("UNQ.REP.PRE.1",)),
    ("AX-21", PROFILES, EXCLUSIVE, "unique_drop(unique=u0)",
     ("OP.UD.REQ/STRUCT.17a", "UNQ.DROP.POST.3")),
    ("AX-21", PROFILES, NODES, "segment_drop(segment=s0)",
     ("OP.SD.REQ.2", "SEG.DROP.PRE.1/REL.7")),
    ("AX-21", PROFILES, NODES, "s1 = segment_clone(segment=s0)", ("OP.SC.REQ.1",)),
    ("AX-21", PROFILES, NODES, "s1 = segment_slice(segment=s0, start=0x0, end=0x1000)",
     ("OP.SC.REQ.1", "SEG.SLICE.PRE.1/REL.7")),
    ("AX-21", PROFILES, NODES, "s1, s2 = segment_split(segment=s0, offset=0x1000)",
     ("SEG.SPLIT.PRE.1/REL.7",)),
    ("AX-21", PROFILES, NODES, "f2 = segment_next(segment=s0)", ("SEG.NEXT.PRE.3/REL.7",)),
    ("AX-21", PROFILES, NODES, FORGET, ("SEG.IR.PRE.1/REL.7",)),
    ("AX-21", PROFILES, NODES + FORGET, "s1 = segment_from_raw(raw_segment=sr0)",
     ("SEG.FR.PRE.1/REL.7",)),
    ("AX-22", PROFILES, "", F0, ("OP.FFU.ENS.13/OBL",)),
    ("AX-24", PROFILES, F0, S0, ("OP.SFU.N.1/USAGE",)),
    ("AX-25", PROFILES, F0 + "frame_drop(frame=f0)\n", "u0 = unique_from_unused(paddr=0x2000)",
     ("OP.UFU.N.1/USED", "UNQ.FU.PRE.2")),
    ("AX-27", PROFILES, CLONES, "s4 = segment_clone(segment=s0)", ("SEG.CLN.PRE.2",)),
    ("AX-28", PROFILES, MAPPED, "segment_drop(segment=s0)", ("SEG.DROP.PRE.1/REL.6",)),
    ("AX-28", PROFILES, MAPPED, "s2, s3 = segment_split(segment=s0, offset=0x1000)",
     ("SEG.SPLIT.PRE.1/REL.6",)),
    ("AX-28", PROFILES, MAPPED, "s2 = segment_slice(segment=s0, start=0x0, end=0x1000)",
     ("SEG.SLICE.PRE.1/REL.6",)),
    ("AX-28", PROFILES, MAPPED, "f2 = segment_next(segment=s0)", ("SEG.NEXT.PRE.3/REL.6",)),
    ("AX-28", PROFILES, MAPPED, FORGET, ("SEG.IR.PRE.1/REL.6",)),
    ("AX-28", PROFILES, MAPPED + FORGET, "s2 = segment_from_raw(raw_segment=sr0)",
     ("SEG.FR.PRE.1/REL.6",)),
    ("G3", ("ostd",), S0, "s1 = segment_clone(segment=s0)", ("SEG.CLN.POST.3",)),
    ("G3", ("ostd",), S0, "s1 = segment_slice(segment=s0, start=0x0, end=0x1000)",
     ("SEG.SLICE.POST.6/OBL",)),
    ("G3", TWIN, OWED, "segment_drop(segment=s1)", ("SEG.DROP.PRE.1/REL.1",)),
    ("G3", TWIN, OWED, "s2, s3 = segment_split(segment=s1, offset=0x1000)",
     ("SEG.SPLIT.PRE.1/REL.1",)),
    ("G3", TWIN, OWED, "s2 = segment_slice(segment=s1, start=0x0, end=0x1000)",
     ("SEG.SLICE.PRE.1/REL.1",)),
    ("G3", TWIN, OWED, "f0 = segment_next(segment=s1)", ("SEG.NEXT.PRE.3/REL.1",)),
    ("G3", TWIN, OWED, "sr0 = segment_into_raw(segment=s1)", ("SEG.IR.PRE.1/REL.1",)),
    ("G3", TWIN, OWED + "sr0 = segment_into_raw(segment=s1)\n",
     "s2 = segment_from_raw(raw_segment=sr0)", ("SEG.FR.PRE.1/REL.1",)),
    ("G3", TWIN, OWED_FRAME, "frame_drop(frame=f0)", ("FRM.DROP.PRE.3",)),
    ("G3", TWIN, OWED_FRAME, "fr0 = frame_into_raw(frame=f0)", ("FRM.IR.PRE.5",)),
    ("G20", PROFILES, "", "u0 = unique_from_unused(paddr=0x400000000000)", ("UNQ.FU.PRE.1",)),
]  # fmt: skip
SUSPECT_CASES = [(profile, *row) for row in SUSPECTS for profile in row[1]]


@pytest.mark.parametrize(
    ("profile", "suspect", "_profiles", "before", "op", "clauses"),
    SUSPECT_CASES,
    ids=[f"{row[1]} {' '.join(row[5])} {row[0]}" for row in SUSPECT_CASES],
)
def test_a_suspect_breaks_the_clauses_that_name_it_and_no_other(
    profile: str,
    suspect: str,
    _profiles: tuple[str, ...],
    before: str,
    op: str,
    clauses: tuple[str, ...],
    call_of: Callable[[str, str], Call],
) -> None:
    world = f"world frames=8 pt_frames=24 entries=4 rc_max=5 profile={profile}"
    judged = judge(call_of(world, before + op))
    false = {clause.id for clause, holds in judged if not holds and clause.id in CLAUSES}
    assert {c for c in false if CLAUSES[c].known.get(profile) == suspect} == set(clauses)
    assert {c for c in false if profile not in CLAUSES[c].known} == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_clause_known_to_fail_was_seen_to_fail(profile: str) -> None:
    seen = {(c, s) for s, profiles, _, _, ids in SUSPECTS if profile in profiles for c in ids}
    known = {(c.id, c.known[profile]) for c in CLAUSES.values() if profile in c.known}
    assert seen == known


# A planted bug, what is run before, the call that shows it, the clauses that are false of it.
FAULTS: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("nyx-missing-incref", F0, "f1 = frame_clone(frame=f0)", ("OP.FFIU.ENS.6", "FRM.CLN.POST.2")),
    ("kvm-nonrefcounted-pages", "", "f0 = frame_from_in_use(paddr=0x2000)",
     ("OP.FFIU.ENS.1", "OP.FFIU.ENS.6", "OP.FFIU.ENS.11", "FRM.FIU.POST.1", "FRM.FIU.POST.2",
      "FRM.FIU.POST.3")),
    ("last-drop-leaves-busy", F0, "frame_drop(frame=f0)", ("OP.FD.ENS.5", "FRM.DROP.POST.4")),
    ("teardown-keeps-storage", F0, "frame_drop(frame=f0)", ("OP.FD.ENS.1", "FRM.DROP.POST.1")),
    ("from-raw-counts-again", F0 + "fr0 = frame_into_raw(frame=f0)\n",
     "f1 = frame_from_raw(raw=fr0)", ("FRM.FR.POST.2",)),
    ("segment-rollback-leaks", F0, S0, ("OP.SFU.N.1",)),
    ("segment-next-yields-last", S0, "f0 = segment_next(segment=s0)",
     ("OP.SN.STEP.1", "SEG.NEXT.POST.2")),
    ("segment-next-keeps-cover", S0, "f0 = segment_next(segment=s0)",
     ("OP.SN.STEP.2", "SEG.NEXT.POST.2")),
    ("segment-split-overlaps", S0, "s1, s2 = segment_split(segment=s0, offset=0x1000)",
     ("OP.SSP.ENS.3", "OP.SSP.ENS.4", "SEG.SPLIT.POST.2")),
    ("segment-clone-misses-last", S0, "s1 = segment_clone(segment=s0)", ("OP.SC.ENS.3",)),
    ("repurpose-skips-write", "u0 = unique_from_unused(paddr=0x2000)\n",
     "u1 = unique_repurpose(unique=u0)", ("UNQ.REP.POST.3", "UNQ.REP.POST.4")),
    ("into-shared-keeps-unique", "u0 = unique_from_unused(paddr=0x2000)\n",
     "f0 = unique_into_shared(unique=u0)", ("OP.FU.ENS.3",)),
    ("linux-cow-gup-exclusive", F0 + "f1 = frame_clone(frame=f0)\n",
     "u0 = unique_try_from_shared(frame=f0)", ("OP.TFS.N.1",)),
    ("linux-anon-vma-reuse", "u0 = unique_from_unused(paddr=0x2000)\n",
     "u1 = unique_from_unused(paddr=0x2000)", ("OP.UFU.N.1",)),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "before", "op", "clauses"), FAULTS, ids=[f[0] for f in FAULTS])
def test_a_planted_bug_breaks_the_clauses_that_forbid_it(
    fault: str, before: str, op: str, clauses: tuple[str, ...]
) -> None:
    trace = parse(f"#vmfuzz-trace 1\nworld frames=8 pt_frames=0\nfault {fault}\n{before}{op}\n")
    session = Session(trace.world, Faults.of(trace.faults))
    observer = Observer(session.state)
    for step in trace.ops:
        session.step(step)
        assert session.outcome is not None
        call = observer.after(step, session.outcome)
    false = {c.id for c, holds in judge(call) if not holds and c.id in CLAUSES}
    assert {c for c in false if "ostd" not in CLAUSES[c].known} == set(clauses)


def test_guards_are_the_preconditions_of_the_ops() -> None:
    """Without forgotten segments, which the proof's store has not."""
    asked = {
        "frame_drop": "OP.FD.RETURNS",
        "segment_split": "OP.SSP.RETURNS",
        "segment_clone": "OP.SC.RETURNS",
        "segment_slice": "OP.SC.RETURNS",
    }
    seen: Counter[tuple[str, bool]] = Counter()
    for number in range(500):
        world = World(frames=8, pt_frames=0, rc_max=2)
        session, rng = Session(world), Random(number)
        observer = Observer(session.state)
        source = SwarmTrace(rng, SwarmConfig(rng, world), session.state)
        for _ in range(60):
            op = source.next_op()
            name = DECLARATIONS[type(op)].name
            store = session.state.view.store
            is_asked = name in asked and not store.raw_segments
            allowed = is_asked and op_pre(store, op)
            session.step(op)
            assert session.outcome is not None
            call = observer.after(op, session.outcome)
            if is_asked:
                assert CLAUSES[asked[name]].when(call) is allowed
                seen[name, allowed] += 1
            if session.is_over:
                break
            source.settle(op)
    assert seen.keys() == {(name, allowed) for name in asked for allowed in (True, False)}
