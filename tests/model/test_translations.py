"""What a processor caches: translations live until a flush, a fault or another root ends them."""

import pytest

from vmfuzz.runner import run
from vmfuzz.trace_text import parse

TWO = """vs0 = vmspace_new()
vs1 = vmspace_new()
f0 = frame_from_unused(paddr=0x2000)
f1 = frame_clone(frame=f0)
vmspace_activate(vs=vs0)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x4000)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
cursor_map(cursor=c0, frame=f1, flags=0x1, cache=WB)
cursor_jump(cursor=c0, va=0x0)
"""
LOAD, STORE = "access(va=0x8, kind=load)\n", "access(va=0x8, kind=store)\n"
PROTECT = "cursor_protect_next(cursor=c0, len=0x1000, clear=0x2, cache=keep)\n"
UNMAP = "cursor_unmap(cursor=c0, len=0x1000)\n"
FLUSH = "cursor_flusher_issue(cursor=c0, kind={kind}{more})\ncursor_flusher_dispatch(cursor=c0)\n"


def comes_to(text: str, expected: str) -> None:
    """Run a trace under the oracle; its last op comes to what is expected."""
    trace = parse(f"#vmfuzz-trace 1\nworld\n{text.rstrip()} => {expected}\n")

    result = run(trace, full=True)

    assert result.finding is None
    assert result.executed == len(trace.steps)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LOAD, "ok {paddr=0x2008}"),
        (STORE, "ok {paddr=0x2008}"),
        ("access(va=0x1010, kind=load)\n", "ok {paddr=0x2010}"),
        ("access(va=0x1010, kind=store)\n", "err PageFault"),
        ("access(va=0x2000, kind=load)\n", "err PageFault"),
        ("access(va=0x800000000000, kind=load)\n", "err PageFault"),
        ("access(va=0xffff800000000000, kind=load)\n", "err PageFault"),
        ("access(va=0xffffffffffffffff, kind=store)\n", "err PageFault"),
        (STORE + PROTECT + STORE, "ok {paddr=0x2008}"),  # a stale permission is allowed
        (LOAD + PROTECT + STORE, "ok {paddr=0x2008}"),
        (PROTECT + STORE, "err PageFault"),
        (PROTECT + LOAD + STORE + LOAD, "ok {paddr=0x2008}"),
        (STORE + PROTECT + FLUSH.format(kind="single", more=", va=0x0") + STORE, "err PageFault"),
        (STORE + PROTECT + FLUSH.format(kind="all", more="") + STORE, "err PageFault"),
        (
            STORE + PROTECT + FLUSH.format(kind="single", more=", va=0x1000") + STORE,
            "ok {paddr=0x2008}",
        ),
        (
            STORE + PROTECT + FLUSH.format(kind="range", more=", va=0x0, end=0x2000") + STORE,
            "err PageFault",
        ),
        (LOAD + UNMAP + LOAD, "err PageFault"),
        (LOAD + "vmspace_activate(vs=vs1)\n" + LOAD, "err PageFault"),
        (STORE + PROTECT + "vmspace_activate(vs=vs1)\nvmspace_activate(vs=vs0)\n" + STORE,
         "err PageFault"),
        (STORE + PROTECT + "vmspace_activate(vs=vs0)\n" + STORE, "ok {paddr=0x2008}"),
    ],
)  # fmt: skip
def test_an_access_uses_what_is_cached_until_it_is_flushed(text: str, expected: str) -> None:
    comes_to(TWO + text, expected)


def test_a_flush_reaches_the_other_cpu_that_cached_the_page() -> None:
    text = """vs0 = vmspace_new()
f0 = frame_from_unused(paddr=0x2000)
vmspace_activate(vs=vs0)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x4000)
cursor_map(cursor=c0, frame=f0, flags=0x3, cache=WB)
cursor_drop(cursor=c0)
cpu_set(cpu=1)
vmspace_activate(vs=vs0)
access(va=0x0, kind=load)
cpu_set(cpu=0)
c0 = cursor_open_mut(vs=vs0, start=0x0, end=0x4000)
cursor_unmap(cursor=c0, len=0x1000)
cursor_drop(cursor=c0)
cpu_set(cpu=1)
access(va=0x0, kind=load)
"""
    comes_to(text, "err PageFault")


def test_without_a_space_every_access_faults() -> None:
    comes_to(LOAD, "err PageFault")
