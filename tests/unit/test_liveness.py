"""Liveness is decided by the text alone, so any subsequence of a trace is a trace."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmfuzz.byte_layout import RECORD
from vmfuzz.bytecode import decode
from vmfuzz.liveness import Liveness
from vmfuzz.runner import run
from vmfuzz.trace import Trace
from vmfuzz.trace_text import parse
from vmstore.ops import DECLARATIONS, Op

HEAD = "#vmfuzz-trace 1\nworld frames=8\n"


@pytest.mark.parametrize(
    ("ops", "reason"),
    [
        ("frame_drop(frame=f0)", "f0 is not live"),
        ("l0 = list_new()\nl0 = list_new()", "l0 is already live"),
        ("s0 = segment_from_unused(start=0, end=0x2000)\ns0, s1 = segment_split(segment=s0,"
         " offset=0x1000)", "s0 is already live"),
        ("s0 = segment_from_unused(start=0, end=0x2000)\ns1, s1 = segment_split(segment=s0,"
         " offset=0x1000)", "s1 is already live"),
    ],
)  # fmt: skip
def test_the_last_step_is_skipped_with_a_reason(ops: str, reason: str) -> None:
    result = run(parse(HEAD + ops))

    assert list(result.skipped.values()) == [reason]


def test_a_consuming_step_ends_its_handle_even_when_it_fails() -> None:
    result = run(
        parse(
            HEAD
            + """f0 = frame_from_unused(paddr=0x0)
f1 = frame_clone(frame=f0)
u0 = unique_try_from_shared(frame=f0) => err Shared
frame_drop(frame=f0)
f0 = frame_clone(frame=f1) => ok
frame_reference_count(frame=f0) => ok {rc=3}
"""
        )
    )

    assert result.skipped == {3: "f0 is not live"}
    assert result.finding is None


def test_a_handle_that_was_never_produced_skips_the_step() -> None:
    result = run(
        parse(
            HEAD
            + "f0 = frame_from_in_use(paddr=0x0) => err Unused\nframe_drop(frame=f0)\n"
            + "f0 = frame_from_unused(paddr=0x0) => ok\n"
        )
    )

    assert result.skipped == {1: "f0 was never produced"}
    assert result.finding is None


LONG = parse(
    HEAD
    + """f0 = frame_from_unused(paddr=0x0)
f1 = frame_clone(frame=f0)
s0 = segment_from_unused(start=0x1000, end=0x4000)
s1, s2 = segment_split(segment=s0, offset=0x1000)
s3 = segment_clone(segment=s2)
f2 = segment_next(segment=s3)
l0 = list_new()
u0 = unique_from_unused(paddr=0x5000, meta=link, val=1)
list_push_back(list=l0, unique=u0)
lc0 = list_cursor_front(list=l0)
u1 = lcursor_take_current(lcursor=lc0)
lcursor_drop(lcursor=lc0)
f3 = unique_into_shared(unique=u1)
frame_drop(frame=f1)
segment_drop(segment=s1)
"""
)


@pytest.mark.parametrize("seed", range(40))
def test_every_subsequence_of_a_trace_runs_clean(seed: int) -> None:
    rng = Random(seed)
    steps = [step for step in LONG.steps if rng.random() < 0.6]

    result = run(Trace(LONG.world, steps), full=True)

    assert result.finding is None
    assert result.executed + len(result.skipped) == len(steps)


def test_liveness_forgets_nothing_when_ids_are_reused() -> None:
    liveness = Liveness()
    for step in LONG.steps:
        assert liveness.skip_reason(step.op) is None
        liveness.apply(step.op)

    assert ("segment", 0) not in liveness.live
    assert {("frame", 0), ("segment", 2), ("list", 0)} <= liveness.live


def survivors(ops: list[Op]) -> list[Op]:
    """Return the ops that are not skipped, checking each against the rule in plain words."""
    liveness = Liveness()
    kept = []
    for op in ops:
        live = set(liveness.live)
        fields = [(f, f.kind.name, getattr(op, f.name)) for f in DECLARATIONS[type(op)].fields
                  if f.kind and getattr(op, f.name) is not None]  # fmt: skip
        used = {(kind, handle) for f, kind, handle in fields if not f.is_destination}
        made = [(kind, handle) for f, kind, handle in fields if f.is_destination]
        ended = {(kind, handle) for f, kind, handle in fields if f.is_consumed}
        runs = used <= live and not live & {*made} and len({*made}) == len(made)

        assert (liveness.skip_reason(op) is None) == runs
        assert liveness.live == live
        if runs:
            liveness.apply(op)
            kept.append(op)
            assert liveness.live == (live - ended) | {*made}
    return kept


@given(st.integers(0, 2**64), st.floats(0.2, 1.0))
@settings(deadline=None)
def test_every_subsequence_in_any_order_passes_and_its_survivors_are_a_trace(
    seed: int, share: float
) -> None:
    rng = Random(seed)
    ops = decode(rng.randbytes(80 * RECORD), LONG.world).ops
    chosen = [op for op in ops if rng.random() < share]
    kept = survivors(chosen)
    rng.shuffle(chosen)

    assert survivors(kept) == kept
    assert len(survivors(chosen)) <= len(chosen)
    assert survivors(ops) == ops
