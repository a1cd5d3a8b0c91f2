"""The `hypothesis` engine: the rule-based machine, in rounds, with our limits around it."""

from collections.abc import Callable, Iterator
from random import Random

from hypothesis import Phase, settings
from hypothesis import seed as with_seed
from hypothesis.stateful import run_state_machine_as_test

from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.swarm_engine import is_spent
from vmfuzz.hypothesis_runs import limits, passing_home
from vmfuzz.machine import FUZZ_WORLD, MachineFinding, VmStoreMachine
from vmfuzz.outcome_text import outcome_word
from vmstore.ops import DECLARATIONS, Op
from vmstore.world import World, WorldError

_ROUND = 20  # examples between two looks at the clock


class HypothesisEngine:
    """Rounds of `run_state_machine_as_test`, each with a seed of its own.

    A round cannot be cut short without making Hypothesis see a flaky test, so the limits are
    looked at between rounds: an overrun of about a second. It does not shrink, which takes half a
    minute: the trace ends at the finding as it is.
    """

    name = "hypothesis"

    def run(self, plan: Plan, progress: Progress, tick: Callable[[], None]) -> Iterator[Found]:
        """Run until the plan's limits, yielding the first finding of each round."""
        with passing_home():
            yield from self._rounds(plan, progress, tick)

    def _rounds(self, plan: Plan, progress: Progress, tick: Callable[[], None]) -> Iterator[Found]:
        started = plan.clock()
        rng = Random(plan.rng_seed)
        machine = _machine_for(plan, progress)
        chosen = limits(_ROUND, Phase.generate)
        while not is_spent(plan, progress, started):
            found = self._round(machine, chosen, rng.getrandbits(64))
            progress.seconds = plan.clock() - started
            tick()
            if found is not None:
                yield found

    def _round(self, machine: type[VmStoreMachine], chosen: settings, seed: int) -> Found | None:
        try:
            run_state_machine_as_test(with_seed(seed)(machine), settings=chosen)
        except MachineFinding as raised:
            return Found(raised.finding, raised.trace, self.name)
        return None


def _machine_for(plan: Plan, progress: Progress) -> type[VmStoreMachine]:
    def after_step(machine: VmStoreMachine, op: Op) -> None:
        session = machine.session
        progress.steps += 1
        key = (DECLARATIONS[type(op)].name, outcome_word(session.outcome))
        progress.tally[key] = progress.tally.get(key, 0) + 1
        if session.steps == 1:
            progress.traces += 1

    def after_example(machine: VmStoreMachine) -> None:
        progress.absorb(machine.session)
        if plan.on_trace is not None:
            plan.on_trace(machine.world, [step.op for step in machine.steps])

    return type(
        "PlannedMachine",
        (VmStoreMachine,),
        {
            "world": _world(plan),
            "faults": plan.faults,
            "checks": plan.checks,
            "strict": plan.strict,
            "without": plan.without,
            "after_step": after_step,
            "after_example": after_example,
        },
    )


def _world(plan: Plan) -> World:
    """Return the machine's own small world with what the user pinned put into it."""
    pinned = {key: getattr(plan.world, key) for key in plan.pinned if hasattr(plan.world, key)}
    pinned |= {"profile": plan.world.profile, "overrides": plan.world.overrides}
    try:
        return FUZZ_WORLD.changed(**pinned)
    except WorldError:  # what was pinned does not go with the machine's own small sizes
        return plan.world
