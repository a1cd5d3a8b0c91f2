"""Workers in a Ray cluster against processes, and what crosses between driver and nodes.

`pytest tests/bench/test_cluster.py --log-cli-level=INFO` shows the figures; skipped without Ray.
"""

import logging
import os
import subprocess
import sys
import time
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median

import pytest

from vmfuzz.campaigns.cluster.place import ClusterPlace
from vmfuzz.campaigns.event_log import read_log
from vmfuzz.campaigns.events import Progress
from vmfuzz.campaigns.heartbeat import Beat
from vmfuzz.campaigns.job import Job, plan_values
from vmfuzz.campaigns.links import Limits
from vmfuzz.campaigns.messages import Message
from vmfuzz.campaigns.pool import Pool, Running
from vmfuzz.engines.interface import Plan

SECONDS = 30
JOINING = 20  # seconds more, because joining is part of the time
ROUNDS = 3
TICK = 1.0 / os.sysconf("SC_CLK_TCK")
WORKERS = 2

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.timeout(900),
]


def spent(folder: Path, seen: dict[str, float]) -> float:
    """Return the processor time of all processes started below a folder, the ended included."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"TMPDIR={folder}".encode() not in (entry / "environ").read_bytes():
                    continue
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            seen[entry.name] = TICK * (int(fields[11]) + int(fields[12]))
    return sum(seen.values())


class Campaign:
    """A campaign of two workers that is watched while it runs."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir()
        self.folder, self._seen = folder, dict[str, float]()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vmfuzz", "fuzz", "--workers", str(WORKERS), *options,
             "--time", f"{SECONDS + JOINING}s", "--out", "night"],
            cwd=folder, env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def sample(self) -> tuple[float, int, float] | None:
        """Return campaign time, steps and processor time once all workers work, else None."""
        log = self.folder / "night" / "events.jsonl"
        events = read_log(log).events if log.exists() else []
        progress = [event for event in events if isinstance(event, Progress)]
        cost = spent(self.folder, self._seen)
        if not progress or sum(rate.steps > 0 for rate in progress[-1].workers) < WORKERS:
            return None
        return progress[-1].t, progress[-1].steps, cost


def rates(folder: Path) -> list[tuple[float, float]]:
    """Run processes and a cluster side by side, so that both see the same noise.

    Return steps per second of wall time and of processor time of each, while both work.
    """
    folder.mkdir()
    runs = [Campaign(folder / "c", "--cluster", "local")]
    while runs[0].process.poll() is None and runs[0].sample() is None:
        time.sleep(0.5)
    runs.append(Campaign(folder / "p"))
    samples: list[list[tuple[float, int, float]]] = []
    while all(run.process.poll() is None for run in runs):
        found = [run.sample() for run in runs]
        samples.append([each for each in found if each is not None])
        time.sleep(1.0)
    for run in runs:
        _, errors = run.process.communicate()
        assert run.process.returncode == 0, errors
    both = [each for each in samples if len(each) == 2][:-2]  # until workers are ended
    result = []
    for first, last in zip(both[0], both[-1], strict=True):
        steps = last[1] - first[1]
        result.append((steps / (last[0] - first[0]), steps / (last[2] - first[2])))
    return result


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < WORKERS, reason="one core")
def test_a_cluster_wastes_little_against_processes(tmp_path: Path) -> None:
    """Per second of processor time, too, all of Ray's included: that hardly grows with the steps,

    so that it shows most where other programs leave the workers little.
    """
    ratios: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        there, here = rates(tmp_path / str(number))
        ratios.append((there[0] / here[0], there[1] / here[1]))
        logging.info("processes: %.0f steps/s, %.0f per CPU second", *here)
        logging.info("cluster: %.0f steps/s, %.0f per CPU second", *there)
        logging.info("ratios: %.2f, %.2f", *ratios[-1])

    assert median(wall for wall, _ in ratios) >= 0.75
    assert median(cpu for _, cpu in ratios) >= 0.6


class Weighed(ClusterPlace):
    """A cluster whose lines are weighed."""

    def __init__(self, scratch: Path) -> None:
        super().__init__("local", WORKERS, ["swarm"], scratch)
        self.sizes: dict[str, list[int]] = defaultdict(list)
        self.given: list[int] = []

    def _take(self, line: bytes) -> None:
        _, _, kind = line.partition(b'{"kind":"')
        self.sizes[kind.partition(b'"')[0].decode()].append(len(line))
        super()._take(line)

    def _next_for(self, *arguments: object) -> list[str]:
        texts = super()._next_for(*arguments)  # type: ignore[arg-type]  # passed on as they are
        self.given += [len(text) for text in texts]
        return texts


class Counting:
    """A boss that counts."""

    def __init__(self) -> None:
        self.found = [0] * WORKERS
        self.ended: list[str] = []

    def heard(self, worker: Running, message: Message) -> None:
        self.found[worker.number] += message.found is not None

    def changed(self, worker: Running, what: str, reason: str, beat: Beat | None) -> None:
        self.ended.append(f"{worker.number} {what}: {reason} {beat}")

    def pulse(self) -> bool:
        return True


def test_what_crosses_is_small(tmp_path: Path) -> None:
    place, boss = Weighed(tmp_path), Counting()
    plan = plan_values(Plan(faults=("segment-clone-misses-last",)))
    jobs = [
        Job("engine", "swarm", {**plan, "rng_seed": n}, corpus=str(tmp_path / "corpus"), share=0.1)
        for n in range(WORKERS)
    ]
    try:
        place.join()
        Pool(boss, place, Limits()).run(jobs, SECONDS)
    finally:
        place.close()

    for kind, sizes in sorted(place.sizes.items()):
        logging.info(
            "%s: %d, %.1f per second, %.0f bytes on average, at most %d; %.1f KB per second",
            *(kind, len(sizes), len(sizes) / SECONDS, mean(sizes), max(sizes)),
            sum(sizes) / SECONDS / 1000,
        )
    logging.info("given: %d traces, %.0f bytes on average", len(place.given), mean(place.given))
    assert boss.ended == []
    assert all(boss.found)
    assert place.sizes["stored"]
    assert place.given
    per_worker = sum(map(sum, place.sizes.values())) / SECONDS / WORKERS
    assert per_worker < 1 << 20
