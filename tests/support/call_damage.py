"""Damages to calls: values before or after a call, or its outcome, that are not what they were."""

from typing import Any, NamedTuple

from vmstore.outcome import Outcome

# An edit of a call: `old` or `new`, the registry, the key, what is put there. Of a slot some fields
# are, and an entry of another registry goes when None is. Or `outcome`, and the one it comes to.
Edit = tuple[str, str, int, Any]
Edits = tuple[Edit, ...]


class Case(NamedTuple):
    """A damage to a call, the clause it breaks and those that say the same of this damage."""

    clause: str
    call: str
    damage: Edits
    implied: tuple[str, ...] = ()


def slot(index: int, **fields: Any) -> Edits:
    """Return the damage that writes fields of a slot after the call."""
    return (("new", "slots", index, fields),)


def was(index: int, **fields: Any) -> Edits:
    """Return the damage that writes fields of a slot as it was."""
    return (("old", "slots", index, fields),)


def before(index: int, **fields: Any) -> Edits:
    """Return the damage that writes fields of a slot as it was, and as it is."""
    return was(index, **fields) + slot(index, **fields)


def entry(name: str, key: int, value: Any) -> Edits:
    """Return the damage that writes an entry of a registry, or takes it out: `value` None."""
    return (("new", name, key, value),)


def came_to(outcome: Outcome) -> Edits:
    """Return the damage that another outcome is."""
    return (("outcome", "", 0, outcome),)
