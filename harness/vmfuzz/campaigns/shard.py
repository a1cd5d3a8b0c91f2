"""One worker's share of the swarm: traces of its own, news kept, a few grown from stored ones."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from vmfuzz.byte_layout import RECORD
from vmfuzz.byte_target import ByteTarget
from vmfuzz.bytecode import encode
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.heartbeat import Heartbeat
from vmfuzz.campaigns.news import NewsMap
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.swarm_engine import draw_config, generate_and_run, is_spent
from vmfuzz.errors import VmfuzzError
from vmfuzz.finding import Finding
from vmfuzz.mutate import HEADER, mutate
from vmfuzz.oracle import Session
from vmfuzz.swarm import BATCH, MAX_TRACE, SwarmConfig
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_text import format_world
from vmstore.faults import Faults
from vmstore.world import World

NOTED: Final = 4  # every which trace is looked at for news: that costs a sixth of its time
LOOK_EVERY: Final = 512  # traces between two looks at what others have stored
MAX_PARENTS: Final = 2048
_IMPORTED: Final = 16  # traces of others that are run after one look
_LONGEST: Final = HEADER + RECORD * 2 * MAX_TRACE

Parent = tuple[World, bytes]


class ShardEngine:
    """The swarm with a memory. Without stored traces, trace `n` is a function of seed and `n`.

    `share` of the traces are stored ones with a few changes. `stop` ends the run between two
    traces. Effect: traces that show what `news` has not are stored in `corpus`.
    """

    name = "swarm"

    def __init__(
        self,
        corpus: Corpus | None,
        news: NewsMap,
        pulse: Heartbeat,
        share: float,
        stop: Callable[[], bool],
    ) -> None:
        self.corpus, self.news, self.pulse, self.share = corpus, news, pulse, share
        self.stop = stop
        self.stored = 0
        self.problem = ""
        self._mine: set[str] = set()
        self._parents: list[Parent] = []

    def run(self, plan: Plan, progress: Progress, tick: Callable[[], None]) -> Iterator[Found]:
        """Run until the plan's limits, yielding findings as they come; `tick` after each trace."""
        flags = Faults.of(plan.faults)
        choices = Random(plan.rng_seed << 2 | 2)
        target = ByteTarget([plan.world], plan.faults, plan.checks, strict=plan.strict)
        started = plan.clock()
        number = 0
        config = draw_config(plan, 0)
        while not is_spent(plan, progress, started) and not self.stop():
            if self.share and self._parents and choices.random() < self.share:
                found = self._grow(plan, progress, target, choices)
            else:
                if number % BATCH == 0 and number:
                    config = draw_config(plan, number)
                found = self._generate(plan, progress, flags, config, number)
                number += 1
            progress.traces += 1
            if found is not None:
                yield found
            if progress.traces % LOOK_EVERY == 0:
                self._look(plan, progress, target, choices)
            progress.seconds = plan.clock() - started
            tick()
        progress.seconds = plan.clock() - started

    def _generate(
        self, plan: Plan, progress: Progress, flags: Faults, config: SwarmConfig, number: int
    ) -> Found | None:
        self.pulse.generated(number)
        rng = Random(plan.rng_seed << 33 | number << 1)
        session = Session(config.world, flags, checks=plan.checks, strict=plan.strict)
        length = rng.randint(MAX_TRACE // 3, MAX_TRACE)
        if plan.steps is not None:
            length = min(length, plan.steps - progress.steps)
        before = len(self.news.seen)
        note = self.news.note if number % NOTED == 0 and self.corpus is not None else None
        if note is not None:
            self.news.begin()
        ops, finding = generate_and_run(session, rng, config, length, progress.tally, note)
        progress.steps += session.steps
        progress.absorb(session)
        trace = Trace(config.world, [Step(op) for op in ops], plan.faults)
        if note is not None and len(self.news.seen) > before:
            self._keep(trace, finding)
        return None if finding is None else Found(finding, trace, self.name)

    def _grow(
        self, plan: Plan, progress: Progress, target: ByteTarget, choices: Random
    ) -> Found | None:
        world, parent = choices.choice(self._parents)
        data = mutate(b"\0" + parent, _LONGEST, choices.getrandbits(63))
        return self._run_bytes(plan, progress, target, (world, data[HEADER:]))

    def _run_bytes(
        self, plan: Plan, progress: Progress, target: ByteTarget, parent: Parent
    ) -> Found | None:
        """Run a byte form in its world, looking for news."""
        world, body = parent
        self.pulse.given(format_world(world).encode(), body)
        target.worlds = [world]
        target.map = self.news if self.corpus is not None else None
        before, steps = len(self.news.seen), target.steps
        data = b"\0" + body
        finding = target.run(data)
        progress.steps += target.steps - steps
        self._absorb(target, progress)
        grew = len(self.news.seen) > before
        if finding is None and not grew:
            return None
        trace = target.trace(data, plan.faults)
        if grew:
            self._keep(trace, finding)
        return None if finding is None else Found(finding, trace, f"{self.name}+corpus")

    @staticmethod
    def _absorb(target: ByteTarget, progress: Progress) -> None:
        progress.count(target.named_tally(), target.quirks)
        target.tally.clear()
        target.quirks.clear()

    def _keep(self, trace: Trace, finding: Finding | None) -> None:
        """Store a trace that showed something new; one that fails goes to a bucket instead."""
        if self.corpus is None or finding is not None:
            return
        try:
            name = self.corpus.add(trace)
        except VmfuzzError as error:  # a full disk costs what would have been stored, no more
            self.problem = str(error)
            return
        if name is not None:
            self._mine.add(name)
            self.stored += 1
            if self.share:  # nothing grows otherwise, and encoding takes a third of running
                self._adopt(trace)

    def _adopt(self, trace: Trace) -> Parent | None:
        """Let a trace be a parent; the latest are kept."""
        try:
            parent = (trace.world, encode(trace))
        except VmfuzzError:  # too long, or with a test hook
            return None
        self._parents.append(parent)
        if len(self._parents) > MAX_PARENTS:
            del self._parents[: MAX_PARENTS // 2]
        return parent

    def _look(self, plan: Plan, progress: Progress, target: ByteTarget, choices: Random) -> None:
        """Run some of what others have stored since, so that it is no news here any more."""
        if self.corpus is None:
            return
        fresh = [name for name in self.corpus.names() if name not in self._mine]
        for name in choices.sample(fresh, min(_IMPORTED, len(fresh))):
            self._mine.add(name)
            try:
                parent = self._adopt(self.corpus.load(name))
            except VmfuzzError:  # deleted meanwhile, or damaged
                continue
            if parent is not None:
                self._run_bytes(plan, progress, target, parent)
