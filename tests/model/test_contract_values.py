"""The values that contracts are judged by are those of the running state, after every step."""

from random import Random

import pytest

from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace
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
