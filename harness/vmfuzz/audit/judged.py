"""One stored trace under the contracts: which clauses each of its steps breaks."""

from vmfuzz.oracle import Session
from vmfuzz.runner import run
from vmfuzz.trace import Trace
from vmstore.contracts.judge import EVERY
from vmstore.contracts.registry import ContractClause

Broken = tuple[int, ContractClause, str | None, str]  # step, clause, suspect, what shows it


def judged(trace: Trace) -> list[Broken]:
    """Return what each step breaks, in order. Errors: UnknownFault; HarnessError."""
    found: list[Broken] = []

    def note(position: int, session: Session) -> None:
        if session.contracts is not None:
            found.extend(
                (position, clause, clause.known.get(trace.world.profile), witness)
                for clause, witness in session.contracts.shown()
            )

    run(trace, checks=frozenset({EVERY, "outcome"}), watch=note)
    return found
