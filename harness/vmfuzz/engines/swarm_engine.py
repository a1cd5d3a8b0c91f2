"""The `swarm` engine: traces of `vmfuzz.swarm`, run op by op as they are generated."""

from collections.abc import Callable, Iterator
from random import Random

from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.finding import Finding
from vmfuzz.oracle import Session
from vmfuzz.outcome_text import outcome_word
from vmfuzz.swarm import BATCH, MAX_TRACE, SwarmConfig, SwarmTrace, fuzz_world
from vmfuzz.trace import Step, Trace
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import OK


class SwarmEngine:
    """Random traces from random op subsets. Trace `n` is a function of the seed and `n`.

    Requires: `configure` is a function of the plan and of the batch that trace `n` belongs to.
    """

    name = "swarm"

    def __init__(self, configure: Callable[[Plan, int], SwarmConfig] | None = None) -> None:
        self._configure = configure or draw_config

    def run(self, plan: Plan, progress: Progress, tick: Callable[[], None]) -> Iterator[Found]:
        """Run until the plan's limits, yielding findings as they come."""
        flags = Faults.of(plan.faults)
        started = plan.clock()
        number = 0
        config = self._configure(plan, 0)
        while not is_spent(plan, progress, started):
            if number % BATCH == 0 and number:
                config = self._configure(plan, number)
            rng = Random(plan.rng_seed << 33 | number << 1)
            found = self._trace(plan, progress, flags, rng, config)
            number += 1
            progress.traces = number
            if found is not None:
                yield found
            if number % 64 == 0:
                progress.seconds = plan.clock() - started
                tick()
        progress.seconds = plan.clock() - started

    def _trace(
        self, plan: Plan, progress: Progress, flags: Faults, rng: Random, config: SwarmConfig
    ) -> Found | None:
        session = Session(
            config.world, flags, checks=plan.checks, strict=plan.strict, without=plan.without
        )
        length = rng.randint(MAX_TRACE // 3, MAX_TRACE)
        if plan.steps is not None:
            length = min(length, plan.steps - progress.steps)
        ops, finding = generate_and_run(session, rng, config, length, progress.tally)
        progress.steps += session.steps
        progress.absorb(session)
        if plan.on_trace is not None:
            plan.on_trace(config.world, ops)
        if finding is None:
            return None
        steps = [Step(op) for op in ops]
        return Found(finding, Trace(config.world, steps, plan.faults), self.name)


def is_spent(plan: Plan, progress: Progress, started: float) -> bool:
    """Return whether a limit of the plan is reached."""
    if plan.steps is not None and progress.steps >= plan.steps:
        return True
    return plan.seconds is not None and plan.clock() - started >= plan.seconds


def batch_rng(plan: Plan, number: int) -> Random:
    """Return the generator that the batch of trace `number` is configured with."""
    return Random(plan.rng_seed << 33 | (number // BATCH) << 1 | 1)


def draw_config(plan: Plan, number: int) -> SwarmConfig:
    """Return the configuration of the batch that trace `number` belongs to."""
    rng = batch_rng(plan, number)
    return SwarmConfig(rng, fuzz_world(rng, plan.world, plan.pinned), plan.families)


def generate_and_run(
    session: Session,
    rng: Random,
    config: SwarmConfig,
    length: int,
    tally: dict[tuple[str, str], int],
    note: Callable[[Session, Op], None] | None = None,
) -> tuple[list[Op], Finding | None]:
    """Generate and run up to `length` ops. Effect: `tally` counts what they came to.

    `note` is called after each step.
    """
    source = SwarmTrace(rng, config, session.state)
    ops: list[Op] = []
    seen: dict[tuple[type, str], int] = {}
    finding: Finding | None = None
    step, next_op, settle, append = session.step, source.next_op, source.settle, ops.append
    for _ in range(length):
        op = next_op()
        append(op)
        finding = step(op)
        outcome = session.outcome
        key = (op.__class__, "ok" if outcome is OK else outcome_word(outcome))
        seen[key] = seen.get(key, 0) + 1
        if note is not None:
            note(session, op)
        if finding is not None or session.is_over:
            break
        settle(op)
    for (kind, word), amount in seen.items():
        named = (DECLARATIONS[kind].name, word)
        tally[named] = tally.get(named, 0) + amount
    if finding is None and not session.is_over:
        finding = session.check_everything(ops[-1]) if ops else None
    return ops, finding
