"""A worker of a campaign: `python -m vmfuzz.campaigns.worker`, its job as one line on stdin.

It answers with JSON lines on stdout. What goes wrong with one trace ends the worker, not the
campaign: the driver knows from the heartbeat which trace that was, and starts another worker.
"""

import gc
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, TextIO

from vmfuzz.campaigns.check import check_paths
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.heartbeat import Heartbeat
from vmfuzz.campaigns.job import OUT_OF_MEMORY, Job, plan_from
from vmfuzz.campaigns.messages import encode_found
from vmfuzz.campaigns.news import NewsMap
from vmfuzz.campaigns.processes import die_with_parent
from vmfuzz.campaigns.recover import recover
from vmfuzz.campaigns.shard import ShardEngine
from vmfuzz.engines.interface import Engine, Found, Progress
from vmfuzz.engines.registry import engine
from vmfuzz.extensions import load_extensions
from vmfuzz.located import described

REPORTS: Final = 3  # findings of one signature that are sent; the rest are the same again
_EVERY: Final = 0.5  # seconds between two reports
_GC_THRESHOLD: Final = 20_000
_FAILED: Final = 70


class Reporter:
    """Tells the driver what was done. A driver that is gone ends the worker."""

    def __init__(self, pipe: TextIO, news: NewsMap) -> None:
        self.pipe, self.news = pipe, news
        self.progress = Progress()
        self.stored: Callable[[], int] = lambda: 0
        self._told = len(news.seen)
        self._tally: dict[tuple[str, str], int] = {}
        self._quirks: dict[str, int] = {}
        self._last = monotonic()
        self._sent: dict[str, int] = {}

    def tick(self) -> None:
        """Report, when it is time to."""
        if monotonic() - self._last >= _EVERY:
            self.report("progress")

    def report(self, kind: str, **more: Any) -> None:  # any JSON value
        """Report all amounts, and what came since the last report."""
        self._last = monotonic()
        progress, news = self.progress, self.news.since(self._told)
        self._told += len(news)
        tally = [
            [*pair, amount - self._tally.get(pair, 0)]
            for pair, amount in progress.tally.items()
            if amount != self._tally.get(pair, 0)
        ]
        quirks = {
            quirk: amount - self._quirks.get(quirk, 0) for quirk, amount in progress.quirks.items()
        }
        self._tally, self._quirks = dict(progress.tally), dict(progress.quirks)
        self.say(
            kind,
            steps=progress.steps,
            traces=progress.traces,
            seconds=round(progress.seconds, 3),
            stored=self.stored(),
            tally=tally,
            quirks=quirks,
            news=news,
            **more,
        )

    def finding(self, found: Found) -> None:
        """Send a finding, unless its signature was sent often enough."""
        times = self._sent[found.finding.signature] = self._sent.get(found.finding.signature, 0) + 1
        if times <= REPORTS:
            self.report("finding", **encode_found(found))

    def say(self, kind: str, **values: Any) -> None:
        """Send one message."""
        try:
            self.pipe.write(json.dumps({"kind": kind, **values}, separators=(",", ":")) + "\n")
            self.pipe.flush()
        except OSError:
            os._exit(0)


class Stop:
    """Set by the driver's SIGTERM, looked at between two traces."""

    def __init__(self) -> None:
        self.is_set = False
        signal.signal(signal.SIGTERM, self._set)

    def _set(self, _signal: int, _frame: object) -> None:
        self.is_set = True

    def __call__(self) -> bool:
        return self.is_set


class Stopped(Exception):
    """An engine was told to stop."""


def main() -> None:
    """Do the job and leave. Effect: nothing is run on the way out."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the driver
    job = Job.decode(sys.stdin.buffer.readline())
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no message
    gc.set_threshold(_GC_THRESHOLD)
    if job.memory:
        resource.setrlimit(resource.RLIMIT_AS, (job.memory, job.memory))
    reporter = Reporter(pipe, NewsMap(job.seen))
    code = 0
    try:
        load_extensions()
        _run(job, reporter, Stop())
        claim = reporter.progress.claim  # of a search: what it has shown
        ending = {"text": claim.verdict, "expected": claim.is_complete} if claim else {}
        reporter.report("done", **ending)
    except MemoryError:
        code = OUT_OF_MEMORY
        reporter.say("memory")
    except Exception as error:  # a defect of ours: the driver keeps the trace
        code = _FAILED
        reporter.say("failed", text=f"{type(error).__name__}: {described(error)}"[:2000])
    os._exit(code)


def _run(job: Job, reporter: Reporter, stop: Stop) -> None:
    plan = plan_from(job.plan)
    if job.mode == "recover":
        recover(plan, job.beat, Path(job.paths[0]))
        return
    pulse = Heartbeat(Path(job.heartbeat))
    if job.mode == "check":
        check_paths(plan, job.paths, pulse, reporter.say, stop)
        return

    def tick() -> None:
        if not isinstance(source, ShardEngine):
            pulse.beat()
            if stop():
                raise Stopped
        reporter.tick()

    source = _engine(job, reporter, pulse, stop)
    plan = replace(plan, on_trace=lambda _world, _ops: pulse.beat())
    try:
        for found in source.run(plan, reporter.progress, tick):
            reporter.finding(found)
    except Stopped:
        return


def _engine(job: Job, reporter: Reporter, pulse: Heartbeat, stop: Stop) -> Engine:
    if job.name != "swarm":
        return engine(job.name)
    corpus = Corpus(Path(job.corpus)) if job.corpus is not None else None
    shard = ShardEngine(corpus, reporter.news, pulse, job.share, stop)
    reporter.stored = lambda: shard.stored
    return shard


if __name__ == "__main__":
    main()
