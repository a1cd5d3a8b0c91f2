"""Campaigns in a real Ray cluster: of two nodes on this machine, of which one is lost."""

import json
import os
import shutil
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
        cluster.start()
        cluster.start()
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


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
    begun = time.monotonic()
    process = started(
        tmp_path, "--cluster", nodes.address, "--workers", 2, "--time", "45s", "--stop-on", "never",
        *PLANTED, "--out", "night", "--json", environment=nodes.environment,
    )  # fmt: skip
    night = tmp_path / "night"
    wait_for(process, lambda: both_work(night))
    before = {e.signature for e in events_of(night) if isinstance(e, FindingSeen)}
    nodes.kill(lost)
    killed = time.monotonic()
    output, errors = process.communicate(timeout=120)
    spent = time.monotonic() - begun

    document = campaign_of(output)
    assert "ACCT.3c/segment_clone" in document["new"]
    assert before <= set(document["new"])
    for signature in document["new"]:
        load(night / signature.replace("/", "--") / "min.trace")
    assert spent <= 45 + TOLERANCE, (spent, killed - begun)
    log = read_log(night / "events.jsonl")
    assert (log.bad, log.unknown, log.is_truncated) == (0, {}, False)
    workers = [event for event in log.events if isinstance(event, Worker)]
    assert "died" in {event.what for event in workers}
    assert isinstance(log.events[-1], End)
    assert errors.splitlines()[0].startswith("vmfuzz: cluster 127.0.0.1:")
    assert "Traceback" not in errors
    assert "ray" not in errors.lower().replace("array", "")
    if lost == 1:
        assert process.returncode == 1
        assert len(document["new"]) >= 2
        (again,) = {event.t for event in workers if event.what == "restarted"} or {0.0}
        (died,) = {event.t for event in workers if event.what == "died"}
        assert again - died < 5.0
        last = [event for event in log.events if isinstance(event, Progress)][-1]
        assert document["corpus"] == last.corpus > 3
    else:
        assert process.returncode == 3
        assert "given up" in {event.what for event in workers}
