"""Traces to start a minimization from: found by the swarm, or as long as one asks for."""

from dataclasses import replace
from random import Random
from typing import Final

from vmfuzz.bench.trial import Quarry
from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.handle_fields import MAKES
from vmfuzz.oracle import Session
from vmfuzz.runner import run
from vmfuzz.swarm import SwarmConfig, SwarmTrace
from vmfuzz.swarm_state import KINDS
from vmfuzz.trace import Step, Trace
from vmstore.faults import FAULT_BY_ID, Faults

HUNT_STEPS: Final = 3_000_000  # a minute at most
_BLOCKS: Final = (20, 60, 200)  # ops put in at once
_TRIES: Final = 10  # blocks tried per hundred ops that are wanted; a third fits
_KIND_AT: Final = {kind: at for at, kind in enumerate(KINDS)}


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
    """Return a found trace with swarm ops put in until it has so many, None if it cannot get there.

    Blocks of ops, each about something else, go in anywhere, if the trace then still ends in its
    finding, at its last op, and skips nothing. A function of the arguments.
    """
    trace = found_trace(fault, number, seed)
    if trace is None:
        return None
    rng = Random(Quarry(fault, "swarm", number, seed, float(ops)).rng_seed)
    finding = run(trace).finding
    assert finding is not None
    for _ in range(_TRIES + ops * _TRIES // 100):
        if len(trace.steps) >= ops:
            return trace
        at = rng.randrange(len(trace.steps))
        block = _block(trace, at, rng)
        longer = replace(trace, steps=[*trace.steps[:at], *block, *trace.steps[at:]])
        if _ends_in(longer, finding.signature):
            trace = longer
    return None


def _ends_in(trace: Trace, signature: str) -> bool:
    result = run(trace)
    found = result.finding
    is_last = found is not None and found.step == len(trace.steps) - 1
    return is_last and found is not None and found.signature == signature and not result.skipped


def _block(trace: Trace, at: int, rng: Random) -> list[Step]:
    """Return ops that run at a place of a trace without a finding, with handles of their own."""
    session = Session(trace.world, Faults.of(trace.faults))
    for step in trace.steps[:at]:
        session.step(step.op)
    source = SwarmTrace(rng, SwarmConfig(rng, trace.world), session.state)
    source.next_ids = _unused_ids(trace.steps)
    block: list[Step] = []
    for _ in range(rng.choice(_BLOCKS)):
        op = source.next_op()
        finding = session.step(op)
        if finding is not None or session.is_over:
            break
        source.settle(op)
        block.append(Step(op))
    return block


def _unused_ids(steps: list[Step]) -> list[int]:
    """Return the first id of each kind above all that the steps define."""
    ids = [0] * len(KINDS)
    for step in steps:
        for name, kind, _ in MAKES[type(step.op)]:
            at = _KIND_AT[kind]
            ids[at] = max(ids[at], getattr(step.op, name) + 1)
    return ids
