"""What the described systems do differently with page tables, spaces and flushes."""

import pytest

from vmfuzz.oracle import Session
from vmfuzz.runner import run
from vmfuzz.trace_text import parse
from vmstore.exec.machine import Event

MAPPED = """vs0 = vmspace_new()
vmspace_activate(vs=vs0)
f0 = frame_from_unused(paddr=0x2000, meta=umeta, val=1)
f1 = frame_from_unused(paddr=0x3000)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x400000)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
cursor_jump(cursor=c0, va=0x0)
"""
HUGE = """pt0 = pt_new(config=test)
pc0 = pt_cursor_open_mut(ptable=pt0, start=0x0, end=0x10000)
pt_cursor_map(ptcursor=pc0, paddr=0x4000, level=1, flags=0x3, cache=WB)
pt_cursor_jump(ptcursor=pc0, va=0x0)
"""
AT_END = """vs0 = vmspace_new()
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x200000)
cursor_find_next(cursor=c0, len=0x200000)
"""


def span(pages: int) -> str:
    return f"cursor_flusher_issue(cursor=c0, kind=range, va=0x0, end={pages * 0x1000:#x})\n"


CASES = [
    ("map_over=panics", MAPPED + "cursor_map(cursor=c0, frame=f1, flags=0x1, cache=WB)",
     "panic map-over-mapping"),
    ("map_over=replaces", MAPPED + "cursor_map(cursor=c0, frame=f1, flags=0x1, cache=WB)\n"
     "f2 = frame_from_in_use(paddr=0x2000)", "err Unused"),
    ("map_over=replaces", MAPPED + "access(va=0x0, kind=load)\n"
     "cursor_map(cursor=c0, frame=f1, flags=0x1, cache=WB)\naccess(va=0x0, kind=load)",
     "ok {paddr=0x3000}"),
    ("map_over=replaces entries=4", HUGE
     + "pt_cursor_map(ptcursor=pc0, paddr=0x4000, level=2, flags=0x3, cache=WB)",
     "ok {frag={stray={va=0, len=16384, num_frames=1}}}"),
    ("map_over=replaces entries=4", HUGE
     + "pt_cursor_map(ptcursor=pc0, paddr=0x5000, level=1, flags=0x1, cache=WB)",
     "ok {frag={mapped={va=0, item={kind=untracked, paddr=16384, level=1,"
     " prop={flags=3, cache=WB, priv=0}}}}}"),
    ("map_level=below-guard", MAPPED.replace("0x400000", "0x1000").rsplit("\n", 3)[0]
     + "\ncursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)", "panic level-at-guard"),
    ("query_item=borrows rc_max=3", MAPPED + "cursor_query(cursor=c0)",
     "ok {start=0x0, end=0x1000, item={kind=ram, paddr=0x2000, rc=1,"
     " prop={flags=3, cache=WB, priv=1}}}"),
    ("query_item=clones rc_max=3", MAPPED + "cursor_query(cursor=c0)",
     "ok {start=0x0, end=0x1000, item={kind=ram, paddr=0x2000, rc=2,"
     " prop={flags=3, cache=WB, priv=1}}}"),
    ("query_item=clones rc_max=3", MAPPED + "f5 = frame_from_in_use(paddr=0x2000)\n"
     "f6 = frame_from_in_use(paddr=0x2000)\ncursor_query(cursor=c0)",
     "abort ref-count-saturated"),
    ("jump_from_end=allowed", AT_END + "cursor_jump(cursor=c0, va=0x0)", "ok"),
    ("jump_from_end=panics", AT_END + "cursor_jump(cursor=c0, va=0x0)", "panic level-at-guard"),
]  # fmt: skip


@pytest.mark.parametrize(("variant", "text", "expected"), CASES)
def test_a_variant_decides_what_an_op_comes_to(variant: str, text: str, expected: str) -> None:
    name, *settings = variant.split()
    world = " ".join([f"variant.{name}", *settings])
    trace = parse(f"#vmfuzz-trace 1\nworld {world}\n{text} => {expected}\n")

    result = run(trace, full=True)

    assert result.finding is None
    assert result.executed == len(trace.steps)


def flushed(variant: str, text: str) -> list[Event]:
    ops = parse(f"#vmfuzz-trace 1\nworld variant.flush_limit={variant}\n{text}").ops
    session = Session(parse(f"#vmfuzz-trace 1\nworld variant.flush_limit={variant}\n").world)
    for op in ops:
        assert session.step(op) is None
    return session.machine.events


@pytest.mark.parametrize(
    ("variant", "issued", "seen"),
    [
        ("pages", span(31), [("tlb_range", 0, 0, 0x1F000)]),
        ("pages", span(32), [("tlb_all", 0)]),
        ("pages", span(16) * 2, [("tlb_all", 0)]),
        ("requests", span(32), [("tlb_range", 0, 0, 0x20000)]),
        ("requests", span(33), [("tlb_all", 0)]),
        ("requests", span(16) * 2, [("tlb_range", 0, 0, 0x10000)] * 2),
        ("requests", span(1) * 32, [("tlb_addr", 0, 0)] * 32),
        ("requests", span(1) * 33, [("tlb_all", 0)]),
    ],
)
def test_what_is_flushed_as_everything(variant: str, issued: str, seen: list[Event]) -> None:
    start = (
        MAPPED.split("f0 =", maxsplit=1)[0]
        + "c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x400000)\n"
    )

    assert flushed(variant, f"{start}{issued}cursor_flusher_dispatch(cursor=c0)\n") == seen


def test_32_counted_requests_are_everything_for_another_cpu() -> None:
    start = """vs0 = vmspace_new()
cpu_set(cpu=1)
vmspace_activate(vs=vs0)
cpu_set(cpu=0)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x400000)
"""
    seen = flushed("requests", f"{start}{span(1) * 32}cursor_flusher_dispatch(cursor=c0)\n")

    assert seen == [("ipi", 0, 1), ("tlb_all", 1)]
