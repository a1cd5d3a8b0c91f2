"""Which clauses a finding can name."""

from functools import cache
from typing import Final

from vmfuzz.errors import VmfuzzError, did_you_mean

# In front of an op's name or a code: no registry has these.
PREFIXES: Final = ("OUT.", "EXPECT", "SAFETY", "DIVERGE.", "SUT.")
_LONGEST: Final = 60  # characters of an unknown id in a message


def check_clause(clause: str) -> None:
    """Make sure that a finding can name `clause`. Errors: VmfuzzError with the closest one."""
    if clause.startswith(PREFIXES):
        return
    from vmstore.clauses.own import OWN_CLAUSES  # most traces name no clause, and need no model

    known = [*_of_the_model(), *(each.id for each in OWN_CLAUSES)]
    if clause in known:
        return
    hint = did_you_mean(clause[:_LONGEST], known)
    raise VmfuzzError(
        f"no clause is called {clause[:_LONGEST]!r}{hint}; see `vmfuzz model clauses`"
    )


@cache
def _of_the_model() -> tuple[str, ...]:
    from vmfuzz.oracle import event_clauses
    from vmstore.clauses import CLAUSES
    from vmstore.contracts import catalogue as contracts

    ids = [*(c.id for c in CLAUSES), *(c.id for c in contracts.CLAUSES), *event_clauses()]
    return tuple(dict.fromkeys(ids))
