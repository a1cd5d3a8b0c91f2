"""Runs one input of a byte fuzzer: a byte that chooses the world, then the byte form of a trace."""

from dataclasses import replace
from random import Random
from typing import Final

from vmfuzz.bytecode import decode, encode
from vmfuzz.engines.interface import merge
from vmfuzz.features import StateMap
from vmfuzz.finding import Finding
from vmfuzz.mutate import HEADER
from vmfuzz.oracle import Session
from vmfuzz.outcome_text import outcome_word
from vmfuzz.runner import not_produced
from vmfuzz.swarm import SwarmConfig, SwarmTrace
from vmfuzz.trace import Step, Trace
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.world import World

MAX_SEED_OPS: Final = 120


class ByteTarget:
    """The function under fuzz, with what all inputs so far amount to.

    Shape: `tally` counts (op, outcome word) pairs; `map` is None when state is no feedback.
    """

    __slots__ = ("checks", "contracts", "flags", "inputs", "map", "quirks", "steps", "strict",
                 "tally", "worlds")  # fmt: skip

    def __init__(
        self,
        worlds: list[World],
        faults: tuple[str, ...],
        checks: frozenset[str],
        *,
        strict: bool = False,
        state_map: StateMap | None = None,
    ) -> None:
        self.worlds, self.checks, self.strict, self.map = worlds, checks, strict, state_map
        self.flags = Faults.of(faults)
        self.inputs = self.steps = 0
        self.tally: dict[tuple[type, str], int] = {}
        self.quirks: dict[str, int] = {}
        self.contracts: dict[str, list[int]] = {}

    def world(self, data: bytes) -> World:
        """Return the world that an input asks for."""
        return self.worlds[data[0] % len(self.worlds) if data else 0]

    def trace(self, data: bytes, faults: tuple[str, ...] = ()) -> Trace:
        """Return the trace that an input means. Errors: none, every input means one."""
        trace = decode(data[HEADER:], self.world(data))
        trace.faults = faults
        return trace

    def run(self, data: bytes) -> Finding | None:
        """Run one input under the oracle. Effect: counters and `map` move on."""
        session = Session(self.world(data), self.flags, checks=self.checks, strict=self.strict)
        if self.map is not None:
            self.map.begin()
        self.inputs += 1
        finding, last, at = None, None, 0
        for position, step in enumerate(decode(data[HEADER:], session.state.world).steps):
            if not_produced(session, step.op) is not None:
                continue
            last, at = step.op, position
            finding = session.step(last)
            self._count(session, last)
            if finding is not None or session.is_over:
                break
        self.steps += session.steps
        for quirk, count in session.quirks.items():
            self.quirks[quirk] = self.quirks.get(quirk, 0) + count
        if session.contracts is not None:
            merge(self.contracts, session.contracts.tally())
        if finding is None and last is not None and not session.is_over:
            finding = session.check_everything(last)
        return finding and replace(finding, step=at)  # the session counts executed steps only

    def _count(self, session: Session, op: Op) -> None:
        key = (op.__class__, outcome_word(session.outcome))
        self.tally[key] = self.tally.get(key, 0) + 1
        if self.map is not None:
            self.map.note(session, op)

    def named_tally(self) -> list[tuple[str, str, int]]:
        """Return the tally as rows of op, outcome word, count."""
        return [(DECLARATIONS[op].name, word, n) for (op, word), n in self.tally.items()]


def swarm_inputs(worlds: list[World], seed: int, amount: int) -> list[bytes]:
    """Return inputs made by the swarm generator, over all worlds in turn."""
    inputs: list[bytes] = []
    for number in range(amount):
        rng = Random(seed << 33 | number << 2 | 3)
        index = number % min(256, len(worlds))
        config = SwarmConfig(rng, worlds[index])
        session = Session(worlds[index])
        source = SwarmTrace(rng, config, session.state)
        steps: list[Step] = []
        for _ in range(rng.randint(MAX_SEED_OPS // 4, MAX_SEED_OPS)):
            op = source.next_op()
            steps.append(Step(op))
            if session.step(op) is not None or session.is_over:
                break
            source.settle(op)
        inputs.append(bytes([index]) + encode(Trace(worlds[index], steps)))
    return inputs
