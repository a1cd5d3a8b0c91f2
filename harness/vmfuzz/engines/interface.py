"""What every engine takes and gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from vmfuzz.exhaustive.scope import Claim, Scope
from vmfuzz.finding import Finding
from vmfuzz.oracle import CHECKS
from vmfuzz.runner import MODEL, System
from vmfuzz.sut.system import LiveSystem
from vmfuzz.swarm import FAMILIES
from vmfuzz.trace import Trace
from vmstore.world import World

Feedback = Literal["code", "state", "both"]
FEEDBACKS: Final[tuple[Feedback, ...]] = ("code", "state", "both")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. The clock only ever stops an engine; `steps` and `seed` decide what it does.

    `pinned` are the world settings that the user chose; an engine may vary the others.
    `feedback` is what a coverage-guided engine counts as new: code, abstract state, or both.
    `families` are the groups of ops that the swarm draws from. `live` is the system under test,
    None for the model in this process. `scope` is what an exhaustive search is asked for.
    Units: `seconds` of wall time, `steps` executed ops; None means no such limit.
    """

    seconds: float | None = None
    steps: int | None = None
    rng_seed: int = 0
    faults: tuple[str, ...] = ()
    checks: frozenset[str] = frozenset(CHECKS)
    strict: bool = False
    world: World = field(default_factory=World)
    pinned: frozenset[str] = frozenset()
    feedback: Feedback = "code"
    families: tuple[str, ...] = FAMILIES
    live: LiveSystem | None = None
    scope: Scope = field(default_factory=Scope)

    @property
    def system(self) -> System:
        """Where findings are replayed and minimized."""
        return self.live or MODEL


@dataclass(slots=True)
class Progress:
    """What an engine has done so far. `tally` counts (op, outcome word) pairs.

    `stage` says where a search stands; its `claim` is what it has shown, set when it ends.
    """

    steps: int = 0
    traces: int = 0
    seconds: float = 0.0
    tally: dict[tuple[str, str], int] = field(default_factory=dict)
    quirks: dict[str, int] = field(default_factory=dict)
    stage: str = ""
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with the trace that ends in it."""

    finding: Finding
    trace: Trace
    engine: str


class Engine(Protocol):
    """A source of traces."""

    name: str

    def run(self, plan: Plan, progress: Progress, tick: Callable[[], None]) -> Iterator[Found]:
        """Run until the plan's limits, yielding findings as they come; `tick` is called often."""
        ...
