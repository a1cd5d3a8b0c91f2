"""The summary of the plugin: amounts, and the slowest traces where naming them says something."""

import pytest

from vmfuzz.testing.summary import summary_lines


def records(*seconds: float) -> list[dict[str, object]]:
    return [
        {"trace": f"t{at}.trace::step", "verdict": "ok", "steps": 1, "seconds": taken}
        for at, taken in enumerate(seconds)
    ]


def test_one_trace_of_one_step_is_singular() -> None:
    assert summary_lines(records(0.5), is_brief=False) == [
        "replayed 1 trace, 1 step: 1 as expected"
    ]


def test_skipped_steps_are_counted_and_an_update_names_the_file_as_it_is_found_from_here() -> None:
    failed = {**records(0.1)[0], "verdict": "FAIL", "skipped": 2, "file": "a b.trace"}

    assert summary_lines([{**failed, "can_update": 1}], is_brief=True) == [
        "replayed 1 trace, 1 step and 2 skipped: 1 not as expected",
        "if this is the new truth: pytest --vmfuzz-update 'a b.trace'",
    ]


@pytest.mark.parametrize(
    ("seconds", "slowest"),
    [
        ([0.9] * 9, []),
        ([0.01, 1.25], ["slowest: t1.trace 1.25 s"]),
        ([0.01] * 10, []),
        (
            [0.01] * 6 + [0.2, 0.3, 0.4, 0.5],
            ["slowest: t9.trace 0.50 s, t8.trace 0.40 s, t7.trace 0.30 s"],
        ),
    ],
)
def test_the_slowest_are_named_among_many_or_where_they_are_slow(
    seconds: list[float], slowest: list[str]
) -> None:
    assert summary_lines(records(*seconds), is_brief=False)[1:] == slowest
