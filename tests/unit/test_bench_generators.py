"""The variants of the swarm differ from it in one thing; comparisons are worked out by hand."""

from collections.abc import Callable, Iterator, Sequence
from math import isclose

import pytest

from vmfuzz.bench.generator_summary import (
    GeneratorRow,
    Worth,
    generator_rows,
    generator_tables,
    median_interval,
    told_apart,
    worths,
)
from vmfuzz.bench.generators import GENERATORS, VARIANTS, hunt_generators, hunt_variant
from vmfuzz.bench.statistics import Spread
from vmfuzz.bench.trial import Moment, Quarry, Trial, hunt
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine, draw_config
from vmfuzz.swarm import BATCH, SwarmConfig, fuzz_worlds
from vmstore.arch import PAGE_SIZE
from vmstore.geometry import geometry
from vmstore.ops import GENERATED
from vmstore.world import World

PLAN = Plan(rng_seed=7)
QUICK = "nyx-u8-refcount"
SAME = ("world", "pages", "vas", "plans", "kinds")


def both(variant: str) -> Iterator[tuple[SwarmConfig, SwarmConfig]]:
    """Yield the swarm's configuration and the variant's of forty batches."""
    for number in range(0, 40 * BATCH, BATCH):
        yield draw_config(PLAN, number), VARIANTS[variant](PLAN, number)


def changed(variant: str) -> set[str]:
    """Return what the variant changed in any of the batches."""
    pairs = list(both(variant))
    return {
        name for own, other in pairs for name in SAME if getattr(own, name) != getattr(other, name)
    }


def names(config: SwarmConfig) -> set[str]:
    return {plan.name for plan in config.plans}


def test_every_op_enables_every_op_that_is_generated() -> None:
    assert changed("every-op") == {"plans", "kinds"}
    for _, config in both("every-op"):
        assert names(config) == {declaration.name for declaration in GENERATED}
        assert "link" in config.kinds
        assert len(config.plans) == 256  # lots that one byte chooses among


def test_every_op_is_run() -> None:
    ran = {name for name, _ in tally(VARIANTS["every-op"], 6_000)}

    assert ran >= {"frame_from_unused", "cursor_map", "pt_cursor_map", "buf_read", "vmio_write_val"}
    assert len(ran) > 0.9 * len(GENERATED)


def test_without_partners_a_subset_is_what_was_drawn() -> None:
    missing = [names(own) - names(other) for own, other in both("no-partners")]

    assert changed("no-partners") <= {"plans", "kinds"}
    assert all(names(other) <= names(own) for own, other in both("no-partners"))
    assert sum(map(bool, missing)) > 20
    assert "frame_from_raw" in set().union(*missing)


def test_wide_has_every_page_and_every_address() -> None:
    assert changed("wide") == {"pages", "vas"}
    for own, config in both("wide"):
        world = config.world
        half = geometry(world.levels, world.entries).user_end
        assert sorted(config.vas) == list(range(0, half, PAGE_SIZE))
        assert {*range(world.frames), *own.pages} == set(config.pages)


def test_of_an_address_space_too_large_to_list_as_many_are_drawn_as_a_byte_tells_apart() -> None:
    pinned = frozenset({"entries", "levels", "pt_frames"})
    config = VARIANTS["wide"](Plan(pinned=pinned), 0)

    assert len(set(config.vas)) == len(config.vas) == 247


def test_one_world_is_the_default_one() -> None:
    assert "world" in changed("one-world")
    assert {repr(config.world) for _, config in both("one-world")} == {repr(World())}
    assert World() not in fuzz_worlds(World(), frozenset())


def tally(
    configure: Callable[[Plan, int], SwarmConfig] | None, steps: int = 2_000
) -> dict[tuple[str, str], int]:
    """Return what the ops of a run on the clean model came to; there is no finding."""
    progress = Progress()
    plan = Plan(steps=steps, rng_seed=1)
    assert list(SwarmEngine(configure).run(plan, progress, lambda: None)) == []
    return progress.tally


def share(counts: dict[tuple[str, str], int], op: str) -> float:
    """Return the share of an op's steps that came to `ok`."""
    return counts[op, "ok"] / sum(n for (name, _), n in counts.items() if name == op)


def test_anywhere_aims_at_what_is_live_less_often() -> None:
    own, blind = tally(None, 8_000), tally(VARIANTS["anywhere"], 8_000)

    assert changed("anywhere") == {"plans"}
    assert all(names(a) == names(b) for a, b in both("anywhere"))
    for op in ("frame_from_unused", "frame_from_in_use", "cursor_jump"):
        assert share(blind, op) < 0.9 * share(own, op), op
    assert isclose(share(blind, "frame_clone"), share(own, "frame_clone"), abs_tol=0.05)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_gives_the_same_traces_again_and_breaks_nothing_that_is_clean(
    variant: str,
) -> None:
    configure = VARIANTS[variant]

    assert tally(configure) == tally(configure)
    assert tally(configure) != tally(None)


@pytest.mark.pure  # a compiled switch does not tell that it was read
def test_a_hunt_that_does_not_observe_finds_the_same_at_the_same_step() -> None:
    quarry = Quarry(QUICK, "swarm", 0, 0, 20.0)

    seen, unseen = hunt(quarry), hunt_variant(quarry)

    assert seen.reported is not None
    assert unseen.reported is not None
    assert unseen.reported.steps == seen.reported.steps
    assert (unseen.signature, unseen.trace) == (seen.signature, seen.trace)
    assert seen.reached is not None
    assert (unseen.reached, unseen.triggered) == (None, None)


def test_variants_share_the_seeds_of_the_swarm_alone() -> None:
    seeds = {Quarry(QUICK, name, 0, 0, 1.0).rng_seed for name in GENERATORS}

    assert len(seeds) == 1
    assert Quarry(QUICK, "hypothesis", 0, 0, 1.0).rng_seed not in seeds


@pytest.mark.pure
def test_every_generator_hunts_every_bug() -> None:
    done = [trial for trial, is_new in hunt_generators([QUICK], 1, limit=20.0) if is_new]

    assert [trial.engine for trial in done] == list(GENERATORS)
    assert all(trial.reported is not None for trial in done)
    assert len({trial.trial for trial in done}) == 1


# -- the comparison --------------------------------------------------------------------------------

NAMES = ("swarm", "swarm:a", "swarm:b")


def trial(fault: str, engine: str, steps: int | None, number: int = 0) -> Trial:
    """Return a trial of 64 steps a second; None steps are a miss."""
    at = None if steps is None else Moment(steps / 64, steps)
    return Trial(fault, engine, number, 0, 5.0, reported=at)


# In the order in which they ended, which is none.
TRIALS = [
    *(trial("one", "swarm:a", 300), trial("one", "swarm", 100)),
    *(trial("two", "swarm", 200), trial("two", "swarm:a", 100), trial("three", "swarm:a", None)),
    *(trial("three", "swarm", 50), trial("four", "swarm", None), trial("four", "swarm:a", 10)),
    *(trial("five", "swarm", None), trial("five", "swarm:a", None)),
    *(trial("six", "swarm", 100), trial("six", "swarm:a", 500)),
]


def test_a_row_per_generator_in_their_order() -> None:
    first, second = generator_rows(TRIALS, NAMES)

    assert first == GeneratorRow(
        "swarm", 6, 4, Spread(1.5625, 1.3671875, 1.953125), Spread(100, 87.5, 125)
    )
    assert (second.generator, second.faults, second.found) == ("a", 6, 4)


def test_a_variant_is_compared_where_both_found_the_bug() -> None:
    (worth,) = worths(TRIALS, NAMES)

    assert worth == Worth("a", 3, Spread(3, 0.5, 5), Spread(3, 0.5, 5), ["three"], ["four"])


def test_a_bug_found_in_one_trial_is_found_and_trials_are_compared_by_number() -> None:
    trials = [
        *(trial("one", "swarm", 10, 0), trial("one", "swarm", None, 1)),
        *(trial("one", "swarm:b", 40, 0), trial("one", "swarm:b", 10, 1)),
    ]

    (worth,) = worths(trials, NAMES)

    assert (worth.pairs, worth.steps) == (1, Spread(4, 4, 4))
    assert worth.only_swarm == worth.only_variant == []
    assert [row.found for row in generator_rows(trials, NAMES)] == [1, 1]


def test_a_bug_that_only_one_of_them_hunted_tells_nothing() -> None:
    trials = [*TRIALS, trial("seven", "swarm", 5)]

    assert worths(trials, NAMES) == worths(TRIALS, NAMES)


def test_a_time_below_the_resolution_is_no_division_by_zero() -> None:
    trials = [Trial("one", name, 0, 0, 5.0, reported=Moment(0.0, 1)) for name in NAMES]

    assert [worth.seconds for worth in worths(trials, NAMES)] == [Spread(1, 1, 1)] * 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([3], Spread(3, 3, 3)),
        ([5, 1, 3], Spread(3, 1, 5)),
        (range(1, 11), Spread(5.5, 2, 9)),  # at least 2 and at most 8 of 10 below: 97.9 %
        (range(100), Spread(49.5, 40, 59)),
    ],
)
def test_the_interval_of_a_median(values: Sequence[float], expected: Spread | None) -> None:
    assert median_interval(values) == expected


def test_the_tables_have_a_row_per_generator_and_who_found_more() -> None:
    found, against = generator_tables(TRIALS, NAMES)

    assert found.rows[0] == ("swarm", "4 of 6", "1.56 [1.37, 1.95]", "100 [88, 125]")
    assert against.rows == [("a", "3", "3.00x [0.50, 5.00]", "3.00x [0.50, 5.00]", "1", "1")]
    assert told_apart(TRIALS, NAMES) == [
        "swarm found and a did not: three",
        "a found and swarm did not: four",
    ]


def test_nothing_found_is_a_dash() -> None:
    trials = [trial("one", name, None) for name in NAMES]

    found, against = generator_tables(trials, NAMES)

    assert [row[1:] for row in found.rows] == [("0 of 1", "-", "-")] * 3
    assert [row[1:4] for row in against.rows] == [("0", "-", "-")] * 2
    assert told_apart(trials, NAMES) == []
