"""Hypothesis' own shrinker on a planted bug: the state machine, shrunk as its users have it."""

from collections.abc import Callable
from random import Random
from time import process_time
from typing import Any, Final, NamedTuple

from hypothesis import Phase, seed
from hypothesis.stateful import run_state_machine_as_test

from vmfuzz.hypothesis_runs import limits, passing_home
from vmfuzz.machine import MachineFinding, VmStoreMachine
from vmfuzz.trace import Trace
from vmstore.ops import Op

EXAMPLES: Final = 20_000  # per hunt: some minutes at most


class HypothesisShrunk(NamedTuple):
    """What was found first, and what it was shrunk to.

    Units: `seconds` of processor time and `executed` steps are those of shrinking alone.
    """

    first: Trace
    signature: str
    last: Trace
    seconds: float
    executed: int
    runs: int


class _Watch:
    """Notes the first finding of a machine, and counts what comes after it."""

    def __init__(self) -> None:
        self.first: MachineFinding | None = None
        self.since = 0.0
        self.executed = self.runs = 0

    def machine(self, fault: str) -> type[VmStoreMachine]:
        """Return a machine with the bug planted that is watched."""

        def after_step(_machine: VmStoreMachine, _op: Op) -> None:
            self.executed += self.first is not None

        def after_example(_machine: VmStoreMachine) -> None:
            self.runs += self.first is not None

        body: dict[str, Any] = {
            "faults": (fault,),
            "after_step": after_step,
            "after_example": after_example,
            "apply": self._noting(VmStoreMachine.apply),
            "teardown": self._noting(VmStoreMachine.teardown),
        }
        return type("WatchedMachine", (VmStoreMachine,), body)

    def _noting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            try:
                return method(*arguments)
            except MachineFinding as found:
                if self.first is None:
                    self.first, self.since = found, process_time()
                raise

        return noted


def hypothesis_shrink(fault: str, rng_seed: int) -> HypothesisShrunk | None:
    """Hunt a bug with the machine and let Hypothesis shrink what it finds, None if it does not.

    Hypothesis keeps what fails with the same exception at the same place, not the same signature.
    """
    watch = _Watch()
    chosen = limits(EXAMPLES, Phase.generate, Phase.shrink)
    machine: Any = seed(Random(rng_seed).getrandbits(64))(watch.machine(fault))
    with passing_home():
        try:
            run_state_machine_as_test(machine, settings=chosen)
        except MachineFinding as last:
            assert watch.first is not None
            spent = process_time() - watch.since
            first = watch.first
            signature = first.finding.signature
            return HypothesisShrunk(
                first.trace, signature, last.trace, spent, watch.executed, watch.runs
            )
    return None
