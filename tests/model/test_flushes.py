"""What flushes are seen and when frames go: events in order, counts while something waits."""

import pytest

from vmfuzz.oracle import Session
from vmfuzz.trace_text import parse
from vmstore.exec.machine import Event
from vmstore.outcome import Ok, Panic

START = """vs0 = vmspace_new()
vmspace_activate(vs=vs0)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x400000)
"""
TWO_CPUS = """vs0 = vmspace_new()
cpu_set(cpu=1)
vmspace_activate(vs=vs0)
cpu_set(cpu=0)
vmspace_activate(vs=vs0)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x400000)
"""
FRAME = """f0 = frame_from_unused(paddr=0x2000, meta=umeta, val=7)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
cursor_jump(cursor=c0, va=0x0)
"""
DISPATCH = "cursor_flusher_dispatch(cursor=c0)\n"
GONE: list[Event] = [("on_drop", "umeta", 0x2000, 7), ("freed", 0x2000)]


def single(va: int) -> str:
    return f"cursor_flusher_issue(cursor=c0, kind=single, va={va:#x})\n"


def span(start: int, pages: int) -> str:
    end = start + pages * 0x1000
    return f"cursor_flusher_issue(cursor=c0, kind=range, va={start:#x}, end={end:#x})\n"


def played(text: str, settings: str = "") -> Session:
    """Run a trace under the oracle and return its session after the last op."""
    trace = parse(f"#vmfuzz-trace 1\nworld {settings}\n{text}")
    session = Session(trace.world)
    for op in trace.ops:
        assert not session.is_over
        assert session.step(op) is None
    return session


def events(text: str, settings: str = "") -> list[Event]:
    """Return the events of the last op."""
    return played(text, settings).machine.events


@pytest.mark.parametrize(
    ("issued", "seen"),
    [
        (single(0x5000), [("tlb_addr", 0, 0x5000)]),
        (single(0x1010), [("tlb_range", 0, 0x1000, 0x12000)]),  # 17 pages: low bits are a count
        (single(0x1002), [("tlb_range", 0, 0x1000, 0x4000)]),
        (single((1 << 64) - 2), [("tlb_all", 0)]),
        (span(0x1000, 1), [("tlb_addr", 0, 0x1000)]),
        (span(0x1000, 31), [("tlb_range", 0, 0x1000, 0x20000)]),
        (span(0x1000, 32), [("tlb_all", 0)]),
        (span(0x1000, 31) + single(0x90000), [("tlb_all", 0)]),
        ("cursor_flusher_issue(cursor=c0, kind=all)\n" + single(0x1000), [("tlb_all", 0)]),
        (
            "".join(single(at << 12) for at in range(31)),
            [("tlb_addr", 0, at << 12) for at in range(31)],
        ),
        ("".join(single(at << 12) for at in range(32)), [("tlb_all", 0)]),
        ("", []),
        (single(0x1000) + DISPATCH, []),
    ],
)
def test_a_queue_is_flushed_page_by_page_up_to_31_pages(issued: str, seen: list[Event]) -> None:
    assert events(START + issued + DISPATCH) == seen


@pytest.mark.parametrize(("settings", "over"), [("build=debug", True), ("build=release", False)])
def test_a_misaligned_single_flush_is_caught_by_a_debug_check_only(
    settings: str, over: bool
) -> None:
    session = played(START + single(0x1020), settings)

    assert session.is_over is over
    assert session.outcome == (Panic("flush-op-page-count") if over else Ok())


def test_a_misaligned_single_flush_in_a_release_build_flushes_elsewhere() -> None:
    assert events(START + single(0x1040) + DISPATCH, "build=release") == [("tlb_addr", 0, 0x1040)]


def test_other_cpus_flush_first_then_this_one_then_frames_go() -> None:
    assert events(TWO_CPUS + FRAME + "cursor_unmap(cursor=c0, len=0x1000)\n") == [
        ("ipi", 0, 1),
        ("tlb_addr", 1, 0),
        ("tlb_addr", 0, 0),
        *GONE,
    ]


def test_a_space_that_is_active_nowhere_is_not_flushed() -> None:
    text = START.replace("vmspace_activate(vs=vs0)\n", "")

    assert events(text + FRAME + "cursor_unmap(cursor=c0, len=0x1000)\n") == GONE


def test_a_sub_tree_goes_with_one_flush_of_everything() -> None:
    text = START + FRAME + "cursor_jump(cursor=c0, va=0x200000)\ncursor_jump(cursor=c0, va=0x0)\n"

    assert events(text + "cursor_unmap(cursor=c0, len=0x400000)\n") == [("tlb_all", 0), *GONE]


def test_a_removed_frame_waits_for_the_grace_period_once_per_cpu() -> None:
    keeper = "f1 = frame_from_in_use(paddr=0x2000)\n"
    text = TWO_CPUS + FRAME + keeper + "cursor_unmap(cursor=c0, len=0x1000)\n"
    waiting = played(text, "rcu=deferred")
    done = played(text + "cursor_drop(cursor=c0)\nhost_rcu_sync()\n", "rcu=deferred")

    assert waiting.machine.cells.slot(2).ref_count == 3  # the handle, this CPU, the other one
    assert waiting.view.store.owner(2).deferred == 2
    assert done.outcome == Ok({"callbacks": 2, "left": 0})
    assert done.machine.cells.slot(2).ref_count == 1


def test_requests_that_were_not_dispatched_die_with_the_cursor() -> None:
    text = START + FRAME + single(0x1000) + "cursor_drop(cursor=c0)\n"

    assert events(text) == []


def test_a_space_left_for_another_goes_after_the_switch() -> None:
    text = START + FRAME + "cursor_drop(cursor=c0)\nvmspace_drop(vs=vs0)\nvs1 = vmspace_new()\n"

    assert events(text + "vmspace_activate(vs=vs1)\n") == [("cr3", 0, "vs1"), *GONE]


def test_a_map_that_cannot_be_encoded_leaves_the_counter_too_high() -> None:
    session = played(
        START + "f0 = frame_from_unused(paddr=0x2000)\n"
        "cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WP)\n"
    )
    cursor = session.machine.spaces.cursors[0].inner
    node = cursor.path[1]

    assert session.outcome == Panic("cache-policy-unsupported")
    assert node is not None
    assert (node.children, node.words) == (1, {})
    assert session.machine.cells.slot(2).ref_count == 1  # nobody has it any more


def test_device_memory_that_ran_out_of_the_range_is_mapped_but_not_known() -> None:
    session = played(
        "vs0 = vmspace_new()\n"
        "c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x2000)\n"
        "cursor_map_iomem(cursor=c0, paddr=0xfe000000, size=0x4000, flags=0x3, cache=UC,"
        " len=0x3000, offset=0x0)\n"
    )
    node = session.machine.spaces.cursors[0].inner.path[1]

    assert session.outcome == Panic("cursor-at-barrier")
    assert node is not None
    assert node.children == 2
    assert session.machine.spaces.vm_spaces[0].iomems == []


def test_page_by_page_no_table_is_freed() -> None:
    text = START + FRAME + "cursor_unmap(cursor=c0, len=0x1000)\ncursor_drop(cursor=c0)\n"

    left = text + "vs1 = vmspace_new()\nvmspace_activate(vs=vs1)\nvmspace_drop(vs=vs0)\n"

    assert len(played(text).machine.spaces.pool.handed) == 4
    assert len(played(left).machine.spaces.pool.handed) == 1
