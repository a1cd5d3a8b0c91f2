"""What a campaign says while it runs: events of a few kinds, with fields of their own."""

from dataclasses import dataclass, field
from typing import Final

SCHEMA: Final = 1

Counts = dict[str, int]
Table = dict[str, Counts]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Units: `t` seconds of campaign time, over all runs; `run` from 1."""

    t: float
    run: int


@dataclass(frozen=True, slots=True)
class Start(Event):
    """A run begins: what it was asked for.

    `is_resumed` when it goes on with the plan of the run before. `date` is the day as
    `YYYY-MM-DD`, empty if nobody said it. Units: `seconds` of the plan, of which a resumed run
    has what is left; None without a limit.
    """

    engines: tuple[str, ...]
    seed: int
    world: str
    checks: tuple[str, ...]
    workers: int = 1
    seconds: float | None = None
    steps: int | None = None
    faults: tuple[str, ...] = ()
    is_resumed: bool = False
    date: str = ""
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage(Event):
    """A part of the plan begins or ends. `state` is `begin`, `end`, or `cut`: time was up."""

    name: str
    state: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class WorkerRate:
    """What one worker has done in this run. Units: `rate` in steps per second since the last."""

    worker: int
    steps: int
    rate: float
    rss: int = 0


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """How far the campaign is: amounts since its first run, but for `workers` and `cpu`.

    `features` are kinds of situation that any trace has shown, `corpus` the traces kept for them.
    Units: `rss` bytes; `cpu` seconds of processor time that this run has used on this machine.
    """

    steps: int
    traces: int
    features: int = 0
    corpus: int = 0
    buckets: int = 0
    rss: int = 0
    workers: tuple[WorkerRate, ...] = ()
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Tally(Event):
    """What ops came to since the campaign's first run: op, then outcome word, then how often."""

    ops: Table
    quirks: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replayed(Event):
    """Traces that must end as they say were run. `broken` has those that did not, and why.

    `unreadable` has those that are no traces, and where; `passes` counts the others. Of each kind
    the first thousand are named.
    """

    passes: int
    passed: tuple[str, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FindingSeen(Event):
    """A signature that this run met for the first time. `status` is `new`, `known` or `flaky`.

    `path` is that of its shortest trace, relative to the folder, empty if it could not be stored;
    `reason` says why it is known.
    """

    signature: str
    clause: str
    op: str
    witness: str
    ops: int
    ops_found: int
    engine: str
    status: str
    path: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Worker(Event):
    """Something happened to a worker. `what` is `died`, `hung`, `oversized`, `failed`,
    `restarted` or `given up`.

    `path` is that of the trace it ran, relative to the folder, if that could be kept.
    """

    worker: int
    what: str
    reason: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class End(Event):
    """A run ends. `new`, `known` and `resolved` are signatures."""

    exit: int
    verdict: str
    new: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()


KINDS: Final[dict[str, type[Event]]] = {
    "start": Start,
    "stage": Stage,
    "progress": Progress,
    "tally": Tally,
    "replayed": Replayed,
    "finding": FindingSeen,
    "worker": Worker,
    "end": End,
}
