"""Campaigns in a real Ray cluster: of two nodes on this machine, of which one is lost."""

import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ray_nodes import Nodes
from vmfuzz.campaigns.event_log import read_log
from vmfuzz.campaigns.events import End, Event, FindingSeen, Progress, Worker
from vmfuzz.crashes import bucket_name
from vmfuzz.trace_file import load

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("cluster"),
]
FAULTS = ("segment-clone-misses-last", "teardown-keeps-storage")
PLANTED = tuple(word for fault in FAULTS for word in ("--fault", fault))
TOLERANCE = 5.0  # seconds that a campaign may be late


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: sockets lie below it
    cluster = Nodes(folder)
    try:
        cluster.start_all(2)
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def documented(part: str, **changed: object) -> list[str]:
    """Return the arguments of a command of the page, some words of it replaced."""
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^vmfuzz fuzz (.*{part}.*)", page, re.MULTILINE)
    words = [str(changed.pop(f"_{word}", word)) for word in re.sub("[:.]6379", "", line).split()]
    assert not changed, line
    return words


def started(
    folder: Path, *arguments: object, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vmfuzz", "fuzz", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**(environment or os.environ), "NO_COLOR": "1", "TMPDIR": str(folder)},
    )


def events_of(folder: Path) -> list[Event]:
    log = folder / "events.jsonl"
    return read_log(log).events if log.exists() else []


def wait_for(process: subprocess.Popen[str], is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and not is_so() and time.monotonic() < until:
        time.sleep(0.1)
    assert is_so(), process.communicate()


def both_work(folder: Path) -> bool:
    progress = [event for event in events_of(folder) if isinstance(event, Progress)]
    return bool(progress) and sum(rate.steps > 0 for rate in progress[-1].workers) == 2


def campaign_of(stdout: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(stdout)["campaign"]
    return document


@pytest.mark.parametrize("lost", [1, 0], ids=["worker node", "head"])
def test_the_loss_of_a_node_costs_neither_findings_nor_time(
    nodes: Nodes, tmp_path: Path, lost: int
) -> None:
    begun, began = time.monotonic(), time.time()
    process = started(
        tmp_path, *documented("HEAD", _HEAD=nodes.address, _64=2, _8h="45s"), *PLANTED, "--json",
        environment=nodes.environment,
    )  # fmt: skip
    night = tmp_path / "night"
    wait_for(process, lambda: both_work(night))
    before = {e.signature for e in events_of(night) if isinstance(e, FindingSeen)}
    nodes.kill(lost)
    killed, joined = time.time(), (night / "meta.json").stat().st_mtime
    output, errors = process.communicate(timeout=120)
    spent = time.monotonic() - begun

    document = campaign_of(output)
    assert "ACCT.3c/segment_clone" in document["new"]
    assert before <= set(document["new"])
    for signature in document["new"]:
        load(night / bucket_name(signature) / "min.trace")
    assert spent <= 45 + TOLERANCE, (spent, killed - began)
    log = read_log(night / "events.jsonl")
    assert (log.bad, log.unknown, log.is_truncated) == (0, {}, False)
    workers = [event for event in log.events if isinstance(event, Worker)]
    assert "died" in {event.what for event in workers}
    logging.info("joined after %.1f s", joined - began)
    for event in workers:
        after = event.t - (killed - joined)
        logging.info("%.1f s after the kill: worker %d %s", after, event.worker, event.what)
    assert isinstance(log.events[-1], End)
    assert errors.splitlines()[0].startswith("vmfuzz: cluster 127.0.0.1:")
    assert "Traceback" not in errors
    if lost == 1:
        assert process.returncode == 1
        assert len(document["new"]) >= 2
        assert [event.what for event in workers] == ["died", "restarted"]
        assert errors.count("\n") <= 3  # who joined, and a line every 30 s
        last = [event for event in log.events if isinstance(event, Progress)][-1]
        assert document["corpus"] == last.corpus > 3
    else:
        assert process.returncode == 3
        assert "given up" in {event.what for event in workers}
        assert "hung" not in {event.what for event in workers}
        assert errors.splitlines()[-1].endswith(": lost; what was found before is kept")


LOCAL = ("--cluster", "local", "--workers", 2, "--stop-on", "never")


def ours(folder: Path) -> list[str]:
    """Return the command lines of processes that were started below a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"TMPDIR={folder}".encode() in environment and line:
                found.append(line)
    return found


def nothing_is_left(folder: Path) -> bool:
    until = time.monotonic() + 10
    while ours(folder) and time.monotonic() < until:
        time.sleep(0.2)
    return not ours(folder) and not [p for p in folder.iterdir() if p.name.startswith("vmfuzz-")]


def test_a_cluster_of_our_own_is_quiet_and_leaves_nothing(tmp_path: Path) -> None:
    process = started(
        tmp_path, *LOCAL, *PLANTED, "--steps", 30_000, "--corpus-share", 0.2, "--out", "night",
        "--json",
    )  # fmt: skip
    listening: set[str] = set()
    night = tmp_path / "night"
    while process.poll() is None and not listening:
        if both_work(night):
            listening = {
                line.split()[3].rpartition(":")[0]
                for line in subprocess.run(
                    ["ss", "-Hltnp"], capture_output=True, text=True, check=True
                ).stdout.splitlines()
                if any(f"pid={pid}," in line for pid in pids_of(tmp_path))
            }
        time.sleep(0.1)
    output, errors = process.communicate(timeout=120)

    assert process.returncode == 1, errors
    assert errors.splitlines() == ["vmfuzz: cluster local: 1 node, 2 cores"]
    document = json.loads(output)
    assert "ACCT.3c/segment_clone" in document["campaign"]["new"]
    assert document["campaign"]["corpus"] > 3
    (engine,) = document["engines"]
    assert 30_000 <= engine["steps"] < 32_000
    assert nothing_is_left(tmp_path)
    assert listening <= {"127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"}


def pids_of(folder: Path) -> set[str]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"TMPDIR={folder}".encode() in (entry / "environ").read_bytes():
                    found.add(entry.name)
            except OSError:
                continue
    return found


def test_a_worker_that_dies_is_blamed_on_its_trace_and_replaced_and_ctrl_c_ends_in_order(
    tmp_path: Path,
) -> None:
    process = started(tmp_path, *LOCAL, *PLANTED, "--time", "60s", "--out", "night", "--json")
    night = tmp_path / "night"
    wait_for(process, lambda: both_work(night))
    (victim, *_) = [
        int(pid)
        for pid in sorted(pids_of(tmp_path), key=int)
        if b"vmfuzz.campaigns.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(victim, signal.SIGKILL)
    wait_for(
        process,
        lambda: any(event.path for event in events_of(night) if isinstance(event, Worker)),
    )
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert process.returncode == 130, errors
    assert time.monotonic() - begun < 15
    workers = [event for event in events_of(night) if isinstance(event, Worker)]
    assert [event.what for event in workers[:2]] == ["died", "restarted"]
    assert workers[0].reason == "SIGKILL"
    assert {event.reason for event in workers if event.path} == {"it ended well the second time"}
    assert campaign_of(output)["flaky"]
    assert "ACCT.3c/segment_clone" in campaign_of(output)["new"]
    assert nothing_is_left(tmp_path)


def test_the_first_command_of_the_page_runs(tmp_path: Path) -> None:
    begun = time.monotonic()
    process = started(tmp_path, *documented("local", _1m="75s"))
    output, errors = process.communicate(timeout=120)

    assert process.returncode == 0, errors
    assert time.monotonic() - begun <= 75 + TOLERANCE
    assert "clean: nothing found" in output


def refused(folder: Path, address: str, environment: dict[str, str] | None = None) -> str:
    process = started(
        folder, "--cluster", address, "--workers", 2, "--time", "20s", "--out", "night",
        environment=environment,
    )  # fmt: skip
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert output == ""
    assert not events_of(folder / "night")
    (line,) = [line for line in errors.splitlines() if line.startswith("vmfuzz: ")]
    return line


def test_an_address_where_nobody_listens_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"

        line = refused(tmp_path, address)

    assert line == (
        f"vmfuzz: --cluster {address}: no cluster at {address}: Connection refused;"
        " `ray start --head` starts one"
    )


def test_without_a_cluster_here_auto_is_one_line(tmp_path: Path) -> None:
    empty = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}

    line = refused(tmp_path, "auto", {**empty, "RAY_TMPDIR": str(tmp_path)})

    assert "no cluster runs on this machine; `ray start --head` starts one" in line
