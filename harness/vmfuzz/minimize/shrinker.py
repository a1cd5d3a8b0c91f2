"""The best trace so far, and the only way to replace it by a simpler one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vmfuzz.amounts import counted
from vmfuzz.errors import VmfuzzError
from vmfuzz.runner import Run, System
from vmfuzz.trace import Step, Trace
from vmstore.world import World


class NotFailing(VmfuzzError):
    """A trace without a finding: nothing to shrink."""


class Exhausted(Exception):
    """The work limit is reached; the best trace so far stands."""


class Shrinker:
    """The best trace so far and the only way to replace it.

    Effect: `propose` changes `trace` and `finding` iff the proposal ends in the same signature.
    """

    __slots__ = ("checks", "executed", "finding", "max_steps", "runs", "strict", "system", "trace")

    def __init__(
        self,
        trace: Trace,
        *,
        system: System,
        checks: frozenset[str],
        strict: bool,
        max_steps: int,
    ) -> None:
        self.system = system
        self.checks, self.strict, self.max_steps = checks, strict, max_steps
        self.runs = self.executed = 0
        result = self._run(trace)
        if result.finding is None:
            raise NotFailing(
                f"the starting trace ({counted(len(trace.steps), 'op')}) does not fail"
            )
        self.finding = result.finding
        self.trace = self._tidied(trace, result)

    @property
    def steps(self) -> list[Step]:
        """The steps of the best trace; a pass builds a new list, it never changes this one."""
        return self.trace.steps

    def propose(self, steps: Sequence[Step], world: World | None = None) -> bool:
        """Take these steps (and this world) if they fail alike. Errors: Exhausted."""
        if world is not None and self.system.is_world_fixed:
            return False
        trace = replace(self.trace, steps=list(steps), world=world or self.trace.world)
        result = self._run(trace)
        if result.finding is None or result.finding.signature != self.finding.signature:
            return False
        self.trace = self._tidied(trace, result)
        return True

    def _run(self, trace: Trace) -> Run:
        if self.runs and self.executed >= self.max_steps:
            raise Exhausted
        result = self.system.run(trace, checks=self.checks, strict=self.strict)
        self.runs += 1
        self.executed += result.executed + result.overhead
        return result

    def _tidied(self, trace: Trace, result: Run) -> Trace:
        """Cut at the failing step, drop what was skipped. Effect: `finding` is that of the rest."""
        assert result.finding is not None
        last = result.finding.step
        kept = [step for at, step in enumerate(trace.steps[: last + 1]) if at not in result.skipped]
        if result.finding.clause != "EXPECT":  # only there is a recorded outcome the evidence
            kept = [Step(step.op) for step in kept]
        self.finding = replace(result.finding, step=len(kept) - 1)
        return replace(trace, steps=kept)


def rewritten(step: Step, **values: int | str | bytes | None) -> Step:
    """Return the step with some fields of its op replaced; ops are never changed in place."""
    op: Any = step.op  # which fields it has is known to the caller, from the declaration
    return Step(replace(op, **values), step.outcome)
