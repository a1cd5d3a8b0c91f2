"""Edge cases of the frame layer, as traces with the outcomes written by hand.

Every trace also runs under the oracle, so a wrong count or a missing event fails it too.
"""

import pytest

from vmfuzz.oracle import Session
from vmfuzz.report.block import finding_block
from vmfuzz.runner import run
from vmfuzz.trace_text import parse

BIG = "frames=524288 pt_frames=0"  # 2 GiB, as in the specification; slots are lazy

CASES = {
    # -- lookup: 9 to 12 -----------------------------------------------------------------------
    "9-12 alignment outranks the bound": (
        BIG,
        """f0 = frame_from_unused(paddr=0x0) => ok
f1 = frame_from_unused(paddr=0x80000000) => err OutOfBound
f2 = frame_from_unused(paddr=0x80000001) => err NotAligned
f3 = frame_from_unused(paddr=0xfffffffffffff000) => err OutOfBound
f4 = frame_from_in_use(paddr=0xffffffffffffffff) => err NotAligned""",
    ),
    # -- frames: 14 to 41 ----------------------------------------------------------------------
    "15 a second claim is refused": (
        BIG,
        """f0 = frame_from_unused(paddr=0x1000, meta=umeta) => ok
f1 = frame_from_unused(paddr=0x1000, meta=tmeta) => err InUse
frame_info(frame=f0) => ok {paddr=0x1000, size=4096, level=1, meta=umeta, val=0, untyped=true}""",
    ),
    "16 a claim of an exclusive page": (
        BIG,
        """u0 = unique_from_unused(paddr=0x1000) => ok
f0 = frame_from_unused(paddr=0x1000) => err Unique
u1 = unique_from_unused(paddr=0x1000) => err Unique
f1 = frame_from_in_use(paddr=0x1000) => err Unique""",
    ),
    "20 from_in_use stops below saturation": (
        f"{BIG} rc_max=3",
        """f0 = frame_from_unused(paddr=0x1000) => ok
f1 = frame_from_in_use(paddr=0x1000) => ok
f2 = frame_from_in_use(paddr=0x1000) => ok
f3 = frame_from_in_use(paddr=0x1000) => abort ref-count-saturated""",
    ),
    "21 clone adds before it aborts": (
        f"{BIG} rc_max=2",
        """f0 = frame_from_unused(paddr=0x1000) => ok
f1 = frame_clone(frame=f0) => ok
f2 = frame_clone(frame=f0) => abort ref-count-saturated""",
    ),
    "22 a legal count of MAX cannot be read in a debug build": (
        f"{BIG} rc_max=2",
        """f0 = frame_from_unused(paddr=0x1000) => ok
frame_reference_count(frame=f0) => ok {rc=1}
f1 = frame_clone(frame=f0) => ok
frame_reference_count(frame=f0) => panic ref-count-saturated""",
    ),
    "22 but in a release build": (
        f"{BIG} rc_max=2 build=release",
        """f0 = frame_from_unused(paddr=0x1000) => ok
f1 = frame_clone(frame=f0) => ok
frame_reference_count(frame=f0) => ok {rc=2}""",
    ),
    "25 a freed page comes back with other metadata": (
        BIG,
        """f0 = frame_from_unused(paddr=0x1000, meta=umeta, val=1) => ok
frame_drop(frame=f0) => ok
f1 = frame_from_unused(paddr=0x1000, meta=tmeta, val=2) => ok
frame_info(frame=f1) => ok {paddr=0x1000, size=4096, level=1, meta=tmeta, val=2, untyped=false}""",
    ),
    "37-38 equality and downcasts": (
        BIG,
        """f0 = frame_from_unused(paddr=0x3000, meta=tmeta) => ok
f1 = frame_from_unused(paddr=0x4000) => ok
f2 = frame_clone(frame=f0) => ok
frame_eq(frame=f0, other=f2) => ok {eq=true}
frame_eq(frame=f0, other=f1) => ok {eq=false}
frame_downcast(frame=f0, meta=umeta) => err WrongType
frame_to_uframe(frame=f0) => err NotUntyped
frame_downcast(frame=f0, meta=tmeta) => ok
frame_borrow(frame=f0) => ok {paddr=0x3000, rc=2}""",
    ),
    "39 a link of untyped metadata is untyped": (
        BIG,
        """f0 = frame_from_unused(paddr=0x3000, meta=link) => ok
frame_to_uframe(frame=f0) => ok""",
    ),
    # -- unique frames: 43 to 52 ---------------------------------------------------------------
    "44-45 conversions there and back": (
        BIG,
        """u0 = unique_from_unused(paddr=0x2000) => ok
f0 = unique_into_shared(unique=u0) => ok
u1 = unique_try_from_shared(frame=f0) => ok
f1 = unique_into_shared(unique=u1) => ok
f2 = frame_from_in_use(paddr=0x2000) => ok
u2 = unique_try_from_shared(frame=f2) => err Shared
frame_reference_count(frame=f1) => ok {rc=2}""",
    ),
    "46 a cover is a reference too": (
        BIG,
        """f0 = frame_from_unused(paddr=0x2000) => ok
f1 = frame_clone(frame=f0) => ok
s0 = segment_from_frame(frame=f1) => ok
f2 = frame_clone(frame=f0) => ok
u0 = unique_try_from_shared(frame=f2) => err Shared
segment_drop(segment=s0) => ok
frame_reference_count(frame=f0) => ok {rc=2}""",
    ),
    "47 repurpose": (
        BIG,
        """u0 = unique_from_unused(paddr=0x2000, meta=tmeta, val=4) => ok
u1 = unique_repurpose(unique=u0, meta=umeta, val=5) => ok
unique_info(unique=u1) => ok {paddr=0x2000, size=4096, level=1, meta=umeta, val=5}
f0 = frame_from_in_use(paddr=0x2000) => err Unique""",
    ),
    "50 a reset page can be claimed again": (
        BIG,
        """u0 = unique_from_unused(paddr=0x2000, meta=umeta) => ok
unique_reset_as_unused(unique=u0) => ok
f0 = frame_from_in_use(paddr=0x2000) => err Unused
u1 = unique_from_unused(paddr=0x2000) => ok""",
    ),
    "52 a forgotten exclusive handle stays exclusive": (
        BIG,
        """u0 = unique_from_unused(paddr=0x2000) => ok
ur0 = unique_into_raw(unique=u0) => ok {paddr=0x2000}
f0 = frame_from_in_use(paddr=0x2000) => err Unique
u1 = unique_from_raw(raw_unique=ur0) => ok
unique_drop(unique=u1) => ok""",
    ),
    # -- segments: 56 to 98 --------------------------------------------------------------------
    "56 an empty range": (BIG, "s0 = segment_from_unused(start=0x0, end=0x0) => panic range-empty"),
    "57 a reversed range": (
        BIG,
        """s0 = segment_from_unused(start=0x3001, end=0x1000) => err NotAligned
s1 = segment_from_unused(start=0x3000, end=0x1000) => panic range-empty""",
    ),
    "58 the start has no bound of its own": (
        BIG,
        "s0 = segment_from_unused(start=0x90000000, end=0x1000) => panic range-empty",
    ),
    "59-61 the end has": (
        BIG,
        """s0 = segment_from_unused(start=0x1000, end=0x80001000) => err OutOfBound
s1 = segment_from_unused(start=0x90000000, end=0x80001000) => err OutOfBound
s2 = segment_from_unused(start=0x1000, end=0x80000800) => err NotAligned
s3 = segment_from_unused(start=0x7ffff000, end=0x80000000) => ok""",
    ),
    "62 a failure gives back what was claimed": (
        BIG,
        """f0 = frame_from_unused(paddr=0x3000, meta=umeta) => ok
s0 = segment_from_unused(start=0x1000, end=0x5000, meta=umeta) => err InUse
f1 = frame_from_in_use(paddr=0x1000) => err Unused
f2 = frame_from_in_use(paddr=0x4000) => err Unused
frame_reference_count(frame=f0) => ok {rc=1}""",
    ),
    "63 the first page decides": (
        BIG,
        """u0 = unique_from_unused(paddr=0x1000) => ok
s0 = segment_from_unused(start=0x1000, end=0x5000) => err Unique""",
    ),
    "69 split at the size": (
        BIG,
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1, s2 = segment_split(segment=s0, offset=0x3000) => panic offset-out-of-bound""",
    ),
    "70 split: alignment outranks the bound": (
        BIG,
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1, s2 = segment_split(segment=s0, offset=0x3800) => panic offset-unaligned""",
    ),
    "72-74 slices": (
        BIG,
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1 = segment_slice(segment=s0, start=0x1000, end=0x2000) => ok
segment_info(segment=s1) => ok {paddr=0x11000, size=4096}
s2 = segment_slice(segment=s0, start=0x3000, end=0x3000) => ok
segment_info(segment=s2) => ok {paddr=0x13000, size=0}
f0 = frame_from_in_use(paddr=0x11000) => ok
frame_reference_count(frame=f0) => ok {rc=3}
f1 = frame_from_in_use(paddr=0x12000) => ok
frame_reference_count(frame=f1) => ok {rc=2}""",
    ),
    "75 slice reversed": (
        BIG,
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1 = segment_slice(segment=s0, start=0x2000, end=0x1000) => panic offset-out-of-bound""",
    ),
    "76 slice: alignment outranks the bound": (
        BIG,
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1 = segment_slice(segment=s0, start=0x1, end=0x9001) => panic offset-unaligned""",
    ),
    "77 wrapping offsets are refused today": (
        f"{BIG} build=release",
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1 = segment_slice(segment=s0, start=0xfffffffffffff000, end=0xfffffffffffff000)"""
        " => panic offset-out-of-bound",
    ),
    "77 and gave an empty segment outside of the parent before": (
        f"{BIG} build=release variant.slice_check=wrapping-sum",
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1 = segment_slice(segment=s0, start=0xfffffffffffff000, end=0xfffffffffffff000) => ok
segment_info(segment=s1) => ok {paddr=0xf000, size=0}""",
    ),
    "77 unless the build checked the sum": (
        f"{BIG} variant.slice_check=wrapping-sum",
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1 = segment_slice(segment=s0, start=0xfffffffffffff000, end=0xfffffffffffff000)"""
        " => panic overflow",
    ),
    "78 foreign pages, before": (
        f"{BIG} build=release variant.slice_check=wrapping-sum",
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
f0 = frame_from_unused(paddr=0xe000) => ok
f1 = frame_from_unused(paddr=0xf000) => ok
s1 = segment_slice(segment=s0, start=0xffffffffffffe000, end=0x1000) => ok
segment_info(segment=s1) => ok {paddr=0xe000, size=12288}
frame_reference_count(frame=f0) => ok {rc=2}
frame_reference_count(frame=f1) => ok {rc=2}""",
    ),
    "80 a saturated page in the middle of a slice": (
        f"{BIG} rc_max=2",
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
f0 = frame_from_in_use(paddr=0x11000) => ok
s1 = segment_slice(segment=s0, start=0x0, end=0x3000) => abort ref-count-saturated""",
    ),
    "81 offsets count from the current start": (
        BIG,
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
f0 = segment_next(segment=s0) => ok
s1 = segment_slice(segment=s0, start=0x0, end=0x1000) => ok
segment_info(segment=s1) => ok {paddr=0x11000, size=4096}""",
    ),
    "82 the parent goes first": (
        BIG,
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1 = segment_slice(segment=s0, start=0x1000, end=0x2000) => ok
segment_drop(segment=s0) => ok
f0 = frame_from_in_use(paddr=0x10000) => err Unused
f1 = frame_from_in_use(paddr=0x11000) => ok
segment_drop(segment=s1) => ok
frame_reference_count(frame=f1) => ok {rc=1}""",
    ),
    "84 clone up to the maximum": (
        f"{BIG} rc_max=2",
        """s0 = segment_from_unused(start=0x10000, end=0x13000) => ok
s1 = segment_clone(segment=s0) => ok
s2 = segment_clone(segment=s0) => abort ref-count-saturated""",
    ),
    "86-89 next until empty, and after": (
        BIG,
        """s0 = segment_from_unused(start=0x12000, end=0x13000) => ok
f0 = segment_next(segment=s0) => ok
f1 = segment_next(segment=s0) => ok {frame=null}
f2 = segment_next(segment=s0) => ok {frame=null}
segment_info(segment=s0) => ok {paddr=0x13000, size=0}
s1 = segment_clone(segment=s0) => ok
s2 = segment_slice(segment=s0, start=0x0, end=0x0) => ok
sr0 = segment_into_raw(segment=s0) => ok {start=0x13000, end=0x13000}
s3 = segment_from_raw(raw_segment=sr0) => ok
segment_drop(segment=s3) => ok
frame_reference_count(frame=f0) => ok {rc=1}""",
    ),
    "94 conversions of a segment": (
        BIG,
        """s0 = segment_from_unused(start=0x10000, end=0x12000, meta=tmeta) => ok
segment_downcast(segment=s0, meta=tmeta) => ok
segment_downcast(segment=s0, meta=umeta) => err WrongType
segment_to_usegment(segment=s0) => err NotUntyped""",
    ),
    "98 an empty segment at the top of memory": (
        BIG,
        """s0 = segment_from_unused(start=0x7ffff000, end=0x80000000) => ok
s1 = segment_slice(segment=s0, start=0x1000, end=0x1000) => ok
segment_to_usegment(segment=s1) => panic paddr-out-of-bound""",
    ),
    # -- lists: 100 to 116 ---------------------------------------------------------------------
    "100 a new list": (
        BIG,
        """l0 = list_new() => ok
list_size(list=l0) => ok {size=0, empty=true}
u0 = list_pop_front(list=l0) => ok {unique=null}
lc0 = list_cursor_back(list=l0) => ok
lcursor_current_meta(lcursor=lc0) => ok {val=null}
lcursor_move_next(lcursor=lc0) => ok
lcursor_move_prev(lcursor=lc0) => ok
u1 = lcursor_take_current(lcursor=lc0) => ok {unique=null}""",
    ),
    "103 a listed page is exclusive": (
        BIG,
        """l0 = list_new() => ok
u0 = unique_from_unused(paddr=0x1000, meta=link) => ok
list_push_back(list=l0, unique=u0) => ok
f0 = frame_from_in_use(paddr=0x1000) => err Unique
f1 = frame_from_unused(paddr=0x1000) => err Unique""",
    ),
    "104-106 membership": (
        BIG,
        """l0 = list_new() => ok
l1 = list_new() => ok
list_contains(list=l1, paddr=0x80000000) => ok {contains=false}
list_contains(list=l1, paddr=0x1000) => ok {contains=false}
u0 = unique_from_unused(paddr=0x1000, meta=link) => ok
list_push_front(list=l0, unique=u0) => ok
list_contains(list=l0, paddr=0x1000) => ok {contains=true}
list_contains(list=l1, paddr=0x1000) => ok {contains=false}
lc0 = list_cursor_at(list=l1, paddr=0x1000) => ok {lcursor=null}
lc1 = list_cursor_at(list=l0, paddr=0x1001) => ok {lcursor=null}
lc2 = list_cursor_at(list=l0, paddr=0x1000) => ok""",
    ),
    "108-109 taking at the end and in the middle": (
        BIG,
        """l0 = list_new() => ok
u0 = unique_from_unused(paddr=0x1000, meta=link, val=1) => ok
u1 = unique_from_unused(paddr=0x2000, meta=link, val=2) => ok
u2 = unique_from_unused(paddr=0x3000, meta=link, val=3) => ok
list_push_back(list=l0, unique=u0) => ok
list_push_back(list=l0, unique=u1) => ok
list_push_back(list=l0, unique=u2) => ok
lc0 = list_cursor_at(list=l0, paddr=0x2000) => ok
u3 = lcursor_take_current(lcursor=lc0) => ok
lcursor_current_meta(lcursor=lc0) => ok {val=3}
u4 = lcursor_take_current(lcursor=lc0) => ok
lcursor_current_meta(lcursor=lc0) => ok {val=null}
u5 = lcursor_take_current(lcursor=lc0) => ok {unique=null}
lcursor_insert_before(lcursor=lc0, unique=u3) => ok
lcursor_current_meta(lcursor=lc0) => ok {val=null}
lcursor_move_prev(lcursor=lc0) => ok
lcursor_current_meta(lcursor=lc0) => ok {val=2}
lcursor_as_list(lcursor=lc0) => ok {size=2, empty=false}""",
    ),
    "115 the last list id": (
        f"{BIG} list_ids=2",
        """l0 = list_new() => ok
l1 = list_new() => ok
list_contains(list=l0, paddr=0x0) => ok {contains=false}
list_contains(list=l0, paddr=0x0) => ok {contains=false}
list_contains(list=l1, paddr=0x0) => abort list-id-exhausted""",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    world, ops = CASES[case]
    trace = parse(f"#vmfuzz-trace 1\nworld {world}\n{ops}\n")

    result = run(trace, full=True)

    assert result.finding is None, finding_block(result.finding, trace)
    assert not result.skipped
    assert result.executed == len(trace.steps)


def test_the_release_build_drops_dead_counts_in_silence() -> None:
    """Cases 33 and 34: a drop of a count of 0 leaves UNUSED, of UNUSED leaves UNIQUE."""
    for poked, left in (("0", (1 << 64) - 1), ("UNUSED", (1 << 64) - 2)):
        trace = parse(
            "#vmfuzz-trace 1\nworld build=release\nf0 = frame_from_unused(paddr=0x0) => ok\n"
            f"host_poke_ref_count(paddr=0x0, value={poked}) => ok\nframe_drop(frame=f0) => ok\n"
        )

        session = Session(trace.world)
        for step in trace.steps:
            session.step(step.op)

        assert session.state.machine.cells.slot(0).ref_count == left
        assert session.state.machine.events == []
