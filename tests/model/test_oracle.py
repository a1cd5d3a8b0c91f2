"""What the oracle reports, in which order, and what it leaves alone."""

from pathlib import Path

import pytest

from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.errors import HarnessError, VmfuzzError
from vmfuzz.finding import Finding
from vmfuzz.oracle import Session, parse_checks
from vmfuzz.recount import recount
from vmfuzz.report.block import finding_block
from vmfuzz.runner import Run, run
from vmfuzz.trace import Trace
from vmfuzz.trace_text import parse
from vmstore.outcome import Abort, Panic
from vmstore.quirks import QUIRKS
from vmstore.variants import PROFILES
from vmstore.world import World

HEAD = "#vmfuzz-trace 1\n"


def play(world: str, ops: str, **options: object) -> tuple[Trace, Run]:
    trace = parse(f"{HEAD}world {world}\n{ops}")
    return trace, run(trace, **options)  # type: ignore[arg-type]


def found(result: Run) -> Finding:
    assert result.finding is not None
    return result.finding


def test_a_wrong_outcome_is_named_after_the_op() -> None:
    _, result = play(
        "frames=8 pt_frames=0",
        "fault from-unused-last-frame-rejected\n"
        "s0 = segment_from_unused(start=0x6000, end=0x8000)\n",
    )

    assert found(result).signature == "OUT.segment_from_unused/segment_from_unused"
    assert "came to Err(variant='OutOfBound', detail=None), allowed was Ok" in found(result).witness


def test_a_recorded_outcome_that_does_not_come_is_a_finding() -> None:
    _, result = play("frames=8", "f0 = frame_from_unused(paddr=0x1000) => err InUse\n")

    assert found(result).signature == "EXPECT/frame_from_unused"
    assert found(result).witness == "came to 'ok', recorded was 'err InUse'"


def test_skipped_steps_count_in_the_position_of_a_finding() -> None:
    _, result = play(
        "frames=8",
        "fault segment-clone-misses-last\nframe_drop(frame=f7)\n"
        "s0 = segment_from_unused(start=0x0, end=0x2000)\ns1 = segment_clone(segment=s0)\n",
    )

    assert found(result).step == 2
    assert found(result).clause == "ACCT.3c"


def test_a_saturated_clone_aborts_and_its_lost_reference_is_declared() -> None:
    _, result = play(
        "frames=8 pt_frames=0 rc_max=2",
        "f0 = frame_from_unused(paddr=0x0)\nf1 = frame_clone(frame=f0) => ok\n"
        "f2 = frame_clone(frame=f0) => abort ref-count-saturated\nframe_drop(frame=f0)\n",
    )

    assert result.finding is None
    assert result.outcomes == [*result.outcomes[:2], Abort("ref-count-saturated"), None]


def test_a_panic_ends_the_trace_and_drops_what_it_consumed() -> None:
    trace, result = play(
        "frames=8",
        "s0 = segment_from_unused(start=0x1000, end=0x3000, meta=umeta)\n"
        "s1, s2 = segment_split(segment=s0, offset=0x2000)\nl0 = list_new()\n",
    )

    assert result.finding is None
    assert result.outcomes[1] == Panic("offset-out-of-bound")
    assert result.executed == len(trace.steps) - 1


def test_nothing_is_checked_after_a_poke() -> None:
    _, result = play(
        "frames=8",
        "f0 = frame_from_unused(paddr=0x0)\nhost_poke_ref_count(paddr=0x0, value=MAX) => ok\n"
        "f1 = frame_clone(frame=f0) => abort ref-count-saturated\n",
    )

    assert result.finding is None


def test_a_quirk_is_counted_and_a_finding_only_when_strict() -> None:
    ops = """s0 = segment_from_unused(start=0x1000, end=0x2000)
s1 = segment_slice(segment=s0, start=0x1000, end=0x1000)
segment_to_usegment(segment=s1)
"""
    _, lenient = play("frames=8", ops)
    _, strict = play("frames=8", ops, strict=True)

    assert lenient.finding is None
    assert lenient.quirks == {"empty-segment-reads-foreign-frame": 1}
    assert found(strict).signature == "SAFETY.empty-segment-reads-foreign-frame/segment_to_usegment"


def test_nothing_runs_after_a_fatal_quirk() -> None:
    ops = """f0 = frame_from_unused(paddr=0x0)
pt0 = pt_new(config=kernel)
pc0 = pt_cursor_open(ptable=pt0, start=0xffffffffffff4000, end=0xfffffffffffff000)
pt_cursor_map_frame(ptcursor=pc0, frame=f0, flags=0x0, cache=WB)
pt_cursor_take_next(ptcursor=pc0, len=0x8000)
pt_cursor_drop(ptcursor=pc0)
"""
    _, lenient = play("entries=4 build=release", ops)
    _, strict = play("entries=4 build=release", ops, strict=True)

    assert lenient.finding is None
    assert lenient.executed == 5
    assert lenient.quirks == {"cursor-leaves-its-range": 1}
    assert found(strict).signature == "SAFETY.cursor-leaves-its-range/pt_cursor_take_next"


def test_a_kernel_cursor_that_has_wrapped_and_maps_is_the_same_quirk() -> None:
    """The table that it makes at 0 is never freed with the kernel's, which has none there."""
    ops = """pt0 = pt_new(config=kernel)
pc0 = pt_cursor_open_mut(ptable=pt0, start=0xfffffffffffe3000, end=0xfffffffffffff000)
pt_cursor_protect_next(ptcursor=pc0, len=0x1000)
pt_cursor_map(ptcursor=pc0, paddr=0x0, level=2, flags=0x0, cache=WB)
pt_cursor_protect_next(ptcursor=pc0, len=0xb000)
pt_cursor_map(ptcursor=pc0, paddr=0x0, level=1, flags=0x0, cache=WB)
pt_cursor_drop(ptcursor=pc0)
"""
    _, lenient = play("levels=3 entries=4 build=release", ops)

    assert lenient.finding is None
    assert lenient.executed == 6
    assert lenient.quirks == {"cursor-leaves-its-range": 1}


QUIRK_TRACES = {
    "empty-segment-reads-foreign-frame": (
        "",
        """s0 = segment_from_unused(start=0x0, end=0x1000)
f0 = segment_next(segment=s0)
segment_to_usegment(segment=s0)
""",
    ),
    "slice-wraps-outside-parent": (
        "profile=seed build=release",
        """s0 = segment_from_unused(start=0x2000, end=0x4000)
s1 = segment_slice(segment=s0, start=0xfffffffffffff000, end=0x0)
""",
    ),
    "reference-count-panics-at-max": (
        "rc_max=4",
        """f0 = frame_from_unused(paddr=0x0)
f1 = frame_clone(frame=f0)
f2 = frame_clone(frame=f0)
f3 = frame_clone(frame=f0)
frame_reference_count(frame=f0)
""",
    ),
    "exact-huge-range-guard-too-low": (
        "entries=4",
        """pt0 = pt_new(config=test)
pc0 = pt_cursor_open_mut(ptable=pt0, start=0x4000, end=0x8000)
pt_cursor_map(ptcursor=pc0, paddr=0x4000, level=2, flags=0x3, cache=WB)
""",
    ),
    "map-over-empty-table": (
        "entries=4",
        """pt0 = pt_new(config=test)
pc0 = pt_cursor_open_mut(ptable=pt0, start=0x0, end=0x1000)
pt_cursor_drop(ptcursor=pc0)
pc0 = pt_cursor_open_mut(ptable=pt0, start=0x0, end=0x8000)
pt_cursor_map(ptcursor=pc0, paddr=0x4000, level=2, flags=0x3, cache=WB)
""",
    ),
    "map-panic-leaks-frame": (
        "",
        """vs0 = vmspace_new()
f0 = frame_from_unused(paddr=0x0)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x1000)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WP)
""",
    ),
    "iomem-mapped-but-unrecorded": (
        "",
        """vs0 = vmspace_new()
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x1000)
cursor_map_iomem(cursor=c0, paddr=0xfe000000, size=0x2000, flags=3, cache=UC, len=8192, offset=0)
""",
    ),
    "search-never-ends": (
        "build=release",
        """pt0 = pt_new(config=kernel)
pc0 = pt_cursor_open(ptable=pt0, start=0xffffffffffc00000, end=0xfffffffffffff000)
pt_cursor_find_next(ptcursor=pc0, len=0x3ff000)
""",
    ),
    "cursor-leaves-its-range": (
        "entries=4 build=release",
        """f0 = frame_from_unused(paddr=0x0)
pt0 = pt_new(config=kernel)
pc0 = pt_cursor_open(ptable=pt0, start=0xffffffffffff4000, end=0xfffffffffffff000)
pt_cursor_map_frame(ptcursor=pc0, frame=f0, flags=0x0, cache=WB)
pt_cursor_take_next(ptcursor=pc0, len=0x8000)
""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("quirk", [quirk.id for quirk in QUIRKS])
def test_a_quirk_is_counted_and_is_a_finding_when_strict(quirk: str) -> None:
    world, ops = QUIRK_TRACES[quirk]
    _, lenient = play(world, ops)
    _, strict = play(world, ops, strict=True)

    assert lenient.finding is None
    assert lenient.quirks == {quirk: 1}
    assert found(strict).clause == f"SAFETY.{quirk}"


def test_every_quirk_that_a_campaign_meets_is_listed() -> None:
    met: set[str] = set()
    for profile in PROFILES:
        progress = Progress()
        plan = Plan(steps=30_000, rng_seed=2, world=World(profile=profile))
        assert list(SwarmEngine().run(plan, progress, lambda: None)) == []
        met |= set(progress.quirks)

    assert len(met) >= 4
    assert met <= {quirk.id for quirk in QUIRKS}


def test_checks_can_be_left_out() -> None:
    ops = "fault teardown-skips-on-drop\nf0 = frame_from_unused(paddr=0x0, meta=umeta)\n"
    _, everything = play("frames=8", ops + "frame_drop(frame=f0)\n")
    _, without = play(
        "frames=8", ops + "frame_drop(frame=f0)\n", checks=parse_checks(["invariants", "extra"])
    )

    assert found(everything).clause == "VIEW.O7"
    assert without.finding is None


def test_an_unknown_check_names_the_closest() -> None:
    with pytest.raises(VmfuzzError, match=r"unknown check 'outcom' \(did you mean 'outcome'\?\)"):
        parse_checks(["outcom"])


def test_drifting_counts_are_a_defect_of_ours_and_no_finding() -> None:
    session = Session(World(frames=8))
    session.state.view.store.insert_frame(0, 0)
    recount(session.state)
    session.state.view.store.owner(0).handles += 1

    with pytest.raises(HarnessError, match="slot 0: counts H, U, C, P, links, D are"):
        recount(session.state)


def test_the_finding_block_is_the_same_text_everywhere() -> None:
    trace, result = play(
        "frames=8",
        "fault segment-clone-misses-last\n"
        "s0 = segment_from_unused(start=0x1000, end=0x3000)\ns1 = segment_clone(segment=s0)\n",
    )

    assert finding_block(found(result), trace) == (
        "ACCT.3c violated at step 1 (segment_clone): rc == H + P + C, and + D while references"
        " are deferred\n"
        "  slot 0x2000: rc=1 storage=init vtable=unit in_list=0 usage=Frame H=0 P=0 C=2 U=0 D=0:"
        " rc=1, but H + P + C + D = 0 + 0 + 2 + 0 = 2\n"
        "  source: vostd VmStore::accounting_inv\n"
        "  also broken: DER.5\n"
        "\n"
        "      world frames=8\n"
        "      fault segment-clone-misses-last\n"
        "      0  s0 = segment_from_unused(start=0x1000, end=0x3000)\n"
        "  >   1  s1 = segment_clone(segment=s0)"
    )


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_seeds_and_regressions_replay_as_they_say(full: bool) -> None:
    corpora = Path(__file__).parents[2] / "corpora"
    paths = sorted(corpora.rglob("*.trace"))

    assert paths
    for path in paths:
        trace = parse(path.read_text(encoding="utf-8"), path.name)
        finding = run(trace, full=full).finding
        wanted = {(expect.clause, expect.step) for expect in trace.expect}
        got = {(finding.clause, finding.step)} if finding else set()
        assert got == wanted, path
