"""The exhaustive engine at depth five, and what going back to a state costs.

`pytest tests/bench/test_exhaustive.py --log-cli-level=INFO` shows the figures. Times are of the
process, so that what else the machine does counts less.
"""

import copy
import logging
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from vmfuzz.engines.exhaustive_engine import ExhaustiveEngine
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.exhaustive.canonical import digest
from vmfuzz.exhaustive.scope import Scope
from vmfuzz.exhaustive.snapshot import Snapshot
from vmfuzz.oracle import CHECKS, Session
from vmfuzz.trace_text import parse_op
from vmstore.ops import Op
from vmstore.world import World

log = logging.getLogger(__name__)

SPACE_OPS = ("vmspace_*", "cursor_*", "frame_from_unused", "access")
SPACE_VALUES = {"start": ("0x0",), "end": ("0x1000", "0x8000"), "paddr": ("0x0",)}


@pytest.mark.parametrize(
    ("name", "scope", "seconds"),
    [
        ("frames, segments, unique", Scope(depth=5), 300),
        ("a space", Scope(depth=5, ops=SPACE_OPS, values=SPACE_VALUES), 300),
    ],
)
@pytest.mark.timeout(1200)
def test_depth_five_is_clean_within_five_minutes(name: str, scope: Scope, seconds: int) -> None:
    progress = Progress()
    began = process_time()

    found = list(ExhaustiveEngine().run(Plan(scope=scope), progress, lambda: None))

    spent = process_time() - began
    claim = progress.claim
    assert claim is not None
    document: dict[str, Any] = claim.document
    states = sum(document["states"])
    log.info("%s: %.0f s of CPU, %s states, %d of them expanded", name, spent,
             document["states"], document["expanded"])  # fmt: skip
    log.info("%d steps, %.0f steps/s, %.0f states/s; %d traces, %.0f per state, %.0f per step",
             document["steps"], document["steps"] / spent, states / spent, document["traces"],
             document["traces"] / states, document["traces"] / document["steps"])  # fmt: skip
    assert found == []
    assert claim.is_complete
    assert spent < seconds


OPS: list[Op] = [
    parse_op(line)
    for line in (
        "f0 = frame_from_unused(paddr=0x0)",
        "s0 = segment_from_unused(start=0x1000, end=0x3000)",
        "f1 = frame_clone(frame=f0)",
        "s1 = segment_clone(segment=s0)",
    )
]


def best(work: Callable[[], object], repeats: int) -> float:
    """Return microseconds of CPU, the least of ten."""
    times = []
    for _ in range(10):
        began = process_time()
        for _ in range(repeats):
            work()
        times.append((process_time() - began) / repeats * 1e6)
    return min(times)


def test_going_back_is_cheaper_than_copying_and_than_running_again() -> None:
    world = World(frames=3, pt_frames=0, rc_max=3)

    def run(checks: frozenset[str]) -> Session:
        session = Session(world, checks=checks)
        for op in OPS:
            session.step(op)
        return session

    session = run(frozenset(CHECKS))
    snapshot = Snapshot(session.state)
    last = parse_op("frame_drop(frame=f0)")

    def try_one() -> None:
        session.step(last)
        snapshot.restore()

    again = best(lambda: run(frozenset()), 100)
    back = best(try_one, 100)
    copied = best(lambda: copy.deepcopy(session.state), 10)
    log.info("copy %.0f us, 4 ops again without checks %.0f us, one op and back %.0f us",
             copied, again, back)  # fmt: skip
    log.info("take a snapshot %.0f us, see that nothing changed %.0f us, digest %.0f us",
             best(lambda: Snapshot(session.state), 100), best(snapshot.holds, 100),
             best(lambda: digest(session.state), 100))  # fmt: skip
    assert back < again < copied
