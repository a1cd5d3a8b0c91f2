"""The event log of a campaign: what is written is read back; one test per defect of a log."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.campaigns import event_log
from vmfuzz.campaigns.event_lines import (
    MAX_ITEMS,
    MAX_TEXT,
    EventError,
    UnknownKind,
    decode,
    encode,
)
from vmfuzz.campaigns.event_log import EventLog, Log, read_log
from vmfuzz.campaigns.events import (
    End,
    Event,
    FindingSeen,
    Progress,
    Replayed,
    Stage,
    Start,
    Tally,
    Worker,
    WorkerRate,
)
from vmfuzz.errors import VmfuzzError

EVENTS: list[Event] = [
    Start(0.0, 1, ("swarm", "atheris"), 7, "world frames=24", ("view",), 2, 60.0, None, ("x",),
          date="2026-11-21", versions={"python": "3.11.7"}),
    Stage(0.5, 1, "replay", "begin", "3 traces"),
    Progress(1.5, 1, 1000, 10, 5, 4, 1, 1 << 20, (WorkerRate(0, 500, 250.5, 4096),)),
    Tally(2.0, 1, {"frame_drop": {"ok": 3, "err": 1}}, {"empty-segment": 2}),
    Replayed(2.0, 1, 3, ("a.trace",), {"b.trace": "does not end as it says"}),
    FindingSeen(2.5, 1, "ACCT.3c/frame_drop", "ACCT.3c", "frame_drop", "é: H = 1", 2, 78, "swarm",
                "new", "ACCT.3c--frame_drop/min.trace"),
    Worker(3.0, 2, 1, "died", "signal 9", "held/1.trace"),
    End(4.0, 2, 1, "FOUND 1 signature", ("ACCT.3c/frame_drop",), resolved=("OUT.x/x",)),
]  # fmt: skip
STAGE: dict[str, Any] = {"t": 1, "run": 1, "kind": "stage", "name": "end", "state": "begin"}


def line(**changes: object) -> bytes:
    return json.dumps({**STAGE, **changes}).encode() + b"\n"


def log_of(path: Path, *lines: bytes) -> Log:
    path.write_bytes(b"".join(lines))
    return read_log(path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    for event in EVENTS:
        log.append(event)

    assert log.problem == ""
    assert read_log(path) == Log(EVENTS)
    first = json.loads(path.read_text().splitlines()[0])
    assert list(first)[:3] == ["t", "run", "kind"]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_that_decodes_to_it(event: Event) -> None:
    assert "\n" not in encode(event)
    assert decode(encode(event).encode()) == event


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"t": -1}, "'t' is -1, no number from 0 to 1e+10"),
        ({"t": "1"}, "'t' is '1', no number from 0 to 1e+10"),
        ({"t": True}, "'t' is True, no number from 0 to 1e+10"),
        ({"t": float("nan")}, "'t' is nan, no number from 0 to 1e+10"),
        ({"t": float("inf")}, "'t' is inf, no number from 0 to 1e+10"),
        ({"run": 1.5}, "'run' is 1.5, no amount"),
        ({"run": 1 << 63}, "'run' is 9223372036854775808, no amount"),
        ({"run": None}, "'run' is NoneType, no amount"),
        ({"name": 3}, "'name' is 3, no text"),
        ({"name": "x" * (MAX_TEXT + 1)}, f"'name' is longer than {MAX_TEXT} characters"),
        ({"name": "\ud800"}, "'name' is not UTF-8 text"),
        ({"state": ["begin"]}, "'state' is list, no text"),
        ({"kind": None}, "'kind' is no text"),
    ],
)
def test_a_wrong_value_is_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(EventError) as raised:
        decode(line(**changes))

    assert str(raised.value) == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"9" * 5000, "no JSON"),
        (b"[1]", "no object"),
        (b'{"kind": "stage", "t": 1, "run": 1}', "'name' is missing"),
        (b'{"kind": "progress", "t": 1, "run": 1, "steps": 1, "traces": 1, "workers": [3]}',
         "'workers' has 3, no object"),
        (b'{"kind": "progress", "t": 1, "run": 1, "steps": 1, "traces": 1, "workers": [{}]}',
         "'workers' 'worker' is missing"),
        (b'{"kind": "tally", "t": 1, "run": 1, "ops": {"a": 3}}',
         f"'ops' is 3, no object of up to {MAX_ITEMS} values"),
        (b'{"kind": "end", "t": 1, "run": 1, "exit": 0, "verdict": "", "new": "x"}',
         f"'new' is 'x', no list of up to {MAX_ITEMS} values"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_event_says_why(text: bytes, problem: str) -> None:
    with pytest.raises(EventError) as raised:
        decode(text)

    assert str(raised.value) == problem


def test_fields_of_later_versions_are_ignored_and_kinds_counted(tmp_path: Path) -> None:
    assert decode(line(colour="red")) == Stage(1.0, 1, "end", "begin")
    with pytest.raises(UnknownKind):
        decode(line(kind="weather"))

    log = log_of(tmp_path / "log", line(), line(kind="weather"), line(kind="weather"))

    assert log == Log([Stage(1.0, 1, "end", "begin")], unknown={"weather": 2})


def test_a_line_that_is_cut_short_is_left_out(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", line(), line()[:-5])

    assert (len(log.events), log.bad, log.is_truncated) == (1, 0, True)


def test_a_damaged_line_costs_that_line_only(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", line(), b"\0\0\0\n", b"\n", line(t=2))

    assert [event.t for event in log.events] == [1, 2]
    assert [(problem.line, problem.text) for problem in log.problems] == [(2, "no JSON")]


def test_time_and_runs_never_go_back(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", line(run=2), line(t=0.5, run=2), line(), line(t=3, run=2))

    assert [(event.t, event.run) for event in log.events] == [(1, 2), (3, 2)]
    assert {problem.text for problem in log.problems} == {"it is older than the line before"}


def test_an_endless_line_is_skipped(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", b"x" * (3 << 20) + b"\n", line())

    assert len(log.events) == 1
    assert log.problems[0].text == "the line is longer than 1 MiB"


def test_an_endless_file_is_read_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "MAX_LOG", 1000)

    log = log_of(tmp_path / "log", *[line()] * 1000)

    assert 5 < len(log.events) <= 1000 // len(line())
    assert log.is_truncated


def test_a_flood_of_bad_lines_and_kinds_is_bounded(tmp_path: Path) -> None:
    kinds = [line(kind=f"k{number}") for number in range(1000)]

    log = log_of(tmp_path / "log", *[b"x\n"] * 1000, *kinds)

    assert (len(log.problems), log.bad, len(log.unknown)) == (100, 1000, 100)


@pytest.mark.parametrize("name", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_a_users_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(VmfuzzError, match=name):
        read_log(tmp_path / name)


def test_repair_cuts_the_half_line_off_and_returns_the_last_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line() + line(t=9, run=3) + b'{"t": 10, "ru')
    log = EventLog(path)

    assert log.repair() == Stage(9.0, 3, "end", "begin")
    log.append(Stage(11.0, 4, "replay", "begin"))

    assert [event.t for event in read_log(path).events] == [1, 9, 11]
    assert EventLog(tmp_path / "none").repair() is None


def test_a_full_disk_leaves_whole_lines_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.append(EVENTS[0])
    real = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, data: real(handle, data[:20]))
        log.append(EVENTS[1])
    assert log.problem == f"{path}: cannot write: the disk is full"

    log.append(EVENTS[2])

    assert log.problem == ""
    assert read_log(path) == Log([EVENTS[0], EVENTS[2]])


def test_a_deleted_folder_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "campaign" / "events.jsonl"
    log = EventLog(path)

    log.append(EVENTS[0])

    assert read_log(path).events == EVENTS[:1]


def test_a_log_that_has_grown_takes_only_what_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "FULL", 10)
    log = EventLog(tmp_path / "events.jsonl")

    for event in EVENTS:
        log.append(replace(event, run=1))

    kinds = [type(event) for event in read_log(log.path).events]
    assert kinds == [Start, Stage, Replayed, FindingSeen, End]
