"""The coverage-guided engine: a child process that finds bugs, stops, and never stays behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from vmfuzz.bytecode import encode
from vmfuzz.campaign import Campaign, run_campaign
from vmfuzz.crashes import cut
from vmfuzz.engines import atheris_engine
from vmfuzz.engines.atheris_engine import AtherisEngine, Limits
from vmfuzz.engines.interface import Feedback, Plan, Progress
from vmfuzz.errors import HarnessError
from vmfuzz.runner import run
from vmfuzz.trace_file import load
from vmfuzz.trace_text import parse
from vmstore.world import World

needs_atheris = pytest.mark.skipif(not find_spec("atheris"), reason="atheris is not installed")
FAULT = "segment-clone-misses-last"
BREAKS_MANY = "teardown-skips-on-drop"
PAGES = 400_000  # a claim of so many takes seconds, and some 400 MB
Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def few_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atheris_engine, "SEEDS", 20)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie waits only for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended in between
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


@contextmanager
def running(out: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A run that found something and goes on, and the id of its child."""
    command = [sys.executable, "-m", "vmfuzz", "fuzz", "--engine", "atheris", "--time", "60s"]
    temporary = out.parent / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [*command, "--fault", FAULT, "--stop-on", "never", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=out.parent,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        try:
            wait_for(lambda: any(out.glob("*/finding.txt")))
            (child,) = children(process.pid)
            yield process, child
        finally:
            process.kill()


@needs_atheris
@pytest.mark.usefixtures("few_seeds")
@pytest.mark.parametrize(
    "feedback", ["code", *(pytest.param(f, marks=pytest.mark.slow) for f in ("both", "state"))]
)
def test_a_bug_is_found_under_its_clause_with_each_feedback(feedback: Feedback) -> None:
    plan = Plan(seconds=60, faults=(FAULT,), feedback=feedback)
    progress = Progress()

    found = next(AtherisEngine().run(plan, progress, lambda: None))

    assert found.engine == "atheris"
    assert found.finding.signature == "ACCT.3c/segment_clone"
    again = run(cut(found)).finding
    assert again is not None
    assert (again.signature, again.step) == (found.finding.signature, found.finding.step)
    assert progress.tally["segment_clone", "ok"] >= 1


@needs_atheris
def test_a_clean_run_counts_its_steps_and_stops_near_the_limit(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("fuzz", "--engine", "atheris", "--steps", 3000, "--json")

    document = json.loads(done.stdout)
    (engine,) = document["engines"]
    assert done.returncode == 0
    assert document["findings"] == []
    assert 3000 <= engine["steps"] < 3000 + 400
    assert engine["traces"] > 20
    assert sum(n for row in document["ops"].values() for n in row.values()) == engine["steps"]


@needs_atheris
@pytest.mark.usefixtures("few_seeds")
def test_a_run_goes_on_after_a_finding() -> None:
    campaign = Campaign()
    plan = Plan(steps=3000, faults=(BREAKS_MANY,))

    run_campaign(campaign, plan, ["atheris"], stop_on="never")

    progress = campaign.progress["atheris"]
    assert len(campaign.findings) > 1
    assert max(stored.hits for stored in campaign.findings.values()) > 1
    assert campaign.unreproducible == 0
    assert 3000 <= progress.steps < 3400
    assert sum(progress.tally.values()) == progress.steps


@needs_atheris
@pytest.mark.slow
def test_a_time_limit_is_kept(vmfuzz: Vmfuzz) -> None:
    document = json.loads(vmfuzz("fuzz", "--engine", "atheris", "--time", "6s", "--json").stdout)

    (engine,) = document["engines"]
    assert 5.5 <= engine["seconds"] < 9
    assert engine["steps"] > 20_000


@pytest.mark.slow
@needs_atheris
def test_a_killed_child_ends_the_run_and_what_was_found_stays(tmp_path: Path) -> None:
    out = tmp_path / "findings"
    with running(out) as (process, child):
        os.kill(child, signal.SIGKILL)
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 3
    assert "the atheris child was killed by signal 9" in errors
    assert "Traceback" not in output + errors
    assert not alive(child)
    assert not any((tmp_path / "temporary").iterdir())
    stored = load(out / "ACCT.3c--segment_clone" / "min.trace")
    finding = run(stored).finding
    assert finding is not None
    assert finding.signature == "ACCT.3c/segment_clone"


@pytest.mark.slow
@needs_atheris
def test_an_interrupted_run_shows_what_it_found_and_leaves_no_child(tmp_path: Path) -> None:
    with running(tmp_path / "findings") as (process, child):
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert output.splitlines()[-1] == "interrupted; 1 signature found so far"
    assert "Traceback" not in output + errors
    assert not alive(child)
    assert not any((tmp_path / "temporary").iterdir())


@needs_atheris
@pytest.mark.slow
def test_a_killed_run_leaves_neither_child_nor_folder(tmp_path: Path) -> None:
    with running(tmp_path / "findings") as (process, child):
        process.kill()
        process.communicate(timeout=30)

        wait_for(lambda: not alive(child))
    assert not any((tmp_path / "temporary").iterdir())


@needs_atheris
@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        pytest.param(Limits(timeout=1), "one input ran for more than 1 s", id="timeout"),
        pytest.param(Limits(memory_mb=100), "one input needed more than 100 MB", id="memory"),
    ],
)
def test_an_input_that_takes_too_much_is_kept_as_a_trace(
    limits: Limits, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = f"s0 = segment_from_unused(start=0x0, end={PAGES << 12:#x})"
    trace = parse(f"#vmfuzz-trace 1\nworld frames={PAGES}\n{claim}\n")
    monkeypatch.setattr(atheris_engine, "swarm_inputs", lambda *_: [b"\0" + encode(trace)])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    plan = Plan(seconds=60, world=trace.world, pinned=frozenset({"frames"}))
    before = children(os.getpid())  # what the tests share

    with pytest.raises(HarnessError) as raised:
        list(AtherisEngine(limits).run(plan, Progress(), lambda: None))

    message = str(raised.value)
    assert message.startswith(f"{problem}; the trace is kept in {tmp_path}")
    (kept,) = tmp_path.glob("vmfuzz-kept-*/input.trace")
    assert str(kept) in message
    assert load(kept).ops == trace.ops
    assert load(kept).world.frames == PAGES
    assert list(tmp_path.iterdir()) == [kept.parent]
    assert children(os.getpid()) == before


@needs_atheris
@pytest.mark.usefixtures("few_seeds")
def test_an_error_of_ours_in_the_child_is_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    plan = Plan(seconds=60, checks=frozenset({"view"}), faults=("nope",))
    monkeypatch.setattr(atheris_engine, "ByteTarget", lambda *_: _Worlds())

    with pytest.raises(HarnessError, match=r"UnknownFault: .*nope"):
        list(AtherisEngine().run(plan, Progress(), lambda: None))

    assert list(tmp_path.iterdir()) == []


class _Worlds:
    """As much of a target as the parent needs to start a child whose own target cannot be made."""

    worlds = (World(),)


def test_without_atheris_the_message_says_how_to_get_it(
    vmfuzz: Vmfuzz, without_atheris: dict[str, str]
) -> None:
    done = vmfuzz("fuzz", "--engine", "swarm,atheris", "--steps", 10, **without_atheris)

    assert done.returncode == 2
    assert "needs atheris, which is not installed; `pip install 'vmfuzz[atheris]'`" in done.stderr
    assert done.stdout == ""
