"""A campaign of several workers, stage by stage: replay, engines, minimize, distill, rest.

Every stage has a share of the time; what one leaves over the next ones get. The clock only stops
things: what a worker runs follows from its seed, and from what others have stored.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from vmfuzz.campaign import StopOn
from vmfuzz.campaigns.census import Census
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.desk import QUICK, Desk
from vmfuzz.campaigns.folder import CORPUS
from vmfuzz.campaigns.heartbeat import Beat
from vmfuzz.campaigns.job import Job, plan_values, search_file, seed_of
from vmfuzz.campaigns.links import Limits, Place
from vmfuzz.campaigns.memory import resident
from vmfuzz.campaigns.messages import Message
from vmfuzz.campaigns.morgue import Morgue
from vmfuzz.campaigns.pool import GRACE, Pool, Running
from vmfuzz.campaigns.processes import COMMAND, Processes
from vmfuzz.campaigns.stored import StoredTraces
from vmfuzz.crashes import buckets
from vmfuzz.engines.interface import Plan
from vmfuzz.engines.registry import EXHAUSTIVE

_REPLAY_SHARE: Final = 0.2  # of the time, at most
_END_SHARE: Final = 0.04  # of the time, for minimizing and distilling,
_END_LEAST, _END_MOST = 1.0, 180.0  # within these limits; seconds
_DISTILL_SHARE: Final = 0.5  # of the time that is left at the end
_DRAIN: Final = 3.0  # seconds for what was found when an interrupt came
_LAST: Final = 1.0  # seconds for what the rest of the time has found
_SHORTEST: Final = 0.3  # seconds that are worth starting workers for


@dataclass(frozen=True, slots=True)
class Asked:
    """What a campaign of several workers is asked for.

    `share` of the swarm's traces are grown from stored ones; `replay` are folders of traces that
    must end as they say. Units: `seconds` of this run, None without a limit.
    """

    plan: Plan
    engines: tuple[str, ...]
    workers: int
    seconds: float | None
    stop_on: StopOn = "first"
    share: float = 0.0
    limits: Limits = Limits()  # noqa: RUF009  # frozen
    replay: tuple[Path, ...] = ()
    command: tuple[str, ...] = COMMAND


class Watch(Protocol):
    """Who shows how a campaign goes."""

    def __call__(self, night: "Night") -> None:
        """Show it, if it is time to."""
        ...

    def close(self) -> None:
        """Show nothing any more."""
        ...


class Night:
    """Runs a campaign. `interrupt` is called by whoever sees a Ctrl-C.

    Engines run in `cluster`, if there is one. Stored traces are files of this machine, so that
    they are run by processes of it.
    """

    def __init__(
        self, asked: Asked, desk: Desk, scratch: Path, watch: Watch, cluster: Place | None = None
    ) -> None:
        self.asked, self.desk, self.watch = asked, desk, watch
        self.recorder, self.folder = desk.recorder, desk.folder
        self.corpus = Corpus(self.folder.path / CORPUS)
        self.census = Census(progress=desk.campaign.progress)
        self.morgue = Morgue(desk, scratch, asked.limits, asked.command)
        self.processes = Pool(self, Processes(scratch, asked.command), asked.limits)
        self.pool = Pool(self, cluster, asked.limits) if cluster is not None else self.processes
        self.stage = ""
        self.is_interrupted = False
        self.gave_up = False
        self.is_broken = False
        self.claims: list[str] = []  # what searches have shown
        self.partial: list[str] = []  # and those that were not all they were to show
        self.stored = StoredTraces(desk, self.corpus, asked.replay)
        self._end = asked.seconds

    def interrupt(self) -> None:
        """Let the campaign end: what was found is stored, and nothing else is begun."""
        self.is_interrupted = True
        self._end = min(self.recorder.elapsed() + _DRAIN, self._end or float("inf"))

    def run(self) -> None:
        """Run all stages. Effect: no process is left; the folder has all that was found."""
        try:
            self._staged("replay", self._replay)
            self._staged("engines", self._engines)
            self._staged("minimize", self._minimize)
            self._staged("distill", self._distill)
            self._staged("rest", self._rest)
        finally:
            self.morgue.close()
            self.processes.place.close()
            self.count()

    def left(self) -> float:
        """Return the seconds that are left of the time."""
        return float("inf") if self._end is None else self._end - self.recorder.elapsed()

    def _staged(self, name: str, work: Callable[[], str]) -> None:
        self.stage = name
        self.recorder.stage(name, "begin")
        words = work()
        was_cut = self.is_interrupted or self.left() <= 0
        self.recorder.stage(name, "cut" if was_cut else "end", words)

    def check(self, paths: list[str], seconds: float | None) -> bool:
        """Run stored traces, shared out over the workers; return whether all were run."""
        workers = self.asked.workers
        if self.pool is not self.processes:
            workers = min(workers, len(os.sched_getaffinity(0)))
        shares = [paths[n::workers] for n in range(workers)]
        plan = plan_values(self.asked.plan)
        jobs = [Job("check", "replay", plan, paths=share) for share in shares if share]
        before = self.census.traces
        if jobs:
            self.processes.run(jobs, seconds)
        return self.census.traces - before >= len(paths)

    def _engines(self) -> str:
        """Give each engine its part of the time that is there until the last stages begin."""
        plan, names = self.asked.plan, list(self.asked.engines)
        while names and self.goes_on():
            seconds, steps = None, None
            if self._end is not None:
                seconds = (self.left() - self._reserve()) / len(names)
                if seconds < _SHORTEST:
                    break
            if plan.steps is not None:
                steps = plan.steps // len(self.asked.engines)
            self._engine(names.pop(0), seconds, steps)
        return ""

    def _reserve(self) -> float:
        assert self._end is not None
        return min(_END_MOST, max(_END_SHARE * self._end, min(_END_LEAST, self._end / 4)))

    def _rest(self) -> str:
        """Spend on traces what the stages before have left over, and judge what they find."""
        names = [name for name in self.asked.engines if name != EXHAUSTIVE]
        seconds = self.left() - _LAST
        is_counted = self._end is None or self.asked.plan.steps is not None
        if is_counted or not names or seconds < _SHORTEST or not self.goes_on():
            return ""
        self._engine(names[0], seconds, None, "rest")
        self.stage = "rest"
        return self._minimize()

    def _engine(self, name: str, seconds: float | None, steps: int | None, part: str = "") -> None:
        self.stage = name
        self.recorder.stage(name, "begin")
        workers, started = self.asked.workers, self.recorder.elapsed()
        names = [name] * workers
        if name == EXHAUSTIVE:  # one search cannot be shared out: the others draw traces meanwhile
            names = [name, *["swarm"] * (workers - 1)]
        share = None if steps is None else max(1, steps // workers)
        jobs = [self._job(names[n], n, seconds, share, part) for n in range(workers)]
        self.pool.run(jobs, None if seconds is None else seconds + GRACE / 2)
        for each in dict.fromkeys(names):
            if each in self.census.progress:
                self.census.progress[each].seconds += self.recorder.elapsed() - started
        self.recorder.stage(name, "cut" if self.is_interrupted else "end")

    def _job(
        self, name: str, worker: int, seconds: float | None, steps: int | None, part: str
    ) -> Job:
        plan = replace(self.asked.plan, seconds=seconds, steps=steps, live=None)
        if name == EXHAUSTIVE and plan.scope.resume is None:
            file = self.folder.path / search_file(plan)
            plan = replace(plan, scope=replace(plan.scope, resume=file))
        seed = seed_of(plan.rng_seed, self.recorder.run, name + part, worker)
        return Job(
            "engine",
            name,
            plan_values(replace(plan, rng_seed=seed)),
            corpus=str(self.corpus.path),
            share=self.asked.share,
            seen=sorted(self.census.features),
        )

    def _minimize(self) -> str:
        """Judge what still waits, and make short what was only made shorter."""
        desk = self.desk
        while desk.waiting and self._may_end():
            desk.work(max_steps=0 if self.left() < self._spare() else QUICK)
        self.morgue.finish(self._may_end)
        is_minimal = desk.minimize(lambda: not self.is_interrupted and self.left() > self._spare())
        return "" if is_minimal else "not all are minimal"

    def _spare(self) -> float:
        return 0.0 if self._end is None else min(self._reserve() / 2, 2.0)

    def _may_end(self) -> bool:
        """Return whether there is time for what must be done, some seconds too late included."""
        return self.left() > -2.0

    def _replay(self) -> str:
        seconds = None if self._end is None else self._end * _REPLAY_SHARE
        return self.stored.replay(self.check, seconds)

    def _distill(self) -> str:
        if self.is_interrupted or self.left() < 1:
            return "no time"
        seconds = None if self._end is None else self.left() * _DISTILL_SHARE
        return self.stored.distill(self.check, seconds)

    def heard(self, worker: Running, message: Message) -> None:
        """Take a message of a worker."""
        if message.kind == "checked":
            self.census.checked(worker, message)
            self.stored.judge(message)
            return
        if worker.job.mode == "check":
            return
        self.census.add(worker, message)
        if message.found is not None:
            self.desk.take(message.found)
        if message.kind == "done" and message.text:
            (self.claims if message.is_expected else self.partial).append(message.text)

    def changed(self, worker: Running, what: str, reason: str, beat: Beat | None) -> None:
        """Note what happened to a worker; find out which trace it ran."""
        self.recorder.worker(worker.number, what, reason)
        if what == "given up":
            self.gave_up = True
        elif what == "failed" and beat is None:
            self.is_broken = True
        if beat is not None:
            self.morgue.take(worker, what, reason, beat)

    def pulse(self) -> bool:
        """Do a little of what is waiting. Return whether the stage goes on."""
        self.desk.work()
        self.morgue.work()
        self.watch(self)
        if self.recorder.is_due():
            self.count()
            running = [*self.pool.workers.values()] or [*self.processes.workers.values()]
            self.recorder.tick(
                corpus=len(self.corpus),
                buckets=len(buckets(self.folder.path)),
                rss=resident() + sum(worker.rss for worker in running),
                workers=self.census.rates(self.recorder.elapsed(), running),
            )
        return self.goes_on()

    def goes_on(self) -> bool:
        """Return whether there is a reason to do more."""
        if self.is_interrupted or self.left() <= 0:
            return False
        findings, desk = self.desk.campaign.findings, self.desk
        if self.stage == "replay":
            return True
        if self.asked.stop_on == "first":
            return not findings
        return not (self.asked.stop_on == "new" and desk.new)

    def count(self) -> None:
        """Hand the amounts of this run to the recorder."""
        census, campaign = self.census, self.desk.campaign
        self.recorder.count(
            steps=census.steps,
            traces=census.traces,
            tally=campaign.tally(),
            quirks=campaign.quirks(),
            features=len(census.features),
        )
