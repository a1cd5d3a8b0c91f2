"""One result of one method on one start."""

from dataclasses import dataclass
from typing import NamedTuple


class Key(NamedTuple):
    """What identifies a result. `ops` is the length that the start had to have, None for any."""

    fault: str
    method: str
    number: int
    seed: int
    ops: int | None


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What a method made of a start; everything is None where no start was found.

    `found` and `length` are ops before and after, `signature` and `result` what they end in;
    `trace` is the text of the result.
    Units: `seconds` of processor time, `executed` steps in `runs` proposals.
    """

    fault: str
    method: str
    number: int
    seed: int
    ops: int | None
    found: int | None = None
    signature: str | None = None
    length: int | None = None
    result: str | None = None
    seconds: float | None = None
    executed: int | None = None
    runs: int | None = None
    is_minimal: bool | None = None
    trace: str | None = None

    @property
    def key(self) -> Key:
        """What was measured."""
        return Key(self.fault, self.method, self.number, self.seed, self.ops)

    @property
    def has_slipped(self) -> bool:
        """Whether the result is another finding than the start, or none."""
        return self.result != self.signature
