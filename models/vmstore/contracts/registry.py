"""What a contract clause is: one line of a checklist, over one call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from vmstore.contracts.call import Call
from vmstore.variants import PROFILES

Kind = Literal["REQ", "ENS", "STEP", "PRE", "POST"]
Test = Callable[[Call], bool]
Known = Mapping[str, str]  # by profile, the suspect that a clause is expected to fail for


def fails(suspect: str, profiles: tuple[str, ...] = PROFILES) -> Known:
    """Return that a clause is expected to fail for a suspect, under these profiles."""
    return dict.fromkeys(profiles, suspect)


def _always(_call: Call) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class ContractClause:
    """One clause: `holds` judges a call of one of `ops` to which `when` applies.

    `op` is the operation of the proof's store, or the method of the object's own contract; `ops`
    are the names of the ops that realise it. A REQ or PRE speaks of the state before the call.
    `known` names, per profile, the suspect that the clause is expected to fail for.
    """

    id: str
    op: str
    ops: tuple[str, ...]
    kind: Kind
    text: str
    source: str
    holds: Test
    when: Test = _always
    show: Callable[[Call], str] | None = None
    known: Known = field(default_factory=dict)
