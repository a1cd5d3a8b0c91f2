"""Medians, quartiles, effect sizes, and the summary, against values worked out by hand."""

import json
from collections.abc import Sequence
from itertools import count
from math import inf

import pytest

from vmfuzz.bench.statistics import MISSING, Spread, a12, spread, u_test
from vmfuzz.bench.summary import cell_rows, comparisons, component_rows, verdict
from vmfuzz.bench.tables import cell_table, comparison_table, result_tables, sentence
from vmfuzz.bench.trial import Moment, Quarry, Trial
from vmfuzz.errors import VmfuzzError

MISSED, FOUND, MISNAMED = "map-end-wrap", "into-raw-drops", "segment-clone-misses-last"
NUMBERS = count()


def trial(fault: str, engine: str, seconds: float | None, *, is_named: bool = True) -> Trial:
    number = next(NUMBERS)
    if seconds is None:
        return Trial(fault, engine, number, 0, 60.0, reached=Moment(1.0, 10))
    at = Moment(seconds, int(seconds * 1_000))
    return Trial(
        *(fault, engine, number, 0, 60.0, at, at, at, "ACCT.1a/frame_into_raw"),
        named=at if is_named else None,
        length=2 + number,
        trace="",
    )


def test_the_spread_is_median_and_inclusive_quartiles() -> None:
    assert spread([]) is None
    assert spread([7]) == Spread(7, 7, 7)
    assert spread([4, 1, 3, 2]) == Spread(2.5, 1.75, 3.25)
    assert spread([1, 2, 3, 4, 100]) == Spread(3, 2, 4)


@pytest.mark.parametrize(
    ("first", "second", "effect"),
    [
        ([1, 2], [3, 4], 1.0),
        ([3, 4], [1, 2], 0.0),
        ([1, 2], [1, 2], 0.5),
        ([1, 5], [3], 0.5),
        ([1, inf], [inf, inf], 0.75),  # two misses are a tie
    ],
)
def test_the_effect_size_is_the_share_of_pairs_that_the_first_wins(
    first: list[float], second: list[float], effect: float
) -> None:
    assert a12(first, second) == effect
    assert a12(second, first) == 1 - effect


def test_without_scipy_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scipy.stats", None)

    with pytest.raises(VmfuzzError) as raised:
        u_test()

    assert str(raised.value) == MISSING
    assert "vmfuzz[bench]" in MISSING


def test_the_rank_test_takes_misses_as_ties_above_all() -> None:
    pytest.importorskip("scipy")
    p_value = u_test()

    few, many = [1.0, 2.0, 3.0, 4.0, 5.0], [10.0, 11.0, 12.0, 13.0, inf]

    assert p_value(few, many) == pytest.approx(2 / 252)  # 1 of C(10, 5) orders, on either side
    assert p_value(few, [*many[:4], 14.0]) == pytest.approx(2 / 252)
    assert p_value([inf, inf], [inf, inf]) == 1.0


def never_sure(_first: Sequence[float], _second: Sequence[float]) -> float:
    return 1.0


TRIALS = [
    trial(FOUND, "swarm", 0.1),
    trial(FOUND, "swarm", 0.3),
    trial(FOUND, "hypothesis", 20.0),
    trial(FOUND, "hypothesis", None),
    trial(MISNAMED, "swarm", 2.0, is_named=False),
    trial(MISSED, "swarm", None),
    trial(MISSED, "swarm", None),
]


def test_a_row_counts_trials_by_stage_and_measures_those_that_got_there() -> None:
    misnamed, found, slow, missed = sorted(cell_rows(TRIALS), key=lambda row: row.fault != MISNAMED)

    assert (misnamed.fault, found.fault, slow.engine) == (MISNAMED, FOUND, "hypothesis")
    assert list(found.counts.values()) == [2, 2, 2, 2]
    assert found.steps["reported"] == Spread(200, 150, 250)
    assert found.length == min(t.length for t in TRIALS[:2] if t.length)
    assert list(slow.counts.values()) == [2, 1, 1, 1]
    assert list(misnamed.counts.values()) == [1, 1, 1, 0]
    assert (missed.counts["reached"], missed.signature, missed.length) == (2, None, None)
    assert missed.seconds["reported"] is None


def test_the_summary_by_component_is_a_median_over_bugs() -> None:
    rows = {(row.component, row.engine): row for row in component_rows(cell_rows(TRIALS))}

    assert rows["all", "swarm"].faults == 3
    assert rows["all", "swarm"].found == 2
    assert rows["all", "swarm"].steps == (200 + 2_000) / 2
    assert rows["cursor", "swarm"].seconds is None
    assert rows["all", "hypothesis"].found == 1


def test_a_script_is_told_what_was_missed_and_what_was_misnamed() -> None:
    summary = verdict(TRIALS)

    assert summary == {
        "faults": 3,
        "found": 2,
        "missed": [MISSED],
        "wrong_clause": [MISNAMED],
    }
    assert json.loads(json.dumps(summary)) == summary
    assert MISSED in sentence(summary)
    assert MISNAMED in sentence(summary)
    assert sentence(verdict(TRIALS[:2])) == "found 1 of 1 bugs"


def test_engines_are_compared_where_one_found_the_bug() -> None:
    (compared,) = comparisons(TRIALS, never_sure)

    assert (compared.fault, compared.first, compared.second) == (FOUND, "swarm", "hypothesis")
    assert compared.a12 == 1.0
    assert compared.ratio == pytest.approx(20 / 0.2)
    (row,) = comparison_table([compared]).rows
    assert row == ("swarm, hypothesis", "1", "0", "0", "1.00", "1", "100.0x")


def test_tables_have_a_cell_per_heading() -> None:
    grids = result_tables(TRIALS, never_sure)

    assert len(grids) == 3
    for grid in grids:
        assert grid.rows
        assert {len(row) for row in grid.rows} == {len(grid.headings)}
    text = [line[0].strip() for line in cell_table(cell_rows(TRIALS)).rows]
    assert "swarm: not found" in text
    assert "expected: ACCT.3c" in text


def test_every_trial_has_a_seed_of_its_own() -> None:
    quarries = [
        Quarry(fault, engine, number, seed, 60.0)
        for fault in (FOUND, MISSED)
        for engine in ("swarm", "hypothesis")
        for number in range(3)
        for seed in (0, 1)
    ]

    seeds = [quarry.rng_seed for quarry in quarries]

    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 1 << 31 for seed in seeds)
    assert Quarry(FOUND, "swarm", 0, 0, 5.0).rng_seed == seeds[0]  # the limit steers nothing
