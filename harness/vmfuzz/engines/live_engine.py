"""The `swarm` engine for a live system: a trace is generated while the agent runs the one before.

The model predicts as it generates, a whole trace is sent at once, and its answers are judged once
the next one is ready to be sent; so both sides work at the same time.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from time import monotonic

from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.outcome_text import outcome_word
from vmfuzz.sut.generate import LiveTrace, live_config
from vmfuzz.sut.numbering import with_fresh_ids
from vmfuzz.sut.prediction import Prediction, Script
from vmfuzz.sut.system import LiveSystem
from vmfuzz.sut.verdict import Verdict
from vmfuzz.swarm import BATCH, MAX_TRACE, SwarmConfig
from vmfuzz.trace import Step, Trace
from vmstore.ops import DECLARATIONS
from vmstore.outcome import OK, Outcome


class LiveEngine:
    """Random traces for an agent. Trace `n` is a function of the seed, `n` and what was refused."""

    name = "swarm"

    def run(self, plan: Plan, progress: Progress, tick: Callable[[], None]) -> Iterator[Found]:
        """Run until the plan's limits, yielding findings as they come.

        Errors: VmfuzzError when the agent cannot be started, or takes no op to start from.
        """
        assert plan.live is not None
        system, source = plan.live, _Source(plan, plan.live)
        started = monotonic()
        pending: Script | None = None
        while True:
            wanted = _wanted(plan, progress, pending, started)
            upcoming = source.generate(wanted) if wanted else None
            if pending is not None:
                verdict = system.finish(pending, plan.checks)
                _count(progress, pending, verdict)
                progress.seconds = monotonic() - started
                tick()
                if verdict.refused is not None and upcoming is not None:
                    upcoming = source.regenerate(wanted)
                if verdict.finding is not None:
                    trace = Trace(system.world, [Step(op) for op in with_fresh_ids(pending.ops)])
                    yield Found(verdict.finding, trace, self.name)
            if upcoming is not None:
                system.begin(upcoming)
            elif pending is None or not _wanted(plan, progress, None, started):
                break
            pending = upcoming
        progress.seconds = monotonic() - started


class _Source:
    """Where the traces come from, one after another."""

    def __init__(self, plan: Plan, system: LiveSystem) -> None:
        self.plan, self.system = plan, system
        self.number = 0
        self.config: SwarmConfig | None = None

    def generate(self, most: int) -> Script:
        """Return the script of the next trace, of at most so many ops."""
        plan, number = self.plan, self.number
        if self.config is None or number % BATCH == 0:
            rng = Random(plan.rng_seed << 33 | (number // BATCH) << 1 | 1)
            self.config = live_config(rng, self.system, plan.families)
        self.number += 1
        return self._trace(number, self.config, most)

    def regenerate(self, most: int) -> Script:
        """Return the script of the trace generated last, now without what was refused."""
        assert self.config is not None
        return self._trace(self.number - 1, self.config, most)

    def _trace(self, number: int, config: SwarmConfig, most: int) -> Script:
        plan, system = self.plan, self.system
        rng = Random(plan.rng_seed << 33 | number << 1)
        prediction = Prediction(system.world, system.flags, plan.checks)
        source = LiveTrace(rng, config, prediction, system)
        return source.run(min(most, rng.randint(MAX_TRACE // 3, MAX_TRACE)))


def _wanted(plan: Plan, progress: Progress, pending: Script | None, started: float) -> int:
    """Return how many ops the plan still leaves room for, besides those of `pending`."""
    if plan.seconds is not None and monotonic() - started >= plan.seconds:
        return 0
    if plan.steps is None:
        return MAX_TRACE
    return max(0, plan.steps - progress.steps - (len(pending.ops) if pending is not None else 0))


def _word(outcome: Outcome) -> str:
    return "ok" if outcome is OK else outcome_word(outcome)


def _count(progress: Progress, script: Script, verdict: Verdict) -> None:
    progress.traces += 1
    progress.steps += verdict.agreed
    tally = progress.tally
    done = verdict.agreed
    pairs = zip(map(type, script.ops[:done]), map(_word, script.outcomes[:done]), strict=True)
    for (kind, word), amount in Counter(pairs).items():
        key = (DECLARATIONS[kind].name, word)
        tally[key] = tally.get(key, 0) + amount
    if verdict.refused is not None or verdict.finding is not None:
        if verdict.agreed < len(script.ops):
            name = DECLARATIONS[type(script.ops[verdict.agreed])].name
            key = (name, "refused" if verdict.refused is not None else "finding")
            tally[key] = tally.get(key, 0) + 1
            progress.steps += 1
