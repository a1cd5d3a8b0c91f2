"""The score of the oracle: how many of a sample of mutants are noticed."""

import pytest

from vmfuzz.mutants.catalogue import sample, select
from vmfuzz.mutants.equivalents import equivalents
from vmfuzz.mutants.measure import Score, try_all


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nearly_all_mutants_of_the_exec_layer_are_noticed() -> None:
    drawn = sample(select("*"), 200, seed=20)
    verdicts = list(try_all(drawn, 10.0, 0, 2, equivalents()))

    survivors = [verdict.mutant for verdict in verdicts if verdict.fate == "survived"]
    assert Score.of(verdicts).rate >= 0.95, survivors
    assert len(verdicts) == 200
