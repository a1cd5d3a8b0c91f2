"""The values that contracts are judged by are those of the running state, after every step."""

from random import Random

import pytest

from vmfuzz.engines.exhaustive_engine import ExhaustiveEngine
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.exhaustive.scope import Scope
from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace
from vmstore.contracts.judge import EVERY
from vmstore.contracts.observer import Observer
from vmstore.world import World


@pytest.mark.parametrize("profile", ["ostd", "vostd"])
def test_what_the_footprint_gives_is_what_a_whole_reading_gives(profile: str) -> None:
    changed = calls = 0
    for number in range(40):
        session = Session(World(frames=16, pt_frames=24, entries=4, rc_max=9, profile=profile))
        observer = Observer(session.state)
        rng = Random(number)
        source = SwarmTrace(rng, SwarmConfig(rng, session.state.world), session.state)
        for _ in range(60):
            op = source.next_op()
            session.step(op)
            assert session.outcome is not None
            call = observer.after(op, session.outcome)
            calls += 1
            changed += bool(call.changed)
            assert call.new == observer.everything()
            if session.is_over:
                break
            source.settle(op)
    assert calls > 500
    assert changed > 200


@pytest.mark.parametrize("fault", ["", "segment-clone-misses-last"])
def test_the_judge_goes_back_with_an_exhaustive_search(fault: str) -> None:
    scope = Scope(depth=3, ops=("segment_from_unused", "segment_clone", "segment_drop"))
    plan = Plan(faults=(fault,) if fault else (), checks=frozenset({EVERY}), scope=scope)
    progress = Progress()
    broken = {
        found.finding.clause for found in ExhaustiveEngine().run(plan, progress, lambda: None)
    }

    assert ("OP.SC.ENS.3" in broken) == bool(fault)
    assert bool(broken) == bool(fault)
    assert progress.contracts["OP.SC.ENS.3"][1] > 5
