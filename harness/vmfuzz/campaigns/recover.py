"""Writes down a trace that killed its worker: run again, each op on disk before it runs."""

import os
from pathlib import Path
from random import Random
from typing import Any

from vmfuzz.bytecode import decode
from vmfuzz.campaigns.heartbeat import GENERATED, GIVEN
from vmfuzz.engines.interface import Plan
from vmfuzz.engines.swarm_engine import draw_config
from vmfuzz.oracle import Session
from vmfuzz.runner import not_produced
from vmfuzz.swarm import MAX_TRACE, SwarmTrace
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_op, format_trace, parse
from vmstore.faults import Faults
from vmstore.ops import Op
from vmstore.world import World


class Scribe:
    """A file that has every op before it is run. Errors: OSError."""

    def __init__(self, path: Path, world: World, faults: tuple[str, ...]) -> None:
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        os.write(self.handle, format_trace(Trace(world, faults=faults)).encode())

    def write(self, op: Op) -> None:
        """Add an op."""
        os.write(self.handle, format_op(op).encode() + b"\n")


def recover(plan: Plan, beat: dict[str, Any], path: Path) -> None:
    """Run the trace that a heartbeat names, and write it to `path` op by op.

    Effect: as the worker had it: this may hang, run out of memory, or end the process.
    """
    if beat["kind"] == GENERATED:
        _generated(plan, beat["number"], path)
    elif beat["kind"] == GIVEN:
        world = parse(f"#vmfuzz-trace 1\n{beat['text']}\n").world
        _given(plan, world, bytes.fromhex(beat["data"]), path)


def _generated(plan: Plan, number: int, path: Path) -> None:
    config = draw_config(plan, number)
    rng = Random(plan.rng_seed << 33 | number << 1)
    session = _session(plan, config.world)
    length = rng.randint(MAX_TRACE // 3, MAX_TRACE)
    source = SwarmTrace(rng, config, session.state)
    scribe = Scribe(path, config.world, plan.faults)
    for _ in range(length):
        op = source.next_op()
        scribe.write(op)
        if session.step(op) is not None or session.is_over:
            return
        source.settle(op)


def _given(plan: Plan, world: World, data: bytes, path: Path) -> None:
    session = _session(plan, world)
    scribe = Scribe(path, world, plan.faults)
    for step in decode(data, world).steps:
        if not_produced(session, step.op) is not None:
            continue
        scribe.write(step.op)
        if session.step(step.op) is not None or session.is_over:
            return


def _session(plan: Plan, world: World) -> Session:
    return Session(world, Faults.of(plan.faults), checks=plan.checks, strict=plan.strict)
