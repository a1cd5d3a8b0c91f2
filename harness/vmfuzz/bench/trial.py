"""One trial: one run of one engine with one bug planted, and how far it came.

A trial goes on after a finding under another clause than the catalogue's, until the bug is found
under its own, time is up, or `PATIENCE` is: that is looked at whenever it finds more. `stages` says
what reached and triggered mean. What it takes to find that out, and to minimize the finding, is
not counted as the engine's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from time import monotonic
from typing import Final, NamedTuple

from vmfuzz.bench.stages import stages
from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Engine, Found, Plan, Progress
from vmfuzz.engines.registry import engine
from vmfuzz.minimize import minimize
from vmfuzz.processor_clock import ProcessorClock
from vmfuzz.trace_text import format_trace
from vmstore.faults import FAULT_BY_ID
from vmstore.ops import Op
from vmstore.world import World

PATIENCE: Final = 5.0  # processor seconds
_SEEDS: Final = 1 << 31
_OWN_PROCESS: Final = "atheris"  # its traces run in a child, where nothing can watch them


class Quarry(NamedTuple):
    """What identifies a trial. Units: `limit` in seconds.

    `engine` is a name, or `NAME:VARIANT` for the engine changed in some way.
    """

    fault: str
    engine: str
    trial: int
    seed: int
    limit: float

    @property
    def rng_seed(self) -> int:
        """The engine's seed, another one for every bug, engine and trial.

        Variants of an engine share its seeds: what a change does not touch stays as it was.
        """
        name = f"{self.seed}/{self.fault}/{self.engine.partition(':')[0]}/{self.trial}"
        return int.from_bytes(sha256(name.encode()).digest()[:8], "big") % _SEEDS


@dataclass(frozen=True, slots=True)
class Moment:
    """When something first happened. Units: processor seconds of the engine, executed steps.

    The seconds are those at the end of the trace that it happened in.
    """

    seconds: float
    steps: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a trial; a moment is None if it never came, or if nobody could see it.

    `reported` is of the first finding, with its `signature`; `named` is of the first finding under
    the clause that the catalogue expects. `trace` is the minimal trace of the latter, or else of
    the first one, and has `length` ops. `foreign` is the signature of the first finding in a trace
    that had not triggered the bug: the clean model gives it too, so it is none of this bug's.
    """

    fault: str
    engine: str
    trial: int
    seed: int
    limit: float
    reached: Moment | None = None
    triggered: Moment | None = None
    reported: Moment | None = None
    signature: str | None = None
    named: Moment | None = None
    length: int | None = None
    trace: str | None = None
    foreign: str | None = None

    @property
    def quarry(self) -> Quarry:
        """What was hunted, and how."""
        return Quarry(self.fault, self.engine, self.trial, self.seed, self.limit)


class _Watch:
    """Looks at every trace that has run, until the bug is triggered. `steps` counts them all.

    One that does not observe counts only.

    Hypothesis runs a failing example twice; the second time is no trace of its own.
    """

    def __init__(self, fault: str, clock: ProcessorClock, *, observes: bool = True) -> None:
        self.fault, self.clock, self.observes = fault, clock, observes
        self.steps = 0
        self.last: Sequence[Op] = ()
        self.reached: Moment | None = None
        self.triggered: Moment | None = None

    def __call__(self, world: World, ops: Sequence[Op]) -> None:
        """Take note of one trace."""
        if ops == self.last:
            return
        self.last = ops
        if self.observes and self.triggered is None:
            now = self.clock()
            with self.clock.paused():
                self._look(world, ops, round(now, 4))
        self.steps += len(ops)

    def is_foreign(self, found: Found) -> bool:
        """Return whether a finding came in a trace that had not triggered the bug by then."""
        with self.clock.paused():
            trace = cut(found)
            ops = [step.op for step in trace.steps]
            return stages(trace.world, ops, self.fault).triggered is None

    def _look(self, world: World, ops: Sequence[Op], now: float) -> None:
        seen = stages(world, ops, self.fault)
        if self.reached is None and seen.reached is not None:
            self.reached = Moment(now, self.steps + seen.reached + 1)
        if seen.triggered is not None:
            self.triggered = Moment(now, self.steps + seen.triggered + 1)


def hunt(
    quarry: Quarry,
    source: Engine | None = None,
    patience: float = PATIENCE,
    *,
    observes: bool = True,
) -> Trial:
    """Run one trial.

    Requires: `source` is an engine of the quarry's name, which is made when it is None.
    Without `patience` the first finding of the bug ends it. What does not observe sees neither
    when the bug was reached nor when it was triggered, and takes a fraction of the time.
    The limit is processor time, so that a busy machine makes no bug harder; wall time for an
    engine with a process of its own, of whose traces only the reported one is looked at.
    """
    fault = quarry.fault
    has_child = quarry.engine == _OWN_PROCESS
    source = source or _warm_engine(quarry.engine)
    progress, clock = Progress(), ProcessorClock()
    watch = _Watch(fault, clock, observes=observes)
    plan = Plan(
        seconds=quarry.limit,
        rng_seed=quarry.rng_seed,
        faults=(fault,),
        clock=monotonic if has_child else clock,
        on_trace=watch,
    )
    first = named = best = None
    signature: str | None = None
    foreign: str | None = None
    for found in source.run(plan, progress, lambda: None):
        if has_child:
            watch.steps = progress.steps - len(found.trace.steps)
            watch(found.trace.world, [step.op for step in found.trace.steps])
        now = _moment(found, watch, clock)
        if watch.is_foreign(found):
            foreign = foreign or found.finding.signature
            continue
        if first is None:
            first, best, signature = now, found, found.finding.signature
        if found.finding.clause == FAULT_BY_ID[fault].clause:
            named, best = now, found
        if named is not None or now.seconds - first.seconds >= patience:
            break
    done = Trial(
        *(*quarry, watch.reached, watch.triggered, first, signature, named), foreign=foreign
    )
    return done if best is None else _minimized(done, best)


@cache
def _warm_engine(name: str) -> Engine:
    made = engine(name)
    return made if name == _OWN_PROCESS else warmed(made)


def warmed(made: Engine) -> Engine:
    """Return an engine after a short run: what is loaded and filled in once is not measured."""
    list(made.run(Plan(steps=1), Progress(), lambda: None))
    return made


def _moment(found: Found, watch: _Watch, clock: ProcessorClock) -> Moment:
    """Return when a finding was reported, whose trace is the last that ran."""
    steps = watch.steps - len(found.trace.steps) + found.finding.step + 1
    return Moment(round(clock(), 4), steps)


def _minimized(done: Trial, found: Found) -> Trial:
    minimal = minimize(cut(found)).trace
    return replace(done, length=len(minimal.steps), trace=format_trace(minimal))
