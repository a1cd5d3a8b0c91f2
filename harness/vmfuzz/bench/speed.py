"""The speed of a checked step: against it unchecked, checked in full, and in a larger world.

Every figure is the median of rounds that interleave what is compared, on process time, because the
machines this runs on change speed by the minute.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import median
from time import process_time

from vmfuzz.bench.machine import about_machine
from vmfuzz.bench.mapped import cost_of_mappings
from vmfuzz.engines.hypothesis_engine import HypothesisEngine
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.registry import installed_engines
from vmfuzz.engines.swarm_engine import SwarmEngine, generate_and_run
from vmfuzz.oracle import Session
from vmfuzz.swarm import FAMILIES, MAX_TRACE, SwarmConfig
from vmstore.clauses.check import everything, violations
from vmstore.clauses.fused import footprint_holds
from vmstore.ops import Op
from vmstore.outcome import CallEnded
from vmstore.step import STEPS, State
from vmstore.world import World

BASE = World(frames=64, pt_frames=8, entries=4)
_PINNED = frozenset({"frames", "pt_frames", "entries", "rc_max", "list_ids", "build"})
_VARIED = frozenset({"frames"})  # page tables of every shape that the swarm draws
_FRAMES = ("frame",)
_SPACES = ("space",)
_TRACES = 60
_ATHERIS_STEPS = 100_000  # its start-up counts: with fewer, the rate would fall
_ATHERIS_ROUNDS = 2  # its rate varies least, and a sample of it costs most
_HYPOTHESIS_STEPS = 1_000
_SWARM_STEPS = 30_000


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """Steps per second, ratios of the same run, and what it ran on."""

    rates: dict[str, float]
    ratios: dict[str, float]
    machine: dict[str, object]


def measure(rounds: int = 3, say: Callable[[str], None] = lambda _text: None) -> SpeedReport:
    """Measure everything. Cost: about 30 s at 3 rounds on a quiet core."""
    traces = recorded_traces(BASE)
    steps = sum(len(ops) for ops in traces)
    exec_only, checked, hypothesis, atheris = [], [], [], []
    swarm: dict[str, list[float]] = {"frame_ops": [], "space_ops": [], "all_ops": []}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        exec_only.append(timed(lambda: run_all(run_exec, traces)) / steps)
        checked.append(timed(lambda: run_all(run_checked, traces)) / steps)
        swarm["frame_ops"].append(swarm_rate(BASE, _FRAMES))
        swarm["space_ops"].append(swarm_rate(World(frames=64), _SPACES, _VARIED))
        swarm["all_ops"].append(swarm_rate(World(), FAMILIES, frozenset()))
        hypothesis.append(hypothesis_rate())
        if number < _ATHERIS_ROUNDS and "atheris" in installed_engines():
            atheris.append(atheris_rate())
    rates = {f"swarm.{name}": median(values) for name, values in swarm.items()}
    rates["hypothesis"] = median(hypothesis)
    ratios = {
        "checked_vs_exec": ratio(checked, exec_only),
        "swarm_vs_hypothesis": ratio(swarm["all_ops"], hypothesis),
    }
    if atheris:
        rates["atheris"] = median(atheris)
        ratios["atheris_vs_hypothesis"] = ratio(atheris, hypothesis[:_ATHERIS_ROUNDS])
    say("incremental against full checks, 64 and 16,384 frames")
    ratios["incremental_vs_full.64"] = full_over_incremental(64, traces[:4])
    ratios["incremental_vs_full.16384"] = full_over_incremental(16_384, traces[:1])
    say("262,144 frames against 64")
    ratios["cost_262144_vs_64"] = cost_of_size(262_144, rounds)
    say("20,000 mapped pages against 10")
    ratios["cost_20000_mapped_vs_10"] = cost_of_mappings(20_000, rounds)
    return SpeedReport(
        rates={name: round(value) for name, value in rates.items()},
        ratios={name: round(value, 2) for name, value in sorted(ratios.items())},
        machine=about_machine(),
    )


def timed(work: Callable[[], object]) -> float:
    """Return the process time of `work` in seconds."""
    started = process_time()
    work()
    return process_time() - started


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median of the ratios of paired measurements."""
    return median(a / b for a, b in zip(above, below, strict=True))


def recorded_traces(world: World) -> list[list[Op]]:
    """Return swarm traces without failed consumers, which only a session can follow."""
    traces: list[list[Op]] = []
    number = 0
    while len(traces) < _TRACES:
        rng = Random(number)
        number += 1
        session = Session(world)
        config = SwarmConfig(rng, world, _FRAMES)
        ops, _ = generate_and_run(session, rng, config, MAX_TRACE, {})
        if not session.state.abandoned:
            traces.append(ops)
    return traces


def run_all(runner: Callable[[list[Op], World], None], traces: list[list[Op]]) -> None:
    """Run every trace in the base world."""
    for ops in traces:
        runner(ops, BASE)


def run_exec(ops: list[Op], world: World) -> None:
    """Run ops on the machine alone: no view, no clause."""
    state = State(world)
    machine, begin = state.machine, state.begin_step
    for op in ops:
        begin()
        try:
            STEPS[op.__class__][0](machine, op)
        except CallEnded:
            return


def run_checked(ops: list[Op], world: World) -> None:
    """Run ops under the oracle."""
    step = Session(world).step
    for op in ops:
        step(op)


def swarm_rate(world: World, families: tuple[str, ...], pinned: frozenset[str] = _PINNED) -> float:
    """Return checked steps per second of the swarm engine over some ops, generation included."""
    progress = Progress()
    plan = Plan(steps=_SWARM_STEPS, world=world, pinned=pinned, families=families)
    spent = timed(lambda: list(SwarmEngine().run(plan, progress, lambda: None)))
    return progress.steps / spent


def hypothesis_rate() -> float:
    """Return checked steps per second of the Hypothesis machine, over all ops."""
    progress = Progress()
    plan = Plan(steps=_HYPOTHESIS_STEPS)
    spent = timed(lambda: list(HypothesisEngine().run(plan, progress, lambda: None)))
    return progress.steps / spent


def atheris_rate() -> float:
    """Return checked steps per second of the atheris child, its start-up included.

    Requires: atheris is installed. Effect: the ended children's processor time is what is counted.
    """
    from vmfuzz.engines.atheris_engine import AtherisEngine

    progress = Progress()
    before = os.times()
    list(AtherisEngine().run(Plan(steps=_ATHERIS_STEPS), progress, lambda: None))
    after = os.times()
    user, system = (
        after.children_user - before.children_user,
        after.children_system - before.children_system,
    )
    return progress.steps / (user + system)


def full_over_incremental(frames: int, traces: list[list[Op]]) -> float:
    """Return how much dearer the full check of a step is, every page of the world looked at."""
    world = BASE.changed(frames=frames)
    full = incremental = 0.0
    for ops in traces:
        state = State(world)
        for index in range(world.pages):
            state.machine.cells.slot(index)
        for position, op in enumerate(ops[:60]):
            state.begin_step()
            handler, rule = STEPS[type(op)]
            try:
                outcome = handler(state.machine, op)
            except CallEnded:
                break
            if rule is None or rule(state.view, op, outcome) is not None:
                break
            incremental += timed(lambda state=state: footprint_holds(state))  # type: ignore[misc]
            if position % (20 if frames > 64 else 1) == 0:
                scale = 20 if frames > 64 else 1
                full += scale * timed(lambda state=state: full_check(state))  # type: ignore[misc]
    return full / incremental


def full_check(state: State) -> int:
    """Evaluate every clause on every page and handle, and return how many are false."""
    return len(violations(state, everything(state)))


def cost_of_size(frames: int, rounds: int) -> float:
    """Return the cost of a swarm step in a large world over one in a small one."""
    small, large = [], []
    for _ in range(rounds):
        small.append(1 / swarm_rate(BASE, _FRAMES))
        large.append(1 / swarm_rate(BASE.changed(frames=frames), _FRAMES))
    return ratio(large, small)
