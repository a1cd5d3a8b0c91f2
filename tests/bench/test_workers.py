"""Two workers against one, and whether growing traces from stored ones pays.

`pytest tests/bench/test_workers.py --log-cli-level=INFO` shows the figures.
"""

import json
import logging
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import process_time

import pytest

from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.heartbeat import Heartbeat
from vmfuzz.campaigns.news import NewsMap
from vmfuzz.campaigns.shard import ShardEngine
from vmfuzz.engines.interface import Plan, Progress
from vmstore.faults import FAULT_BY_ID

SECONDS = 8
ROUNDS = 3
SHARES = (0.0, 0.1, 0.5)
LIMIT = 15.0  # seconds of processor time
SEEDS = (1, 2, 3)
FAULTS = (  # those that the swarm takes longest to find
    "blog-os-table-frame-double-free",
    "kvm-huge-pde-access-share",
    "segment-split-at-end",
    "drop-frame-before-bulk-flush",
    "find-next-len-wrap",
    "map-end-wrap",
)


def rates(folder: Path, workers: int) -> tuple[float, float]:
    """Return steps per second of wall time, and per second of processor time.

    A share, even one that nothing comes of, makes one worker a process of its own, too.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "vmfuzz", "fuzz", "--json", "--workers", str(workers),
         "--time", f"{SECONDS}s", "--corpus-share", "1e-9", "--out", str(folder)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    document = json.loads(done.stdout)
    assert document["campaign"]["workers"] == workers
    steps = float(document["engines"][0]["steps"])
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return steps / SECONDS, steps / spent


@pytest.mark.timeout(300)
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_two_workers_waste_little_of_two_cores(tmp_path: Path) -> None:
    """Per second of processor time, because other programs have the cores, too."""
    ratios: list[float] = []
    for number in range(ROUNDS):  # in turn, so that both see the same noise
        one, two = (rates(tmp_path / f"{number}.{n}", n) for n in (1, 2))
        ratios.append(two[1] / one[1])
        logging.info("1 worker: %.0f steps/s, %.0f per CPU second", *one)
        logging.info("2 workers: %.0f steps/s, %.0f per CPU second", *two)
        logging.info("ratios: %.2f, %.2f", two[0] / one[0], two[1] / one[1])

    assert median(ratios) >= 0.75


def hunt(folder: Path, fault: str, share: float, seed: int) -> tuple[int, float] | None:
    """Return steps and processor time until a bug is found under its clause, None if it is not."""
    folder.mkdir()
    engine = ShardEngine(
        Corpus(folder / "corpus"), NewsMap(), Heartbeat(folder / "pulse"), share, lambda: False
    )
    plan = Plan(seconds=LIMIT, rng_seed=seed, faults=(fault,), clock=process_time)
    progress, started = Progress(), process_time()
    for found in engine.run(plan, progress, lambda: None):
        if found.finding.clause == FAULT_BY_ID[fault].clause:
            return progress.steps, process_time() - started
    return None


@pytest.mark.timeout(2400)
def test_growing_from_stored_traces_loses_no_bugs(tmp_path: Path) -> None:
    """It is off by default, because it has shown no gain; here a gain would show."""
    found: dict[float, int] = {}
    for share in SHARES:
        hunts = [
            hunt(tmp_path / f"{fault}.{share}.{seed}", fault, share, seed)
            for fault in FAULTS
            for seed in SEEDS
        ]
        hits = [each for each in hunts if each is not None]
        found[share] = len(hits)
        logging.info(
            "share %.1f: %d of %d, median of these %.0f steps, %.2f s",
            share,
            len(hits),
            len(hunts),
            median(steps for steps, _ in hits or [(0, 0.0)]),
            median(seconds for _, seconds in hits or [(0, 0.0)]),
        )

    assert found[0.1] >= found[0.0] - 3
