"""Ratios of one run, with room for the noise of shared machines; absolute speed is not asserted."""

import pytest

from vmfuzz.bench import speed
from vmfuzz.bench.mapped import cost_of_mappings
from vmfuzz.engines.atheris_engine import is_installed


def test_checking_costs_little_and_does_not_grow_with_memory() -> None:
    report = speed.measure(rounds=2)

    assert report.ratios["checked_vs_exec"] <= 4.5
    assert report.ratios["incremental_vs_full.64"] >= 10
    assert report.ratios["incremental_vs_full.16384"] >= 1000
    assert report.ratios["cost_262144_vs_64"] <= 1.5
    assert report.ratios["swarm_vs_hypothesis"] >= 40
    if is_installed():
        assert report.ratios["atheris_vs_hypothesis"] >= 20
    assert report.rates["swarm.frame_ops"] > 10_000
    assert report.rates["swarm.space_ops"] > 0.25 * report.rates["swarm.frame_ops"]


@pytest.mark.parametrize("pages", [1_000, 100_000])
def test_a_step_on_a_space_costs_the_same_whatever_is_mapped(pages: int) -> None:
    assert cost_of_mappings(pages, 9) <= 1.5


def test_the_recorded_traces_run_the_same_unchecked() -> None:
    """The premise of the comparison: both sides execute the same ops to the end."""
    traces = speed.recorded_traces(speed.BASE)

    assert len(traces) == 60
    for ops in traces[:10]:
        speed.run_exec(ops, speed.BASE)
        speed.run_checked(ops, speed.BASE)
    assert sum(map(len, traces)) > 3_000
