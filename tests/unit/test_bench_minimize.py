"""The benchmark of the minimizer: plain ddmin, the maths of its rows, and a long start."""

from dataclasses import replace
from pathlib import Path

import pytest

from vmfuzz.bench.ddmin import ddmin
from vmfuzz.bench.minimize import OURS, shrink_all
from vmfuzz.bench.minimize_summary import (
    bug_table,
    method_rows,
    method_summaries,
    shortest_known,
    summary_table,
    without_start,
)
from vmfuzz.bench.shrunk import Key, Shrunk
from vmfuzz.bench.starts import long_trace
from vmfuzz.errors import VmfuzzError
from vmfuzz.runner import run
from vmfuzz.trace_text import parse

REGRESSIONS = Path(__file__).parents[2] / "corpora" / "regressions"
EASY = "segment-clone-misses-last"
OTHER = "empty-range-accepted"


@pytest.mark.parametrize("needed", [{0}, {99}, {3, 4}, {0, 50, 99}, {7, 8, 40, 41, 77}])
def test_ddmin_leaves_what_is_needed(needed: set[int]) -> None:
    assert ddmin(range(100), lambda items: needed <= set(items)) == sorted(needed)


def test_ddmin_is_1_minimal_and_not_more() -> None:
    """Two items at once could go, the inner ones, but no single one."""
    kept = ddmin([0, 1, 2, 3], lambda items: set(items) in ({0, 1, 2, 3}, {0, 3}))

    assert kept == [0, 1, 2, 3]


def test_ddmin_never_asks_for_nothing_and_its_tests_are_sublists() -> None:
    asked: list[list[int]] = []

    def fails(items: list[int]) -> bool:
        asked.append(items)
        return 5 in items

    assert ddmin(range(9), fails) == [5]
    assert all(items and items == sorted(set(items)) for items in asked)


def shrunk(fault: str, method: str, number: int, length: int, seconds: float = 1.0) -> Shrunk:
    measured = (50, "C/op", length, "C/op", seconds, 100, 10, True, "text")
    return Shrunk(fault, method, number, 0, None, *measured)


def test_rows_and_summaries_are_medians_against_the_shortest_known() -> None:
    done = [
        shrunk("a", "m", 0, 4, 1.0),
        shrunk("a", "m", 1, 4, 3.0),
        shrunk("a", "m", 2, 9, 2.0),
        replace(shrunk("b", "m", 0, 3, 9.0), result="D/op"),
        Shrunk("c", "m", 0, 0, None),
    ]
    known = {"a": 4, "b": 2}

    first, second = method_rows(done, known)
    (summary,) = method_summaries(done, known)

    assert (first.known, first.starts, first.median, first.worst, first.seconds) == (4, 3, 4, 9, 2)
    assert (second.fault, second.slips) == ("b", 1)
    assert (summary.bugs, summary.starts, summary.slips) == (2, 4, 1)
    assert (summary.extra, summary.worst_extra) == (0.5, 5)
    assert (summary.near, summary.near_bugs) == (0.75, 1.0)
    assert (summary.seconds, summary.most_seconds) == (2.5, 9.0)
    assert without_start(done) == ["c"]
    assert bug_table([first, second], ["m"]).rows[0] == ("a", "4", "50", "4/9", "2.00")
    assert summary_table([summary]).rows[0][-1] == "1"


def test_without_known_traces_lengths_are_not_compared() -> None:
    (summary,) = method_summaries([shrunk("a", "m", 0, 4)], {})

    assert summary.extra is summary.near is summary.near_bugs is summary.worst_extra is None
    assert "-" in summary_table([summary]).rows[0]
    assert shortest_known(Path("nowhere")) == {}
    assert shortest_known(REGRESSIONS)[EASY] == 2


def test_every_method_keeps_the_signature_and_ours_is_the_shortest() -> None:
    done = [one for one, _ in shrink_all((EASY, OTHER), 1, (OURS, "ddmin"))]

    assert [one.key for one in done] == [
        Key(fault, method, 0, 0, None) for fault in (EASY, OTHER) for method in (OURS, "ddmin")
    ]
    for ours, plain in zip(done[::2], done[1::2], strict=True):
        assert ours.found == plain.found
        for one in (ours, plain):
            assert one.trace is not None
            assert one.length is not None
            assert one.found is not None
            finding = run(parse(one.trace)).finding
            assert finding is not None
            assert finding.signature == one.signature == one.result
            assert len(parse(one.trace).steps) == one.length <= one.found
        assert ours.length == shortest_known(REGRESSIONS)[ours.fault]


def test_what_a_record_has_is_not_measured_again(tmp_path: Path) -> None:
    record = tmp_path / "r.jsonl"
    first = list(shrink_all((EASY,), 1, (OURS,), record=record))
    again = list(shrink_all((EASY,), 1, (OURS, "ddmin"), record=record))

    assert [is_new for _, is_new in first] == [True]
    assert [is_new for _, is_new in again] == [False, True]
    assert again[0][0] == first[0][0]


def test_half_a_result_is_no_line_of_a_record(tmp_path: Path) -> None:
    record = tmp_path / "r.jsonl"
    list(shrink_all((EASY,), 1, (OURS,), record=record))
    record.write_text(record.read_text().replace('"executed": ', '"executed": null, "runs": '))

    with pytest.raises(VmfuzzError, match=r"r\.jsonl:1: not a line of `bench minimize`"):
        list(shrink_all((EASY,), 1, (OURS,), record=record))


def test_a_long_start_ends_in_the_bug_and_skips_nothing() -> None:
    trace = long_trace(EASY, 0, 0, 600)
    again = long_trace(EASY, 0, 0, 600)

    assert trace is not None
    assert trace == again
    result = run(trace)
    assert result.finding is not None
    assert result.finding.step == len(trace.steps) - 1 >= 600
    assert not result.skipped
    assert result.executed == len(trace.steps)
