"""The workers of a campaign: started, listened to, watched, ended; a dead one is replaced."""

from dataclasses import dataclass, replace
from time import monotonic
from typing import Final, Protocol

from vmfuzz.campaigns.heartbeat import NOTHING, Beat
from vmfuzz.campaigns.job import Job, seed_of
from vmfuzz.campaigns.links import Ending, Limits, Link, Place
from vmfuzz.campaigns.messages import Message, MessageError, decode
from vmfuzz.errors import HarnessError

GRACE: Final = 2.0  # seconds in which a worker that is told to stop must have stopped
START: Final = 30.0  # seconds until a worker must have begun with its first trace
MAX_RESTARTS: Final = 50  # of one worker in one stage
_HOPELESS: Final = 3  # deaths in a row before a first trace: there is no point in another
_POLL: Final = 0.1
_LOOK_EVERY: Final = 0.5  # seconds between two looks at a worker's memory


class Boss(Protocol):
    """Who is told what the workers do, and says when to stop."""

    def heard(self, worker: "Running", message: Message) -> None:
        """Take a message."""
        ...

    def changed(self, worker: "Running", what: str, reason: str, beat: Beat | None) -> None:
        """Note what happened to a worker; `beat` says which trace it ran, if that can be known."""
        ...

    def pulse(self) -> bool:
        """Do a little of what is waiting; called ten times a second. Return whether to go on."""
        ...


@dataclass(slots=True)
class Running:
    """A worker, from its start to its end. Amounts are those of this process alone.

    `serial` tells it from all others of its pool.
    """

    number: int
    job: Job
    link: Link
    serial: int
    steps: int = 0
    traces: int = 0
    stored: int = 0
    rss: int = 0
    beat: int = 0
    beaten: float = 0.0
    looked: float = 0.0
    last: Beat | None = None
    is_done: bool = False
    reason: tuple[str, str] = ("died", "")
    restarts: int = 0
    barren: int = 0


class Pool:
    """Runs jobs side by side, one worker each, in a place that is given back by its owner."""

    def __init__(self, boss: Boss, place: Place, limits: Limits) -> None:
        self.boss, self.place, self.limits = boss, place, limits
        self.workers: dict[int, Running] = {}
        self._started = 0
        self._until: float | None = None

    def run(self, jobs: list[Job], seconds: float | None) -> None:
        """Run the jobs, at most so long; a worker that ends too early is replaced.

        Effect: no worker is left, however this ends.
        """
        self._until = monotonic() + seconds if seconds is not None else None
        try:
            for number, job in enumerate(jobs):
                self._start(number, job)
            while self.workers and self.boss.pulse() and not self._is_late():
                self._listen(_POLL)
                self._watch()
            self._stop()
        finally:
            for worker in self.workers.values():
                worker.link.kill()
            for worker in list(self.workers.values()):
                self._end(worker)

    def _is_late(self) -> bool:
        return self._until is not None and monotonic() >= self._until

    def _start(self, number: int, job: Job, restarts: int = 0, barren: int = 0) -> None:
        self._started += 1
        job = replace(job, memory=self.limits.memory)
        link = self.place.start(job)
        worker = Running(number, job, link, self._started, restarts=restarts, barren=barren)
        worker.beaten = worker.looked = monotonic()
        self.workers[number] = worker

    def _listen(self, seconds: float) -> None:
        speaking = set(map(id, self.place.wait(seconds)))
        for worker in [w for w in self.workers.values() if id(w.link) in speaking]:
            self._read(worker)

    def _read(self, worker: Running) -> None:
        """Take what a worker has said; one that is at an end, or talks nonsense, is ended."""
        try:
            lines = worker.link.lines()
            if lines is None:
                self._gone(worker)
                return
            for line in lines:
                self._hear(worker, decode(line))
        except MessageError as error:
            worker.reason = ("failed", f"it said what no worker says: {error}")
            self._gone(worker)

    def _hear(self, worker: Running, message: Message) -> None:
        worker.beaten = monotonic()
        worker.is_done |= message.kind == "done"
        if message.kind == "failed":
            worker.reason = ("failed", message.text)
        elif message.kind == "memory":
            worker.reason = ("oversized", f"more than {self.limits.memory >> 20} MiB")
        self.boss.heard(worker, message)
        if message.kind == "checked":
            worker.steps += message.steps
            worker.traces += 1
        elif message.kind in {"progress", "finding", "done"}:
            worker.steps, worker.traces = message.steps, message.traces
            worker.stored = message.stored

    def _watch(self) -> None:
        now = monotonic()
        for worker in list(self.workers.values()):
            count = worker.link.count
            if count != worker.beat:
                worker.beat, worker.beaten = count, now
            if now - worker.looked >= _LOOK_EVERY:
                worker.looked, worker.rss = now, worker.link.rss
            patience = self.limits.trace_seconds if worker.beat else START
            if now - worker.beaten > max(patience, self.limits.trace_seconds):
                worker.reason = ("hung", f"no end after {patience:g} s")
                self._gone(worker)
            elif worker.rss > self.limits.memory:
                worker.reason = ("oversized", f"{worker.rss >> 20} MiB")
                self._gone(worker)

    def _gone(self, worker: Running) -> None:
        """End a worker and see why; replace it, if it had not done its job."""
        ending = self._end(worker)
        beat = worker.last = ending.beat or Beat(0, 0, NOTHING)
        if worker.is_done:
            return
        what, reason = worker.reason
        if what == "died":
            reason = ending.words
        if worker.job.mode == "check" and beat.count and beat.number < len(worker.job.paths):
            reason = f"{reason}, at {worker.job.paths[beat.number]}"
        runs = beat.kind != NOTHING and worker.job.mode == "engine"
        self.boss.changed(worker, what, reason, beat if runs else None)
        barren = 0 if beat.count or worker.steps else worker.barren + 1
        if worker.restarts >= MAX_RESTARTS or barren >= _HOPELESS:
            self.boss.changed(worker, "given up", "it dies again and again", None)
        else:
            self._replace(worker, barren)

    def _replace(self, worker: Running, barren: int) -> None:
        job = self._rest(worker)
        if job is None:
            return
        try:
            self._start(worker.number, job, worker.restarts + 1, barren)
        except HarnessError as error:
            self.boss.changed(worker, "given up", str(error), None)
            return
        self.boss.changed(self.workers[worker.number], "restarted", "", None)

    def _rest(self, worker: Running) -> Job | None:
        """Return what a dead worker has left to do, None if nothing: other seeds, less of it."""
        plan, changes = worker.job.plan, dict[str, object]()
        if worker.job.mode == "check":
            done = worker.last.number + 1 if worker.last and worker.last.count else 0
            paths = worker.job.paths[done:]
            return replace(worker.job, paths=paths) if paths else None
        if self._until is not None:
            left = self._until - monotonic()
            if left < 1:
                return None
            changes["seconds"] = left
        if plan["steps"] is not None:
            changes["steps"] = plan["steps"] - worker.steps
            if plan["steps"] <= worker.steps:
                return None
        return worker.job.with_plan(rng_seed=seed_of(plan["rng_seed"], "again"), **changes)

    def _stop(self) -> None:
        """Ask the workers to stop, and hear what they still have to say; then end them."""
        for worker in self.workers.values():
            worker.link.ask_to_stop()
            worker.is_done = True  # whatever becomes of it now, it needs no other
        limit = monotonic() + GRACE
        while self.workers and monotonic() < limit:
            self._listen(_POLL)

    def _end(self, worker: Running) -> Ending:
        """End a worker with all it started."""
        ending = worker.link.end()
        self.workers.pop(worker.number, None)
        return ending
