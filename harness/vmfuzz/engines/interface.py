"""What every engine takes and gives."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final, Literal, Protocol

from vmfuzz.clause_counts import ClauseCounts, merge
from vmfuzz.exhaustive.scope import Claim, Scope
from vmfuzz.finding import Finding
from vmfuzz.oracle import CHECKS, Session
from vmfuzz.runner import MODEL, System
from vmfuzz.swarm import FAMILIES
from vmfuzz.trace import Trace
from vmstore.ops import Op
from vmstore.world import World

if TYPE_CHECKING:
    from vmfuzz.sut.system import LiveSystem

Feedback = Literal["code", "state", "both"]
OnTrace = Callable[[World, Sequence[Op]], None]
FEEDBACKS: Final[tuple[Feedback, ...]] = ("code", "state", "both")
DEFAULT_FEEDBACK: Final[Feedback] = "code"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. The clock only ever stops an engine; `steps` and `seed` decide what it does.

    `pinned` are the world settings that the user chose; an engine may vary the others.
    `feedback` is what a coverage-guided engine counts as new: code, abstract state, or both.
    `families` are the groups of ops that the swarm draws from. `live` is the system under test,
    None for the model in this process. `scope` is what an exhaustive search is asked for.
    `without` are clauses that are not reported, `on_trace` is called with every trace that has
    run; engines in this process have both.
    Units: `seconds` by `clock`, which is wall time, `steps` executed ops; None means no such limit.
    """

    seconds: float | None = None
    steps: int | None = None
    rng_seed: int = 0
    faults: tuple[str, ...] = ()
    checks: frozenset[str] = frozenset(CHECKS)
    strict: bool = False
    world: World = field(default_factory=World)
    pinned: frozenset[str] = frozenset()
    feedback: Feedback = DEFAULT_FEEDBACK
    families: tuple[str, ...] = FAMILIES
    live: "LiveSystem | None" = None
    without: frozenset[str] = frozenset()
    on_trace: OnTrace | None = None
    clock: Callable[[], float] = monotonic
    scope: Scope = field(default_factory=Scope)

    @property
    def system(self) -> System:
        """Where findings are replayed and minimized."""
        return self.live or MODEL


@dataclass(slots=True)
class Progress:
    """What an engine has done so far. `tally` counts (op, outcome word) pairs.

    `contracts` counts what the contract clauses came to.
    `stage` says where a search stands; its `claim` is what it has shown, set when it ends.
    """

    steps: int = 0
    traces: int = 0
    seconds: float = 0.0
    tally: dict[tuple[str, str], int] = field(default_factory=dict)
    quirks: dict[str, int] = field(default_factory=dict)
    contracts: ClauseCounts = field(default_factory=dict)
    stage: str = ""
    claim: Claim | None = None

    def count(self, tally: Iterable[tuple[str, str, int]], quirks: Mapping[str, int]) -> None:
        """Add what ops came to, as rows of op, outcome word and amount, and the quirks met."""
        for op, word, amount in tally:
            self.tally[op, word] = self.tally.get((op, word), 0) + amount
        for quirk, amount in quirks.items():
            self.quirks[quirk] = self.quirks.get(quirk, 0) + amount

    def absorb(self, session: Session) -> None:
        """Add what a session that has ended met: quirks and contract clauses."""
        self.count((), session.quirks)
        if session.contracts is not None:
            merge(self.contracts, session.contracts.tally())


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
