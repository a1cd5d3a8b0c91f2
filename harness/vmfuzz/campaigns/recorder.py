"""Writes down what a campaign does: events as they come, the state often, amounts over all runs."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Final

from vmfuzz.campaigns.events import (
    End,
    Event,
    FindingSeen,
    Progress,
    Replayed,
    Stage,
    Start,
    Tally,
    Worker,
    WorkerRate,
)
from vmfuzz.campaigns.folder import CampaignFolder
from vmfuzz.processor_clock import ProcessorClock

_SAVE_EVERY: Final = 2.0  # seconds: what a killed campaign loses at most, and some
# Intervals grow with the campaign, so that a month's log is not a hundred times a night's.
_PROGRESS_EVERY: Final = 1.0
_PROGRESS_SHARE: Final = 1 / 2000
_MANY: Final = 1000  # traces that an event names
_TALLY_EVERY: Final = 5.0
_TALLY_SHARE: Final = 1 / 50


class Stopwatch:
    """Seconds that have gone by. A clock that is set back stops it for a while, no more."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._elapsed = 0.0

    def __call__(self) -> float:
        """Return the seconds since the stopwatch was made; they never fall."""
        now = self._clock()
        self._elapsed += max(0.0, now - self._last)
        self._last = now
        return self._elapsed


class Recorder:
    """Keeps a run of a campaign in its folder. Amounts of earlier runs are added by itself."""

    def __init__(self, folder: CampaignFolder, clock: Callable[[], float]) -> None:
        self.folder = folder
        self.elapsed = Stopwatch(clock)
        self._processor = ProcessorClock()
        self._before = folder.state
        self._now = replace(folder.state, run=folder.state.run + 1)
        self._saved = self._logged = self._tallied = 0.0
        folder.state = self._now

    @property
    def run(self) -> int:
        """The number of this run, from 1."""
        return self._now.run

    @property
    def t(self) -> float:
        """Seconds of campaign time."""
        return self._before.t + self.elapsed()

    def start(
        self,
        *,
        plan: dict[str, object],
        described: Callable[[float, int], Start],
        baseline: list[str],
        is_resumed: bool,
    ) -> None:
        """Begin the run. Effect: the plan is kept."""
        if not is_resumed:
            self._before.spent = 0.0
            self._now.baseline = baseline
        self.folder.write_meta(plan)
        self._add(described(self.t, self.run))
        self._save()

    def stage(self, name: str, state: str, words: str = "") -> None:
        """Note that a part of the plan begins or ends."""
        self._add(Stage(self.t, self.run, name, state, words))

    def worker(self, number: int, what: str, reason: str = "", path: str = "") -> None:
        """Note what happened to a worker."""
        self._add(Worker(self.t, self.run, number, what, reason, path))

    def replayed(
        self, passed: list[str], broken: dict[str, str], unreadable: dict[str, str]
    ) -> None:
        """Note which traces ended as they say, and what became of the others."""
        others = [dict(islice(names.items(), _MANY)) for names in (broken, unreadable)]
        self._add(Replayed(self.t, self.run, len(passed), tuple(passed[:_MANY]), *others))

    def finding(self, described: Callable[[float, int], FindingSeen]) -> None:
        """Note a signature that is met for the first time in this run."""
        self._add(described(self.t, self.run))
        self._save()

    def count(
        self,
        *,
        steps: int,
        traces: int,
        tally: dict[str, dict[str, int]],
        quirks: dict[str, int],
        features: int = 0,
    ) -> None:
        """Take the amounts of this run so far."""
        before, now = self._before, self._now
        now.steps, now.traces = before.steps + steps, before.traces + traces
        now.features = max(before.features, features)
        now.tally = {op: dict(row) for op, row in before.tally.items()}
        for op, row in tally.items():
            _add_counts(now.tally.setdefault(op, {}), row)
        now.quirks = dict(before.quirks)
        _add_counts(now.quirks, quirks)

    def is_due(self) -> bool:
        """Return whether the amounts should be taken, and `tick` called."""
        return self.elapsed() - self._saved >= min(_SAVE_EVERY, self._progress_interval())

    def tick(
        self,
        *,
        corpus: int = 0,
        buckets: int = 0,
        rss: int = 0,
        workers: tuple[WorkerRate, ...] = (),
    ) -> None:
        """Write down the amounts: to the state now, to the log when it is time."""
        elapsed, t = self.elapsed(), self.t
        if elapsed - self._logged >= self._progress_interval():
            self._logged = elapsed
            self._progress(corpus, buckets, rss, workers)
        if elapsed - self._tallied >= max(_TALLY_EVERY, t * _TALLY_SHARE):
            self._tallied = elapsed
            self._tally()
        self._save()

    def end(
        self,
        described: Callable[[float, int], End],
        *,
        corpus: int = 0,
        buckets: int = 0,
        rss: int = 0,
        workers: tuple[WorkerRate, ...] = (),
    ) -> None:
        """End the run: last amounts, then the verdict."""
        self._progress(corpus, buckets, rss, workers)
        self._tally()
        self._add(described(self.t, self.run))
        self._save()

    @property
    def problem(self) -> str:
        """Why the log or the state could not be written lately, empty if they were."""
        return self.folder.log.problem or self.folder.problem

    def _progress_interval(self) -> float:
        return max(_PROGRESS_EVERY, self.t * _PROGRESS_SHARE)

    def _progress(
        self, corpus: int, buckets: int, rss: int, workers: tuple[WorkerRate, ...]
    ) -> None:
        now, cpu = self._now, round(self._processor(), 2)
        amounts = now.steps, now.traces, now.features, corpus, buckets, rss, workers, cpu
        self._add(Progress(self.t, self.run, *amounts))

    def _tally(self) -> None:
        now = self._now
        ops = {op: dict(sorted(now.tally[op].items())) for op in sorted(now.tally)}
        self._add(Tally(self.t, self.run, ops, dict(sorted(now.quirks.items()))))

    def _add(self, event: Event) -> None:
        self.folder.log.append(event)

    def _save(self) -> None:
        elapsed = self.elapsed()
        self._now.t, self._now.spent = self._before.t + elapsed, self._before.spent + elapsed
        self._saved = elapsed
        self.folder.save_state()


def _add_counts(into: dict[str, int], more: dict[str, int]) -> None:
    for name, amount in more.items():
        into[name] = into.get(name, 0) + amount
