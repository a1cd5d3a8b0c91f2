"""Traces to start a minimization from: found by the swarm, or as long as one asks for."""

from random import Random
from typing import Final

from vmfuzz.bench.trial import Quarry
from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.finding import Finding
from vmfuzz.liveness import Liveness
from vmfuzz.oracle import Session
from vmfuzz.runner import run
from vmfuzz.swarm import SwarmConfig, SwarmTrace, fuzz_world
from vmfuzz.swarm_state import KINDS
from vmfuzz.trace import Step, Trace
from vmstore.faults import FAULT_BY_ID, Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.world import World

HUNT_STEPS: Final = 3_000_000  # a minute at most
_STRETCH: Final = 300  # ops drawn with one configuration
_PATIENCE: Final = 40  # stretches beyond the wanted length
_WORLDS: Final = 4  # tried for one long trace


def found_trace(fault: str, number: int, seed: int) -> Trace | None:
    """Return a trace of the swarm that ends in the bug's own clause, None if there is none.

    A function of the arguments: the search is limited in steps.
    """
    rng_seed = Quarry(fault, "swarm", number, seed, 0.0).rng_seed
    plan = Plan(steps=HUNT_STEPS, rng_seed=rng_seed, faults=(fault,))
    for found in SwarmEngine().run(plan, Progress(), lambda: None):
        if found.finding.clause == FAULT_BY_ID[fault].clause:
            return cut(found)
    return None


def long_trace(fault: str, number: int, seed: int, ops: int) -> Trace | None:
    """Return a trace of at least so many swarm ops whose last one shows the bug, None if none is.

    Stretches of swarm traces follow each other in one world, each about other ops. Before the trace
    is long enough, an op that ends it is dropped, and kinds of ops that show the bug with it.
    """
    name = Quarry(fault, "swarm", number, seed, float(ops)).rng_seed
    for attempt in range(_WORLDS):
        rng = Random(name << 8 | attempt)
        maker = _Maker(fault, fuzz_world(rng, World(), frozenset()), rng)
        if maker.lengthen(ops) and maker.finish():
            return maker.trace()
    return None


class _Maker:
    """A session with the bug planted, the ops that ran in it, and the numbers not yet given."""

    def __init__(self, fault: str, world: World, rng: Random) -> None:
        self.fault, self.world, self.rng = fault, world, rng
        self.ops: list[Op] = []
        self.next_ids: list[int] | None = None
        self.without: set[str] = set()
        self.session = self._session()

    def trace(self) -> Trace:
        """Return what ran so far as a trace."""
        return Trace(self.world, [Step(op) for op in self.ops], (self.fault,))

    def lengthen(self, ops: int) -> bool:
        """Add ops that the bug does not show in, until there are so many; False if it cannot."""
        for _ in range(ops):
            if len(self.ops) >= ops:
                return not run(self.trace()).finding
            finding = self._stretch(ops - len(self.ops))
            if finding is not None:
                self.without.add(DECLARATIONS[type(self.ops[-1])].name)
            if finding is not None or self.session.is_over:
                self._drop_last()
        return False

    def finish(self) -> bool:
        """Add ops of any kind until one shows the bug under its own clause; False if none does."""
        self.without.clear()
        for _ in range(_PATIENCE):
            finding = self._stretch(_STRETCH)
            if finding is not None and finding.clause == FAULT_BY_ID[self.fault].clause:
                replayed = run(self.trace()).finding  # that comes with the same step
                return replayed is not None and replayed.step == len(self.ops) - 1
            if finding is not None or self.session.is_over:
                self._drop_last()
        return False

    def _stretch(self, most: int) -> Finding | None:
        """Run at most so many ops of one configuration, until one ends the session."""
        source = self._source()
        for _ in range(min(_STRETCH, most)):
            op = source.next_op()
            self.ops.append(op)
            finding = self.session.step(op)
            self.next_ids = list(source.next_ids)
            if finding is not None or self.session.is_over:
                return finding
            source.settle(op)
        return None

    def _source(self) -> SwarmTrace:
        """Return a generator that goes on with what is live, in the session and in the text."""
        config = SwarmConfig(self.rng, self.world)
        kept = [plan for plan in config.plans if plan.name not in self.without]
        config.plans = kept or config.plans
        source = SwarmTrace(self.rng, config, self.session.state)
        written = Liveness()
        for op in self.ops:
            written.apply(op)
        for at, kind in enumerate(KINDS):
            source.pools[at] += sorted(id for id in source.live[at] if (kind, id) in written.live)
        if self.next_ids is not None:
            source.next_ids = list(self.next_ids)
        return source

    def _drop_last(self) -> None:
        """Take the last op back, by running the others again."""
        self.ops.pop()
        self.session = self._session()
        for op in self.ops:
            self.session.step(op)

    def _session(self) -> Session:
        return Session(self.world, Faults.of((self.fault,)))
