"""The folder of a campaign: its lock, its state over several runs, files that are not ours."""

import json
import os
from functools import partial
from pathlib import Path

import pytest

from vmfuzz.campaign import Campaign
from vmfuzz.campaigns.event_log import read_log
from vmfuzz.campaigns.events import End, Progress, Stage, Start, Tally
from vmfuzz.campaigns.folder import CampaignFolder
from vmfuzz.campaigns.in_process import Keeper
from vmfuzz.campaigns.recorder import Recorder, Stopwatch
from vmfuzz.engines.interface import Plan
from vmfuzz.engines.interface import Progress as EngineProgress
from vmfuzz.errors import VmfuzzError

STARTED = partial(Start, engines=("swarm",), seed=0, world="world", checks=())


class Clock:
    """Seconds as a test sets them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def begin(folder: CampaignFolder, clock: Clock, *, is_resumed: bool = False) -> Recorder:
    recorder = Recorder(folder, clock)
    recorder.start(plan={}, described=STARTED, baseline=[], is_resumed=is_resumed)
    return recorder


def test_a_second_campaign_in_the_folder_is_refused(tmp_path: Path) -> None:
    with CampaignFolder(tmp_path), pytest.raises(VmfuzzError) as raised:
        CampaignFolder(tmp_path)

    assert f"(process {os.getpid()}) is running in this folder" in str(raised.value)


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("999999\n")

    with CampaignFolder(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    with CampaignFolder(tmp_path) as again:
        assert again.state.run == 0


def test_amounts_time_and_runs_go_on(tmp_path: Path) -> None:
    clock = Clock()
    for run in (1, 2):
        with CampaignFolder(tmp_path) as folder:
            recorder = begin(folder, clock, is_resumed=run == 2)
            clock.now += 10
            recorder.count(steps=100, traces=7, tally={"a": {"ok": 5}}, quirks={"q": 1})
            recorder.end(partial(End, exit=0, verdict="clean"))

    events = read_log(tmp_path / "events.jsonl").events
    assert [(type(e), e.t, e.run) for e in events] == [
        (Start, 0, 1), (Progress, 10, 1), (Tally, 10, 1), (End, 10, 1),
        (Start, 10, 2), (Progress, 20, 2), (Tally, 20, 2), (End, 20, 2),
    ]  # fmt: skip
    progress, tally = events[5:7]
    assert isinstance(progress, Progress)
    assert isinstance(tally, Tally)
    assert (progress.steps, progress.traces) == (200, 14)
    assert (tally.ops, tally.quirks) == ({"a": {"ok": 10}}, {"q": 2})


def test_counting_twice_in_a_run_counts_once(tmp_path: Path) -> None:
    with CampaignFolder(tmp_path) as folder:
        recorder = begin(folder, Clock())
        for steps in (5, 8):
            recorder.count(steps=steps, traces=1, tally={"a": {"ok": steps}}, quirks={})

        assert (folder.state.steps, folder.state.tally) == (8, {"a": {"ok": 8}})


def test_a_killed_run_loses_what_it_did_since_the_last_tick(tmp_path: Path) -> None:
    clock = Clock()
    folder = CampaignFolder(tmp_path)
    recorder = begin(folder, clock)
    clock.now += 3
    assert recorder.is_due()
    recorder.count(steps=100, traces=7, tally={}, quirks={})
    recorder.tick()
    assert not recorder.is_due()
    clock.now += 1
    folder.close()  # as a kill does

    with CampaignFolder(tmp_path) as again:
        assert (again.state.t, again.state.steps, again.state.run) == (3, 100, 1)


def test_a_log_ahead_of_the_state_decides_the_time(tmp_path: Path) -> None:
    line = {"t": 50, "run": 4, "kind": "stage", "name": "x", "state": "begin"}
    (tmp_path / "events.jsonl").write_text(json.dumps(line) + "\n" + '{"t": 51')

    with CampaignFolder(tmp_path) as folder:
        assert (folder.state.t, folder.state.run) == (50, 4)


def test_a_clock_that_jumps_back_stops_campaign_time_for_a_moment_only() -> None:
    clock = Clock()
    elapsed = Stopwatch(clock)
    seen = []
    for jump in (5, -900, 2, 0, 3):
        clock.now += jump
        seen.append(elapsed())

    assert seen == [5, 5, 7, 7, 10]


def test_the_log_of_a_long_campaign_grows_slower_and_slower(tmp_path: Path) -> None:
    clock = Clock()
    with CampaignFolder(tmp_path) as folder:
        recorder = begin(folder, clock)
        for _ in range(30_000):
            clock.now += 1
            recorder.count(steps=1, traces=1, tally={}, quirks={})
            if recorder.is_due():
                folder.save_state = lambda: None  # type: ignore[method-assign]  # for speed
                recorder.tick()

    kinds = [type(event) for event in read_log(tmp_path / "events.jsonl").events]
    assert kinds.count(Progress) < 8_000
    assert 100 < kinds.count(Tally) < 400


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("meta.json", "[]", "not a file of a campaign"),
        ("meta.json", "{", "not a file of a campaign"),
        ("meta.json", '{"schema": 99}', "schema 99 is not supported"),
        ("state.json", '{"steps": -1}', "-1 is no amount"),
        ("state.json", '{"t": "x"}', "'x' is no number of seconds"),
        ("state.json", '{"tally": {"a": 3}}', "int where an object of up to 1000 belongs"),
        ("state.json", '{"baseline": [3]}', "'baseline' is no list of texts"),
    ],
)
def test_a_file_that_is_not_ours_is_named(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(VmfuzzError) as raised:
        CampaignFolder(tmp_path)

    assert str(raised.value).startswith(f"{tmp_path / name}: ")
    assert problem in str(raised.value)
    (tmp_path / name).unlink()
    CampaignFolder(tmp_path).close()  # the failure has let the lock go


def test_what_killed_writers_left_is_swept_up_and_nothing_else(tmp_path: Path) -> None:
    names = [".state.json.a1b2c3_9", "corpus/ab/.00ff.trace.abcdefgh", "A--b/.min.trace.12345678"]
    others = [".gitignore", "notes.json.abcdefgh", "corpus/.README.md.abcdefgh"]
    for name in (*names, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    CampaignFolder(tmp_path).close()

    assert not [name for name in names if (tmp_path / name).exists()]
    assert [name for name in others if (tmp_path / name).exists()] == others


def test_a_state_that_cannot_be_written_is_remarked_upon_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise VmfuzzError("state.json: cannot write: No space left on device")

    with CampaignFolder(tmp_path) as folder:
        recorder = begin(folder, Clock())
        monkeypatch.setattr("vmfuzz.campaigns.folder.write_atomically", full)
        recorder.tick()

        assert recorder.problem == "state.json: cannot write: No space left on device"


def test_a_campaign_of_this_process_is_kept(tmp_path: Path) -> None:
    clock = Clock()
    campaign = Campaign(progress={"swarm": EngineProgress(steps=9, traces=2)})
    keeper = Keeper(tmp_path, campaign, Plan(clock=clock, rng_seed=5), ["swarm"], "2026-11-21")
    clock.now += 7
    keeper.progress("swarm", campaign.progress["swarm"])
    assert keeper.close(0, "clean: nothing found") == ""

    events = read_log(tmp_path / "events.jsonl").events
    assert [type(event) for event in events] == [
        *(Start, Stage, Progress, Tally, Stage, Progress, Tally, End),
    ]
    start, _, progress = events[:3]
    assert isinstance(start, Start)
    assert isinstance(progress, Progress)
    assert (start.seed, start.date, start.workers) == (5, "2026-11-21", 1)
    assert (progress.steps, progress.traces) == (9, 2)
    assert progress.rss > 1 << 20
    assert json.loads((tmp_path / "meta.json").read_text())["plan"]["seed"] == 5
