"""The seam between a pool and its workers: what one of them is like, wherever it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vmfuzz.campaigns.heartbeat import Beat
from vmfuzz.campaigns.job import Job


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use. Units: seconds for one trace, bytes of memory."""

    trace_seconds: float = 20.0
    memory: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended. `beat` is what it said last, None where that went with its machine."""

    words: str
    beat: Beat | None


class Link(Protocol):
    """One worker, as its pool has it."""

    def lines(self) -> list[bytes] | None:
        """Return the lines that it has said since, None once it has said everything.

        Errors: MessageError for what is no line.
        """
        ...

    @property
    def count(self) -> int:
        """The count of its last beat; it grows whenever the worker gets on."""
        ...

    @property
    def rss(self) -> int:
        """The memory that it has in use, 0 where that is not known. Units: bytes."""
        ...

    def ask_to_stop(self) -> None:
        """Let it stop after the trace that it runs."""
        ...

    def kill(self) -> None:
        """End it, without waiting."""
        ...

    def end(self) -> Ending:
        """End it with all it started, if it has not ended; say how. Effect: nothing is left."""
        ...


class Place(Protocol):
    """Where workers run."""

    def start(self, job: Job) -> Link:
        """Start a worker. Errors: HarnessError."""
        ...

    def wait(self, seconds: float) -> Sequence[Link]:
        """Return the workers that have said something, or ended, waiting a while for the first."""
        ...

    def close(self) -> None:
        """Give back what the place holds. Requires: its workers have ended."""
        ...
