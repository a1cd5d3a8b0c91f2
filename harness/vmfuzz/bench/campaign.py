"""Measures a campaign as users run it: its time, and its last tenth against its first.

The campaign is a process of its own; what it did is read from its event log.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from vmfuzz.bench.tables import Grid
from vmfuzz.campaigns.event_log import read_log
from vmfuzz.campaigns.events import Event, Progress, Stage
from vmfuzz.campaigns.folder import EVENTS
from vmfuzz.errors import HarnessError, VmfuzzError

_SHARE: Final = 0.1  # of the time of the engines: what is called its start, and its end
_OVERRUN: Final = (5.0, 0.02)  # seconds, or of the time: what a campaign may take longer
_STDERR: Final = 2
_GRACE: Final = 120.0  # seconds until a campaign that does not end is killed


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the campaign. Units: seconds of wall and of processor time, bytes of memory.

    `corpus` and `features` are amounts at its end.
    """

    seconds: float
    cpu: float
    steps: int
    rss: int
    corpus: int
    features: int

    @property
    def per_cpu(self) -> float:
        """Steps per second of processor time, driver and workers together."""
        return self.steps / self.cpu if self.cpu else 0.0

    @property
    def per_second(self) -> float:
        """Steps per second of wall time."""
        return self.steps / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A campaign that was asked to take `asked` seconds and took `took`, report included.

    `start` and `end` are None when it was too short to have both.
    """

    asked: float
    took: float
    start: Window | None = None
    end: Window | None = None

    @property
    def is_in_time(self) -> bool:
        """Whether it took at most 5 seconds, or 2 %, longer than asked."""
        seconds, share = _OVERRUN
        return self.took - self.asked <= max(seconds, share * self.asked)


def measure(
    seconds: float, workers: int, seed: int, out: Path, *, is_kept: bool = True
) -> Measured:
    """Run a campaign in the folder `out`, then its report. Their own lines go to stderr.

    Unless the folder `is_kept`, without those that send the reader there.
    Errors: HarnessError when it does not end, VmfuzzError when it fails.
    """
    started = monotonic()
    hidden = None if is_kept else str(out)
    _run(
        "fuzz", "--time", f"{seconds:g}s", "--seed", str(seed), "--workers", str(workers),
        "--stop-on", "never", "--out", str(out), limit=seconds * 1.5 + _GRACE, hidden=hidden,
    )  # fmt: skip
    _run("report", str(out), limit=_GRACE, hidden=None if is_kept else "")  # "": every line
    return judged(seconds, monotonic() - started, read_log(out / EVENTS).events)


def _run(name: str, *arguments: str, limit: float, hidden: str | None) -> None:
    """Run a command; lines of its result that name `hidden` are not shown."""
    command = [sys.executable, "-m", "vmfuzz", name, *arguments]
    stdout = _STDERR if hidden is None else subprocess.PIPE
    try:
        done = subprocess.run(command, stdout=stdout, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise HarnessError(f"vmfuzz {name} was still running after {limit:g} s") from None
    if hidden is not None:
        lines = done.stdout.splitlines(keepends=True)
        with suppress(OSError):  # a remark that nobody can read
            os.write(_STDERR, b"".join(line for line in lines if os.fsencode(hidden) not in line))
    if done.returncode != 0:
        raise VmfuzzError(f"no figures: vmfuzz {name} ended with exit code {done.returncode}")


def judged(asked: float, took: float, events: Sequence[Event]) -> Measured:
    """Return what a log says of the start and the end of the engines' time."""
    marks = {e.state: e.t for e in events if isinstance(e, Stage) and e.name == "engines"}
    begin, end = marks.get("begin", 0.0), marks.get("end", marks.get("cut", took))
    counted = [e for e in events if isinstance(e, Progress) and begin <= e.t <= end]
    part = _SHARE * (end - begin)
    first = [e for e in counted if e.t <= begin + part]
    last = [e for e in counted if e.t >= end - part]
    if len(first) < 2 or len(last) < 2:
        return Measured(asked, took)
    return Measured(asked, took, _window(first), _window(last))


def _window(events: list[Progress]) -> Window:
    first, last = events[0], events[-1]
    return Window(
        seconds=last.t - first.t,
        cpu=last.cpu - first.cpu,
        steps=last.steps - first.steps,
        rss=last.rss,
        corpus=last.corpus,
        features=last.features,
    )


def campaign_table(found: Measured) -> Grid:
    """Return a row per figure: at the start, at the end, and the one over the other."""
    start, end = found.start, found.end
    if start is None or end is None:
        return Grid(("too short to compare its start and its end",), [])
    rows = [
        _row("steps per processor second", start.per_cpu, end.per_cpu),
        _row("steps per second", start.per_second, end.per_second),
        _row("memory, MiB", start.rss / 2**20, end.rss / 2**20),
        _row("traces in the corpus", start.corpus, end.corpus),
        _row("features", start.features, end.features),
    ]
    return Grid(("what", "start", "end", "ratio"), rows, (1, 2, 3))


def _row(what: str, start: float, end: float) -> tuple[str, ...]:
    return (what, f"{start:,.0f}", f"{end:,.0f}", f"{end / start:.3f}" if start else "-")


def sentence(found: Measured) -> str:
    """Say whether the campaign was in time."""
    over = found.took - found.asked
    verdict = "in time" if found.is_in_time else "TOO LATE"
    took = f"took {found.took:.1f} s with its report ({over:+.1f} s)"
    return f"asked for {found.asked:g} s, {took}: {verdict}"
