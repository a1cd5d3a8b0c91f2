"""Workers that hang, die, grow, raise or talk nonsense: the campaign goes on; the trace is kept."""

import errno
import os
import sys
from pathlib import Path
from time import monotonic

import pytest

from vmfuzz.campaign import Campaign, StopOn
from vmfuzz.campaigns.desk import Desk
from vmfuzz.campaigns.event_log import read_log
from vmfuzz.campaigns.events import Event, FindingSeen, Replayed, Stage, Worker
from vmfuzz.campaigns.folder import CampaignFolder
from vmfuzz.campaigns.known import Entry, Known
from vmfuzz.campaigns.links import Limits
from vmfuzz.campaigns.night import Asked, Night
from vmfuzz.campaigns.processes import COMMAND
from vmfuzz.campaigns.recorder import Recorder
from vmfuzz.cli.campaign_options import FailOn
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.night import Result, run_to_end
from vmfuzz.engines.interface import Plan
from vmfuzz.trace_file import load, save
from vmfuzz.trace_text import parse
from vmstore.ops import DECLARATIONS

pytestmark = pytest.mark.slow  # each test runs a campaign of several processes

OP = "UniqueDrop"
SCRIPT = f"""
import os
from vmfuzz.oracle import Session
real = Session.step

def step(self, op):
    if type(op).__name__ == "{OP}":
        BEHAVIOUR
    return real(self, op)

Session.step = step
from vmfuzz.campaigns.worker import main
main()
"""
HANG = "while True: pass"
DIE = "os.kill(os.getpid(), 11)"
RAISE = "raise KeyError('a defect')"
GROW = "kept = bytearray(8 << 30)"


class Silent:
    def __call__(self, night: Night) -> None:
        assert night.stage

    def close(self) -> None:
        assert True


def command_of(folder: Path, behaviour: str) -> tuple[str, ...]:
    script = folder / "worker.py"
    script.write_text(SCRIPT.replace("BEHAVIOUR", behaviour))
    return (sys.executable, str(script))


def campaign(
    folder: Path,
    command: tuple[str, ...] = COMMAND,
    *,
    seconds: float | None = 6.0,
    steps: int | None = None,
    faults: tuple[str, ...] = (),
    stop_on: StopOn = "never",
    fail_on: FailOn = "any",
    known: Known | None = None,
    trace_seconds: float = 20.0,
) -> tuple[Result, list[Event]]:
    """Run a campaign of two workers in this process; return its result and its log."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    plan = Plan(seconds=seconds, steps=steps, faults=faults)
    with CampaignFolder(folder / "out") as opened:
        recorder = Recorder(opened, plan.clock)
        opened.state.baseline = []
        desk = Desk(Campaign(), plan, opened, recorder, known or Known())
        limits = Limits(trace_seconds, 700 << 20)
        asked = Asked(plan, ("swarm",), 2, seconds, stop_on, limits=limits, command=command)
        result = run_to_end(Night(asked, desk, scratch, Silent()), fail_on)
    return result, read_log(folder / "out" / "events.jsonl").events


@pytest.mark.parametrize(
    ("behaviour", "what", "clause", "code"),
    [
        (HANG, "hung", "HANG", Exit.FINDING),
        (GROW, "oversized", "MEMORY", Exit.FINDING),
        (DIE, "died", "CRASH", Exit.HARNESS),
        (RAISE, "failed", "CRASH", Exit.HARNESS),
    ],
)
def test_what_ends_a_worker_is_kept_with_its_trace_and_the_campaign_goes_on(
    tmp_path: Path, behaviour: str, what: str, clause: str, code: Exit
) -> None:
    (_, exit_code, lines, summary), events = campaign(
        tmp_path,
        command_of(tmp_path, behaviour),
        seconds=8.0,
        trace_seconds=2.0 if behaviour is HANG else 20.0,
    )

    assert exit_code is code
    ended = [event for event in events if isinstance(event, Worker)]
    assert {event.what for event in ended} >= {what, "restarted"}
    seen = [event for event in events if isinstance(event, FindingSeen)]
    assert [event.signature for event in seen] == [f"{clause}/unique_drop"]
    assert seen[0].status == "new"
    trace = load(tmp_path / "out" / seen[0].path)
    assert DECLARATIONS[type(trace.steps[-1].op)].op.__name__ == OP
    assert summary["new"] == [f"{clause}/unique_drop"]
    assert any(line.startswith("kept: ") for line in lines)
    stages = [event.name for event in events if isinstance(event, Stage)]
    assert stages[-1] == "rest"


def test_what_does_not_happen_again_is_flaky(tmp_path: Path) -> None:
    once = f"""
        if not os.path.exists({str(tmp_path / "died")!r}):
            open({str(tmp_path / "died")!r}, "w").close()
            os.kill(os.getpid(), 9)"""
    (_, code, _, summary), events = campaign(tmp_path, command_of(tmp_path, once))

    assert code is Exit.INCONCLUSIVE
    (flaky,) = summary["flaky"]
    assert flaky.startswith("CRASH/")
    assert summary["new"] == []
    reasons = [event.reason for event in events if isinstance(event, Worker)]
    assert "SIGKILL" in reasons
    assert "it ended well the second time" in reasons


@pytest.mark.parametrize(
    "text",
    [
        "print('hello', flush=True)",
        "print('x' * (5 << 20), flush=True)",
        "import sys; sys.exit(9)",
        "raise ImportError('missing')",
    ],
)
def test_a_worker_that_is_no_worker_is_given_up(tmp_path: Path, text: str) -> None:
    script = tmp_path / "worker.py"
    script.write_text(f"{text}\nimport time; time.sleep(60)\n")

    (_, code, lines, _), events = campaign(tmp_path, (sys.executable, str(script)), seconds=90.0)

    assert code is Exit.HARNESS
    assert lines[0].startswith("ended by an internal error")
    last = [event for event in events if isinstance(event, Worker)][-1]
    assert (last.what, last.reason) == ("given up", "it dies again and again")


def test_findings_are_judged_stored_minimized_and_told_apart(tmp_path: Path) -> None:
    faults = ("segment-clone-misses-last", "teardown-keeps-storage")
    (found, code, _, summary), events = campaign(
        tmp_path, steps=20_000, seconds=None, faults=faults
    )

    assert code is Exit.FINDING
    seen = {event.signature: event for event in events if isinstance(event, FindingSeen)}
    assert set(seen) == set(found.findings) == set(summary["new"])
    assert "ACCT.3c/segment_clone" in seen
    for signature, stored in found.findings.items():
        assert stored.minimized.is_minimal
        assert stored.path
        assert load(stored.path).steps == stored.minimized.trace.steps
        assert seen[signature].path == str(stored.path.relative_to(tmp_path / "out"))


def test_what_is_written_down_as_known_does_not_fail_the_run(tmp_path: Path) -> None:
    faults = ("segment-clone-misses-last",)
    known = Known({"ACCT.3c/segment_clone": Entry("reported", "2026-12-31")}, "2026-11-21")
    (_, code, lines, summary), events = campaign(
        tmp_path, steps=20_000, seconds=None, faults=faults, known=known
    )

    assert code is Exit.CLEAN
    assert summary["known"] == ["ACCT.3c/segment_clone"]
    assert "known: ACCT.3c/segment_clone: reported" in lines
    (seen,) = [event for event in events if isinstance(event, FindingSeen)]
    assert (seen.status, seen.reason) == ("known", "reported")

    again = campaign(tmp_path, steps=20_000, seconds=None, faults=faults)
    assert again[0][1] is Exit.FINDING


def test_a_bucket_that_fails_no_more_is_resolved_and_one_that_does_is_known(tmp_path: Path) -> None:
    out = tmp_path / "out"
    clean = "#vmfuzz-trace 1\nworld\ns0 = segment_from_unused(start=0x0, end=0x1000)\n"
    failing = clean.replace("world\n", "world\nfault inc-ref-temp-handle\n")
    failing += "s1 = segment_clone(segment=s0)\n"
    for bucket, text in (("OUT.x--y", clean), ("ACCT.3c--segment_clone", failing)):
        for name in ("min.trace", "first.trace"):
            save(out / bucket / name, parse(text))

    (_, code, lines, summary), _ = campaign(tmp_path, steps=400, seconds=None)

    assert summary["resolved"] == ["OUT.x--y"]
    assert summary["new"] == ["ACCT.3c/segment_clone"]  # the plan's baseline is empty here
    assert code is Exit.FINDING
    assert "resolved: OUT.x--y" in lines
    assert (out / "resolved" / "OUT.x--y.trace").read_text() == clean


def test_what_was_resolved_and_comes_back_fails_the_run(tmp_path: Path) -> None:
    """Although the folder knows its bucket, so that it is nothing new."""
    text = "#vmfuzz-trace 1\nworld\ns0 = segment_from_unused(start=0x0, end=0x1000)\n"
    back = text.replace("world\n", "world\nfault inc-ref-temp-handle\n")
    save(tmp_path / "out" / "resolved" / "a.trace", parse(text))
    save(
        tmp_path / "out" / "resolved" / "b.trace", parse(back + "s1 = segment_clone(segment=s0)\n")
    )

    (_, code, lines, summary), events = campaign(tmp_path, steps=400, seconds=None)

    one, two = (str(tmp_path / "out" / "resolved" / name) for name in ("a.trace", "b.trace"))
    assert code is Exit.FINDING
    assert summary["new"] == []
    assert summary["broken"] == [f"{two}: does not end as it says"]
    assert f"broken: {two}: does not end as it says" in lines
    (replayed,) = [event for event in events if isinstance(event, Replayed)]
    assert (replayed.passes, replayed.passed) == (1, (one,))
    assert replayed.broken == {two: "does not end as it says"}


def test_a_full_disk_costs_what_would_have_been_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def full(source: str, target: Path) -> None:
        if target.name != ".vmfuzz-write-test":  # the disk fills up once the campaign runs
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("vmfuzz.trace_file.os.replace", full)
    (found, code, lines, _), events = campaign(
        tmp_path, steps=20_000, seconds=None, faults=("segment-clone-misses-last",)
    )

    assert code is Exit.FINDING
    assert "ACCT.3c/segment_clone" in found.findings
    assert any(line.startswith("NOT STORED: ") and "No space" in line for line in lines)
    assert {event.path for event in events if isinstance(event, FindingSeen)} == {""}
    assert not list((tmp_path / "out").rglob(".*"))


def test_the_time_is_kept_with_everything_included(tmp_path: Path) -> None:
    started = monotonic()
    _, events = campaign(tmp_path, seconds=8.0, faults=("teardown-keeps-storage",))
    took = monotonic() - started

    assert 8.0 - 1.5 < took < 8.0 + 5.0
    names = [event.name for event in events if isinstance(event, Stage) and event.state == "begin"]
    stages = ["replay", "engines", "swarm", "minimize", "distill", "rest"]
    assert names[: len(stages)] == stages
