"""A trace: world and ops, as data. The unit of storage, replay and blame."""

from dataclasses import dataclass, field
from typing import Final

from vmstore.ops import Op
from vmstore.outcome import Outcome
from vmstore.world import World

FORMAT_VERSION: Final = 1


@dataclass(slots=True)
class Step:
    """One op at its position; `outcome` is the recorded one, None when nothing was recorded."""

    op: Op
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    """The finding that a known-bug trace must end in. Units: `step` counts op lines from 0."""

    clause: str
    step: int


@dataclass(slots=True)
class Trace:
    """World, planted bugs, expected findings and steps; `comment` is the block at the top."""

    world: World = field(default_factory=World)
    steps: list[Step] = field(default_factory=list)
    faults: tuple[str, ...] = ()
    expect: tuple[Expect, ...] = ()
    comment: tuple[str, ...] = ()

    @property
    def ops(self) -> list[Op]:
        """The ops without their recorded outcomes."""
        return [step.op for step in self.steps]
