"""What the workers of a run have done, summed up over all of them and all their restarts."""

from dataclasses import dataclass, field

from vmfuzz.campaigns.events import WorkerRate
from vmfuzz.campaigns.messages import Message
from vmfuzz.campaigns.pool import Running
from vmfuzz.engines.interface import Progress


@dataclass(slots=True)
class Census:
    """Amounts of a run. Shape: `progress` per engine, `features` of all traces."""

    progress: dict[str, Progress] = field(default_factory=dict)
    features: set[int] = field(default_factory=set)
    steps: int = 0
    traces: int = 0
    _steps_of: dict[int, int] = field(default_factory=dict)
    _shown: dict[int, tuple[float, int]] = field(default_factory=dict)

    def add(self, worker: Running, message: Message) -> None:
        """Add what a message says came since the worker's last. Requires: in their order."""
        steps = max(0, message.steps - worker.steps)
        traces = max(0, message.traces - worker.traces)
        progress = self.progress.setdefault(worker.job.name, Progress())
        progress.steps += steps
        progress.traces += traces
        self._count(worker.number, steps, traces)
        progress.count(message.tally, message.quirks)
        self.features.update(message.news)

    def checked(self, worker: Running, message: Message) -> None:
        """Add a stored trace that was run once more."""
        self._count(worker.number, message.steps, 1)
        self.features.update(message.news)

    def rates(self, now: float, running: list[Running]) -> tuple[WorkerRate, ...]:
        """Return what each worker has done, with its rate since the last call."""
        rss = {worker.number: worker.rss for worker in running}
        rates = []
        for number in sorted(self._steps_of):
            steps = self._steps_of[number]
            then, before = self._shown.get(number, (0.0, 0))
            rate = (steps - before) / (now - then) if now > then else 0.0
            self._shown[number] = (now, steps)
            rates.append(WorkerRate(number, steps, round(rate, 1), rss.get(number, 0)))
        return tuple(rates)

    def _count(self, number: int, steps: int, traces: int) -> None:
        self.steps += steps
        self.traces += traces
        self._steps_of[number] = self._steps_of.get(number, 0) + steps
