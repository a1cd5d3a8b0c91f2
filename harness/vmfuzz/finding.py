"""What a run found: the clause, the op, the evidence. Its signature is its identity."""

from dataclasses import dataclass
from typing import Final

from vmstore.clauses import Violation
from vmstore.outcome import Outcome

FIELDS: Final = ("clause", "op", "step", "text", "source", "witness")  # what crosses a pipe


@dataclass(frozen=True, slots=True)
class Finding:
    """A false clause or a disagreement, at one step of a trace.

    `clause` is a clause id, or one of `OUT.<op>`, `EXPECT`, `VIEW.<clause>`, `SAFETY.<code>`; from
    a live system also `DIVERGE.<field>`, `SUT.CRASH`, `SUT.HANG`, `SUT.PROTOCOL`, with the end of
    its stderr in `words`.
    Units: `step` counts the op lines of the trace from 0.
    """

    clause: str
    op: str
    step: int
    text: str
    source: str
    witness: str
    outcome: Outcome | None = None
    others: tuple[Violation, ...] = ()
    words: str = ""

    @property
    def is_live(self) -> bool:
        """Whether only a live system can show it: the model alone has nothing to say."""
        return self.clause.startswith(("DIVERGE.", "SUT."))

    @property
    def signature(self) -> str:
        """The identity of the bucket: clause and op, no address and no position."""
        return f"{self.clause}/{self.op}"
