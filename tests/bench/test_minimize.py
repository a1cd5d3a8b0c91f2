"""The minimizer over every planted bug: no slip, nearly the shortest traces known, soon."""

from pathlib import Path

import pytest

from vmfuzz.bench.minimize import OURS, shrink, shrink_all
from vmfuzz.bench.minimize_summary import method_summaries, shortest_known, without_start
from vmfuzz.bench.shrunk import Key
from vmstore.faults import PLANTED

REGRESSIONS = Path(__file__).parents[2] / "corpora" / "regressions"
OPS = 5_000
LONG_SECONDS = 10.0
LONG_EXTRA = 3  # ops: another way to the same finding, of which no op can go


@pytest.mark.timeout(1800)
def test_results_keep_their_signature_and_are_nearly_as_short_as_the_stored_traces() -> None:
    known = shortest_known(REGRESSIONS)
    faults = [fault.id for fault in PLANTED]
    done = [one for one, _ in shrink_all(faults, 1, (OURS,))]

    (ours,) = method_summaries(done, known)
    assert without_start(done) == []
    assert (ours.bugs, ours.slips, ours.limited) == (len(PLANTED), 0, 0)
    assert ours.near is not None
    assert ours.near >= 0.95
    assert ours.seconds <= 1.0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", ["segment-clone-misses-last", "rcu-forgets-older-batch"])
def test_a_trace_of_thousands_of_ops_is_minimized_in_seconds(fault: str) -> None:
    done = shrink(Key(fault, OURS, 0, 0, OPS))

    assert done.found is not None
    assert done.length is not None
    assert done.seconds is not None
    assert done.found >= OPS
    assert done.length <= shortest_known(REGRESSIONS)[fault] + LONG_EXTRA
    assert not done.has_slipped
    assert done.seconds <= LONG_SECONDS
