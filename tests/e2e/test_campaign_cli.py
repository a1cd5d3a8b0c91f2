"""Campaigns of several workers as a user meets them: killed, resumed, interrupted, without room."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vmfuzz.campaigns.event_log import read_log
from vmfuzz.campaigns.events import End, Progress, Start
from vmfuzz.trace_file import load

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]
FAULT = "segment-clone-misses-last"
BUCKET = "ACCT.3c--segment_clone"
WORKERS = ("fuzz", "--workers", 2, "--stop-on", "never")
KNOWN = '[[known]]\nid = "ACCT.3c/segment_clone"\nreason = "reported"\nexpires = "2026-12-31"\n'


def started(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vmfuzz", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
    )


def wait_for(process: subprocess.Popen[str], is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while process.poll() is None and not is_so() and time.monotonic() < until:
        time.sleep(0.02)


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[1]) == process.pid:
                found.add(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def campaign_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(done.stdout)["campaign"]
    return document


def test_two_workers_find_store_and_keep_a_corpus(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    done = vmfuzz(*WORKERS, "--fault", FAULT, "--steps", 20_000, "--out", "night", "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert "ACCT.3c/segment_clone" in document["campaign"]["new"]
    assert document["campaign"]["corpus"] > 3
    assert document["campaign"]["features"] > 500
    assert len(load(tmp_path / "night" / BUCKET / "min.trace").steps) == 2
    (engine,) = document["engines"]
    assert engine["steps"] == 20_000
    log = read_log(tmp_path / "night" / "events.jsonl")
    assert (log.bad, log.unknown, log.is_truncated) == (0, {}, False)
    progress = [event for event in log.events if isinstance(event, Progress)][-1]
    assert {rate.worker for rate in progress.workers} == {0, 1}
    assert progress.corpus == document["campaign"]["corpus"]


def test_without_a_folder_nothing_stays_behind(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    done = vmfuzz("fuzz", "--workers", 2, "--fault", FAULT, "--steps", 20_000)

    assert done.returncode == 1
    assert done.stdout.startswith("ACCT.3c violated at step 1 ")
    assert [path.name for path in tmp_path.iterdir()] == []


@pytest.mark.slow
def test_a_finding_that_is_written_down_passes_until_its_day(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    (tmp_path / "known.toml").write_text(KNOWN)
    command = (*WORKERS, "--fault", FAULT, "--steps", 20_000, "--known", "known.toml")

    passes = vmfuzz(*command, "--today", "2026-12-31", "--json")
    fails = vmfuzz(*command, "--today", "2027-01-01")

    assert (passes.returncode, fails.returncode) == (0, 1)
    assert campaign_of(passes)["known"] == ["ACCT.3c/segment_clone"]
    assert "known.toml: ACCT.3c/segment_clone has expired, so it counts again" in fails.stderr


@pytest.mark.slow
def test_a_folder_that_has_a_finding_knows_it_and_fail_on_new_lets_it_pass(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    command = (*WORKERS, "--fault", FAULT, "--steps", 10_000, "--out", "night", "--json")
    codes = [vmfuzz(*command, *more) for more in ([], [], ["--fail-on", "new"])]

    assert [done.returncode for done in codes] == [1, 1, 0]
    documents = [campaign_of(done) for done in codes]
    assert "ACCT.3c/segment_clone" in documents[0]["new"]
    assert "ACCT.3c/segment_clone" in documents[1]["known"]
    assert [document["run"] for document in documents] == [1, 2, 3]


def resumed_after_kills(folder: Path, kills: int, seed: int) -> None:
    """Kill a campaign at random moments; what it wrote is whole, and it goes on to its end."""
    rng = Random(seed)
    options = ("fuzz", "--workers", 2, "--stop-on", "never", "--fault", FAULT, "--time", "600s")
    before = 0.0
    for number in range(kills):
        more = ("--resume",) if number else ()
        process = started(folder, *(options if not number else ("fuzz",)), "--out", "night", *more)
        runs = number + 1
        log = folder / "night" / "events.jsonl"
        wait_for(process, partial(has_begun, log, runs))
        pause = rng.uniform(0.2, 4.0)
        begun = time.monotonic()
        time.sleep(pause)
        children = workers_of(process)
        process.kill()
        process.communicate(timeout=30)
        spent = time.monotonic() - begun
        wait_for_end(children)
        state = json.loads((folder / "night" / "state.json").read_text())
        assert state["t"] >= before + spent - 5, "more than 5 s of work are lost"
        assert state["run"] == runs
        before = state["t"]
        if number == 0:
            assert children


def wait_for_end(pids: set[int]) -> None:
    until = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [pid for pid in pids if is_alive(pid)], "a worker outlives its driver"


def has_begun(log: Path, run: int) -> bool:
    events = read_log(log).events if log.exists() else []
    return bool(events) and events[-1].run == run


def check_whole(folder: Path, runs: int) -> None:
    log = read_log(folder / "night" / "events.jsonl")
    assert (log.bad, log.is_truncated) == (0, False)
    starts = [event for event in log.events if isinstance(event, Start)]
    assert [event.run for event in starts] == list(range(1, runs + 1))
    assert [event.is_resumed for event in starts] == [False] + [True] * (runs - 1)
    assert {event.faults for event in starts} == {(FAULT,)}
    assert {event.seconds for event in starts[:-1]} == {600.0}
    steps = [event.steps for event in log.events if isinstance(event, Progress)]
    assert steps == sorted(steps)
    assert steps[-1] > 0
    assert isinstance(log.events[-1], End)
    for path in (folder / "night").rglob("*.trace"):
        load(path)
    assert list((folder / "night").rglob(".*")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "kills", [3, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_a_campaign_survives_being_killed(vmfuzz: Vmfuzz, tmp_path: Path, kills: int) -> None:
    resumed_after_kills(tmp_path, kills, seed=kills)
    done = vmfuzz("fuzz", "--out", "night", "--resume", "--time", "1h", "--steps", 3000, "--json")

    assert done.returncode == 1
    assert "ACCT.3c/segment_clone" in campaign_of(done)["new"], "new since the campaign began"
    check_whole(tmp_path, kills + 1)


@pytest.mark.slow
def test_a_campaign_that_has_used_up_its_time_says_so(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    first = vmfuzz(*WORKERS, "--time", "3s", "--out", "night")
    again = vmfuzz("fuzz", "--resume", "--out", "night")

    assert first.returncode == 0
    assert again.returncode == 2
    assert "--resume: the campaign has used up its 3 s; --time gives it more" in again.stderr


def test_the_first_interrupt_drains_and_reports(tmp_path: Path) -> None:
    process = started(tmp_path, *WORKERS, "--fault", FAULT, "--time", "60s", "--out", "night")
    wait_for(process, (tmp_path / "night" / BUCKET / "first.trace").exists)
    children = workers_of(process)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert time.monotonic() - began < 8
    assert "Traceback" not in errors
    assert "stopping; once more to stop at once" in errors
    assert "interrupted (" in output
    assert "ACCT.3c violated at step 1 " in output
    end = read_log(tmp_path / "night" / "events.jsonl").events[-1]
    assert isinstance(end, End)
    assert "ACCT.3c/segment_clone" in end.new
    assert children
    wait_for_end(children)


def test_the_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    process = started(tmp_path, *WORKERS, "--time", "60s", "--out", "night")
    wait_for(process, lambda: bool((tmp_path / "night" / "corpus").exists()))
    children = workers_of(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)

    assert process.returncode in {130, -signal.SIGINT}  # a shell calls both 130
    assert "Traceback" not in errors
    wait_for_end(children)


def test_one_campaign_at_a_time(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    process = started(tmp_path, *WORKERS, "--time", "60s", "--out", "night")
    wait_for(process, (tmp_path / "night" / "meta.json").exists)
    second = vmfuzz("fuzz", "--steps", 100, "--out", "night")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

    assert second.returncode == 2
    assert f"another campaign (process {process.pid}) is running in this folder" in second.stderr
    assert process.returncode == 130


def test_a_folder_deleted_meanwhile_is_written_again(tmp_path: Path) -> None:
    process = started(tmp_path, *WORKERS, "--fault", FAULT, "--time", "60s", "--out", "gone")
    wait_for(process, (tmp_path / "gone" / BUCKET / "first.trace").exists)
    shutil.rmtree(tmp_path / "gone", ignore_errors=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in errors
    assert (tmp_path / "gone" / BUCKET / "min.trace").exists()
    assert isinstance(read_log(tmp_path / "gone" / "events.jsonl").events[-1], End)


def test_a_folder_that_cannot_be_written_is_refused(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = vmfuzz(*WORKERS, "--out", "file/night", "--steps", 100)

    assert done.returncode == 2
    assert "--out file/night: cannot create" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume: which campaign? name its folder with --out"),
        (["--resume", "--out", "none"], "--resume: none holds no campaign"),
        (["--workers", "0"], "'0': allowed are 1 to 256, and auto"),
        (["--workers", "many"], "'many': allowed are 1 to 256, and auto"),
        (["--workers", "2", "--sut", "true"], "--sut: a live system is driven by one process"),
        (["--replay", "none"], "--replay none: no such file or folder"),
        (["--known", "none"], "none: cannot read"),
        (["--today", "tomorrow"], "--today 'tomorrow': no date as YYYY-MM-DD"),
        (["--config-profile", "nigthly"], "no such profile (did you mean 'nightly'?)"),
        (["--config", "none.toml"], "none.toml: cannot read"),
        (["--corpus-share", "2"], "is not in the range"),
    ],
)
def test_a_mistake_is_refused_with_a_reason(
    vmfuzz: Vmfuzz, arguments: list[str], message: str
) -> None:
    done = vmfuzz("fuzz", "--steps", 50, *arguments)

    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.vmfuzz]\nworkrs = 2", "[tool.vmfuzz]: unknown key 'workrs' (did you mean 'workers"),
        ("[tool.vmfuzz]\ntime = '5 ells'", "[tool.vmfuzz]: time: '5 ells' is no duration"),
        ("[tool.vmfuzz]\ntime = [true]", "[tool.vmfuzz]: time: True is neither text nor a number"),
        ("[tool.vmfuzz]\nstrict = 1", "[tool.vmfuzz]: strict: 1 is neither true nor false"),
        ("[tool.vmfuzz]\nresume = 'x'", "unknown key 'resume'"),
        ("[tool.vmfuzz]\nstop-on = 'tuesday'", "stop-on: 'tuesday' is not one of"),
        ("[tool]\nvmfuzz = 3", "[tool.vmfuzz] is no table"),
        ("[tool.vmfuzz]\nprofile = 3", "not tables such as [tool.vmfuzz.profile.nightly]"),
        ("[tool.vmfuzz.profile.mine]\ntme = '1s'", "profile.mine: unknown key 'tme'"),
        ("[tool.vmfuzz", "pyproject.toml: no TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(
    vmfuzz: Vmfuzz, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    done = vmfuzz("fuzz", "--steps", 50)

    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


@pytest.mark.parametrize("option", ["--config", "--known"])
def test_a_file_that_is_no_text_is_named(vmfuzz: Vmfuzz, tmp_path: Path, option: str) -> None:
    (tmp_path / "bin.file").write_bytes(b"abc\xff")

    done = vmfuzz("fuzz", "--steps", 50, option, "bin.file")

    assert done.returncode == 2
    assert done.stderr == "vmfuzz: bin.file: is no text (byte 3)\n"


def test_options_come_from_profile_and_file_and_the_command_line_wins(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.vmfuzz]\nsteps = 3000\nseed = 4\ncheck = ['outcome', 'view']\n"
        f"[tool.vmfuzz.profile.mine]\nworld = {{frames = 9}}\nfault = ['{FAULT}']\nout = 'mine'\n"
    )
    done = vmfuzz("fuzz", "--config-profile", "mine", "--seed", 5, "--json")

    document = json.loads(done.stdout)
    (start,) = [
        event
        for event in read_log(tmp_path / "mine" / "events.jsonl").events
        if isinstance(event, Start)
    ]
    assert document["seed"] == 5
    assert (start.steps, start.faults, start.checks) == (3000, (FAULT,), ("outcome", "view"))
    assert start.world == "world frames=9"
    assert vmfuzz("fuzz", "--json").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["smoke", "ci", "nightly", "deep", "boundary"])
def test_every_profile_that_ships_runs(vmfuzz: Vmfuzz, tmp_path: Path, profile: str) -> None:
    done = vmfuzz("fuzz", "--config-profile", profile, "--time", "3s", "--depth", 1, "--engine",
                  "swarm,exhaustive", "--ops", "frame_from_unused", "--json")  # fmt: skip

    assert done.returncode in {0, 4}, done.stdout + done.stderr
    assert campaign_of(done)["workers"] == len(os.sched_getaffinity(0))


@pytest.mark.slow
def test_a_search_goes_on_in_the_next_run_and_another_one_has_its_own_file(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    command = ("fuzz", "--workers", 2, "--engine", "exhaustive", "--out", "night", "--steps", 9000,
               "--ops", "frame_from_unused,frame_drop")  # fmt: skip
    shallow, deep = (vmfuzz(*command, "--depth", depth) for depth in (2, 3))
    other = vmfuzz(*command, "--depth", 1, "--world", "frames=2")

    assert [done.returncode for done in (shallow, deep, other)] == [0, 0, 0]
    assert "shown: every trace of up to 2 ops over this alphabet" in shallow.stdout
    assert "shown: every trace of up to 3 ops over this alphabet" in deep.stdout
    assert len(list((tmp_path / "night").glob("exhaustive-*.jsonl"))) == 2


@pytest.mark.slow
def test_kept_traces_must_end_as_they_say(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    corpora = Path(__file__).parents[2] / "corpora" / "regressions"
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in (FAULT, "inc-ref-temp-handle"):
        shutil.copy(corpora / f"{name}.trace", kept)
    command = ("fuzz", "--steps", 100, "--replay", "kept", "--json")
    clean = vmfuzz(*command)
    text = (kept / f"{FAULT}.trace").read_text()
    (kept / "broken.trace").write_text(text.replace(f"fault {FAULT}\n", ""))
    broken = vmfuzz(*command)

    assert clean.returncode == 0
    assert broken.returncode == 1
    assert campaign_of(broken)["broken"] == [f"{kept.name}/broken.trace: does not end as it says"]


@pytest.mark.slow
def test_a_kept_trace_that_cannot_be_read_is_an_error_and_no_finding(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    (tmp_path / "op.trace").write_text("#vmfuzz-trace 1\nworld\nf0 = frame_from_unsed(paddr=0x0)\n")
    (tmp_path / "wide.trace").write_bytes(b"\xff")
    command = ("fuzz", "--workers", 1, "--out", "night", "--replay")
    wide = vmfuzz(*command, "wide.trace", "--steps", 300)
    done = vmfuzz(*command, "op.trace", "--steps", 300)
    reported = vmfuzz("report", "night")
    junit = (tmp_path / "night" / "junit.xml").read_text()
    found = vmfuzz(*command, "op.trace", "--steps", 20_000, "--fault", FAULT, "--json")

    problem = "unreadable: op.trace:3:6: unknown op"
    verdict = "not all was replayed: 1 trace cannot be read (0 new, 0 known, 0 resolved, 0 flaky)"
    assert wide.returncode == 2
    assert "unreadable: wide.trace: not UTF-8 text (byte 0)" in wide.stdout.splitlines()
    assert done.returncode == 2
    assert verdict in done.stdout.splitlines()
    assert [line for line in done.stdout.splitlines() if "op.trace" in line] == [
        line for line in done.stdout.splitlines() if line.startswith(problem)
    ]
    assert "swarm" in done.stdout  # the campaign ran
    assert reported.returncode == 0
    assert '<error type="unreadable" message="3:6: unknown op' in junit
    assert "Kept traces that cannot be read" in (tmp_path / "night" / "summary.md").read_text()
    assert found.returncode == 1
    assert len(campaign_of(found)["unreadable"]) == 1
    assert campaign_of(found)["broken"] == []


def test_a_line_every_now_and_then_is_all_that_stderr_gets(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    done = vmfuzz(*WORKERS, "--steps", 500)

    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.slow
def test_the_corpus_can_be_looked_at_gathered_and_thinned_out(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    for seed in (1, 2):
        vmfuzz(*WORKERS, "--steps", 3000, "--seed", seed, "--out", f"night{seed}")
    rows = json.loads(vmfuzz("corpus", "list", "night1", "--json").stdout)["traces"]
    first = rows[0]["id"]
    shown = vmfuzz("corpus", "show", "night1", first[:8])
    assert (
        shown.stdout == (tmp_path / "night1/corpus" / first[:2] / f"{first[2:]}.trace").read_text()
    )

    merged = vmfuzz("corpus", "merge", "both", "night1", "night2")
    stats = json.loads(vmfuzz("corpus", "stats", "both", "--json").stdout)
    more = json.loads(vmfuzz("corpus", "stats", "night1", "--json").stdout)
    assert merged.returncode == 0
    assert stats["features"] > more["features"]
    would = vmfuzz("corpus", "prune", "both", "--dry-run")
    assert json.loads(vmfuzz("corpus", "stats", "both", "--json").stdout) == stats
    pruned = vmfuzz("corpus", "prune", "both")
    assert pruned.stdout == would.stdout.replace("would go", "deleted")
    after = json.loads(vmfuzz("corpus", "stats", "both", "--json").stdout)
    assert after["features"] == stats["features"]
    assert after["traces"] <= stats["traces"]

    difference = json.loads(vmfuzz("corpus", "diff", "night1", "both", "--json").stdout)
    assert difference["features_only_first"] == 0
    assert difference["features_only_second"] > 0
    again = vmfuzz("corpus", "add", "both", "night1/corpus", "night2/corpus")
    assert again.returncode == 0
    assert json.loads(vmfuzz("corpus", "stats", "both", "--json").stdout) == stats


@pytest.mark.slow
def test_a_corpus_is_distilled_to_what_shows_as_much(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    vmfuzz(*WORKERS, "--steps", 1_000, "--out", "night")
    stats = [json.loads(vmfuzz("corpus", "stats", "night", "--json").stdout)]
    done = vmfuzz("corpus", "distill", "night", "--out", "seeds")
    stats.append(json.loads(vmfuzz("corpus", "stats", "seeds", "--json").stdout))
    again = vmfuzz("corpus", "distill", "night", "--out", "seeds")
    before, after = stats

    assert done.returncode == 0
    assert f"they show {after['features']:,} features, {before['features']:,} before" in done.stdout
    assert done.stdout.startswith(f"{after['traces']:,} of {before['traces']:,} traces, ")
    assert after["features"] >= before["features"] > 200
    assert after["ops"] < before["ops"]
    assert again.returncode == 2
    assert "has traces already; choose another folder" in again.stderr


def test_an_old_corpus_is_brought_to_its_names(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    (tmp_path / "old" / "sub").mkdir(parents=True)
    text = "#vmfuzz-trace 1\nworld  frames=16\nf0=frame_from_unused( paddr=4096 )  => ok\n"
    (tmp_path / "old" / "a.trace").write_text(text)
    (tmp_path / "old" / "sub" / "b.trace").write_text(text)
    (tmp_path / "old" / "broken.trace").write_text("no trace\n")

    done = vmfuzz("corpus", "migrate", "old")
    again = vmfuzz("corpus", "migrate", "old")

    assert done.stdout == "2 moved\n1 trace\n"
    assert "left as it is: old/broken.trace:1:1: not a trace" in done.stderr
    assert again.stdout == "0 moved\n1 trace\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["list", "none"], 2, "none: no such folder"),
        (["list", "."], 5, "0 traces"),
        (["show", ".", "abc"], 2, ".: no trace 'abc'"),
        (["add", "x", "none"], 2, "none: no such file or folder"),
        (["merge", "x", "none"], 2, "none: no such folder"),
        (["stats", "."], 5, "ops that no trace has"),
        (["lits", "."], 2, "No such command 'lits'"),
    ],
)
def test_a_corpus_that_is_not_there_is_said_to_be(
    vmfuzz: Vmfuzz, arguments: list[str], code: int, message: str
) -> None:
    done = vmfuzz("corpus", *arguments)

    assert done.returncode == code
    assert message in done.stdout + done.stderr
