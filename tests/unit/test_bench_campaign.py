"""`vmfuzz bench campaign`: what it reads from a log."""

import pytest

from vmfuzz.bench.campaign import Measured, Window, campaign_table, judged, sentence
from vmfuzz.campaigns.events import Event, Progress, Stage

MIB = 1 << 20


def log(seconds: int, *, slower: float = 1.0) -> list[Event]:
    """A campaign of so many seconds of engines after 10 of replay, at two processors' time."""
    events: list[Event] = [Stage(10.0, 1, "engines", "begin")]
    steps = 0
    for second in range(seconds + 1):
        is_late = second > seconds // 2
        rss, corpus = 80 * MIB + second * MIB // 10, second * 2
        cpu = 20.0 + 2 * second
        events.append(Progress(10.0 + second, 1, steps, 0, 7, corpus, 0, rss, (), cpu))
        steps += int(1000 * (slower if is_late else 1))
    events.append(Stage(10.0 + seconds, 1, "engines", "end"))
    events.append(Progress(500.0, 1, steps + 10**6, 0, 7, 0, 0, 0, (), 900.0))  # afterwards
    return events


def test_start_and_end_are_the_tenths_of_the_engines_time() -> None:
    found = judged(120.0, 121.0, log(100, slower=0.8))

    assert found.start == Window(10.0, 20.0, 10_000, 81 * MIB, 20, 7)
    assert found.end == Window(10.0, 20.0, 8_000, 90 * MIB, 200, 7)
    rows = {row[0]: row[1:] for row in campaign_table(found).rows}
    assert rows["steps per second"] == ("1,000", "800", "0.800")
    assert rows["steps per processor second"] == ("500", "400", "0.800")
    assert rows["memory, MiB"] == ("81", "90", "1.111")
    assert rows["traces in the corpus"] == ("20", "200", "10.000")


@pytest.mark.parametrize(
    ("asked", "took", "is_in_time"),
    [(10, 14.9, True), (10, 15.1, False), (3600, 3671, True), (3600, 3673, False), (10, 9, True)],
)
def test_a_campaign_may_take_5_seconds_or_2_percent_longer(
    asked: float, took: float, *, is_in_time: bool
) -> None:
    window = Window(0.0, 0.0, 0, 0, 0, 0)
    found = Measured(asked, took, window, window)

    assert found.is_in_time is is_in_time
    assert ("in time" in sentence(found)) is is_in_time
    assert campaign_table(found).rows[0][-1] == "-"  # nothing to divide by


@pytest.mark.parametrize("events", [[], log(5)], ids=["none", "few"])
def test_a_short_campaign_has_no_start_and_end(events: list[Event]) -> None:
    found = judged(5.0, 5.5, events)

    assert found == Measured(5.0, 5.5)
    assert "too short" in campaign_table(found).headings[0]
    assert sentence(found) == "asked for 5 s, took 5.5 s with its report (+0.5 s): in time"
