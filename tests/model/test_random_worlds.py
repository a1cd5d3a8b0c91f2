"""The clean model stays clean in any world: every size, build, profile and variant."""

from random import Random

import pytest

from vmfuzz.engines.hypothesis_engine import HypothesisEngine
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.report.block import finding_block
from vmstore.variants import PROFILES, VARIANTS
from vmstore.world import World, WorldError

PINNED = frozenset({"frames", "pt_frames", "entries", "rc_max", "list_ids", "build"})
MAX = (1 << 63) - 1


def random_world(rng: Random) -> World:
    while True:
        try:
            return World(
                frames=rng.choice([1, 2, 3, 16, 100, 1 << 20]),
                pt_frames=rng.choice([0, 3, 8, 800]),
                entries=rng.choice([2, 4, 512]),
                cpus=rng.choice([1, 2, 64]),
                rc_max=rng.choice([1, 2, 3, 8, MAX]),
                list_ids=rng.choice([1, 2, 5, MAX]),
                build=rng.choice(["debug", "release"]),
                profile=rng.choice(PROFILES),
                overrides=tuple(
                    sorted((v.name, rng.choice(v.values)) for v in VARIANTS if rng.random() < 0.5)
                ),
            )
        except WorldError:
            continue


@pytest.mark.parametrize("seed", range(60))
def test_the_swarm_finds_nothing(seed: int) -> None:
    world = random_world(Random(seed))
    plan = Plan(steps=1000, rng_seed=seed, world=world, pinned=PINNED)
    progress = Progress()

    found = list(SwarmEngine().run(plan, progress, lambda: None))

    assert not found, finding_block(found[0].finding, found[0].trace)
    assert progress.steps == 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pinned", "world"),
    [
        ("cpus", World(cpus=64)),
        ("entries", World(entries=512)),
        ("pt_frames", World(pt_frames=300)),
        ("rc_max", World(rc_max=3)),
        ("frames", World(frames=1)),
    ],
)
def test_any_pinned_setting_is_kept_by_both_engines(pinned: str, world: World) -> None:
    plan = Plan(steps=150, world=world, pinned=frozenset({pinned}))
    for engine in (SwarmEngine(), HypothesisEngine()):
        progress = Progress()

        assert list(engine.run(plan, progress, lambda: None)) == []
        assert progress.steps >= 150
