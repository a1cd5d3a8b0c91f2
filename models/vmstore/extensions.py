"""Lets clauses and faults from outside take part: registered once, before the first session.

The model looks for none. Whoever finds them gives each set a name, and their ids begin with that
name and a dot, which no id of the model does: it cannot be taken for one.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from vmstore.clauses.own import OWN_CLAUSES
from vmstore.clauses.registry import SCOPES, Clause
from vmstore.faults.own import OWN_FAULTS, OwnFault, Plant, Run
from vmstore.outcome import CallEnded
from vmstore.step import EXEC, STEPS

__all__ = ["Clause", "ExtensionError", "OwnFault", "register_clauses", "register_faults"]

_GROUPS: Final = ("invariants", "extra", "view")
_NAME: Final = r"[a-z][a-z0-9_-]{0,30}"
_CLAUSE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}"
_FAULT_ID: Final = r"[a-z0-9][a-z0-9._-]{0,60}"  # what a fault line of a trace takes


class ExtensionError(Exception):
    """What is wrong with a clause or fault from outside, and which."""


def register_clauses(name: str, clauses: object) -> tuple[str, ...]:
    """Let clauses be checked by every session from now on; return their ids.

    They are evaluated after each step over what it touched, and over everything at the end of a
    trace; not after a panic or abort. Errors: ExtensionError, and then none is registered.
    """
    found = _members(name, clauses, Clause, "Clause")
    known = {clause.id for clause in OWN_CLAUSES}
    for clause in found:
        _check_id(name, "clause", clause.id, _CLAUSE_ID, known)
        if clause.scope not in SCOPES:
            allowed = ", ".join(SCOPES)
            raise ExtensionError(f"clause {clause.id}: scope {clause.scope!r} is none of {allowed}")
        if clause.group not in _GROUPS:
            raise ExtensionError(
                f"clause {clause.id}: group {clause.group!r} is none of {', '.join(_GROUPS)}"
            )
    OWN_CLAUSES.extend(found)
    return tuple(clause.id for clause in found)


def register_faults(name: str, faults: object) -> tuple[str, ...]:
    """Let faults be planted by their ids from now on; return these.

    Effect: the ops that a fault changes look, from now on, whether it is planted.
    Errors: ExtensionError, and then none is registered.
    """
    found = _members(name, faults, OwnFault, "OwnFault")
    known = set(OWN_FAULTS)
    for fault in found:
        _check_id(name, "fault", fault.id, _FAULT_ID, known)
        unknown = [str(op) for op in fault.ops if op not in EXEC]
        if unknown or not fault.ops:
            what = f"{unknown[0]} is no class of an op" if unknown else "it changes no op"
            raise ExtensionError(f"fault {fault.id}: {what}")
    for fault in found:
        OWN_FAULTS[fault.id] = fault
        for op in fault.ops:
            handler = EXEC[op] = planted(fault.id, fault.plant, EXEC[op])
            STEPS[op] = (handler, STEPS[op][1])
    return tuple(fault.id for fault in found)


def planted(fault: str, plant: Plant, run: Run) -> Callable[[Any, Any], Any]:
    """Return what does an op with the bug where it is planted, and as `run` does elsewhere."""

    def handler(machine: Any, op: Any) -> Any:
        if fault not in machine.faults.own:
            return run(machine, op)
        try:
            outcome = plant(machine, op, run)
        except CallEnded:
            raise
        except Exception as error:
            text = f"fault {fault}: {type(error).__name__}: {error}"
            raise ExtensionError(text) from error
        if outcome is None:
            raise ExtensionError(f"fault {fault}: returned no outcome; return that of `run`")
        return outcome

    return handler


def _members(name: str, values: object, kind: type, shown: str) -> Sequence[Any]:
    if not re.fullmatch(_NAME, name):
        raise ExtensionError(f"{name[:40]!r} is no name: lower-case letters, digits, - and _")
    if not isinstance(values, tuple | list):
        raise ExtensionError(f"expected a tuple of {shown}, got {type(values).__name__}")
    for value in values:
        if not isinstance(value, kind):
            raise ExtensionError(f"expected a tuple of {shown}, {value!r:.60} is none")
    return values


def _check_id(name: str, what: str, id: str, form: str, known: set[str]) -> None:
    """Note an id. Errors: ExtensionError for one without the name, of another form, or taken."""
    rest = id.removeprefix(f"{name}.")
    if rest == id:
        raise ExtensionError(f"{what} {id[:60]!r}: its id must begin with '{name}.'")
    if not re.fullmatch(form, rest):
        raise ExtensionError(f"{what} {id[:60]!r}: its id is not of the form {name}.{form}")
    if id in known:
        raise ExtensionError(f"{what} {id!r} is registered twice")
    known.add(id)
