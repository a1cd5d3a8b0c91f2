"""The fields of each op that name handles, read off its declaration once: they are asked per step.

A field is (its name, the kind of handle, the kind's prefix in the text form).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from vmstore.ops import DECLARATIONS, Field

HandleFields = tuple[tuple[str, str, str], ...]


def _named(fields: Iterable[Field]) -> HandleFields:
    return tuple((f.name, f.kind.name, f.kind.prefix) for f in fields if f.kind)


USES: Final = {d.op: _named(d.handles) for d in DECLARATIONS.values()}
MAKES: Final = {d.op: _named(d.destinations) for d in DECLARATIONS.values()}
ENDS: Final = {d.op: _named(f for f in d.handles if f.is_consumed) for d in DECLARATIONS.values()}
# Of these one is given.
ALTERNATIVES: Final = {d.op: _named(d.alternatives) for d in DECLARATIONS.values()}


def next_ids(op: type, made: Mapping[str, int]) -> dict[str, int]:
    """Return the next id of its kind for each destination of an op, by field.

    `made` counts the handles made so far, per kind; ids are numbers from 0, in order.
    """
    ids: dict[str, int] = {}
    taken = dict(made)
    for name, kind, _ in MAKES[op]:
        ids[name] = taken.get(kind, 0)
        taken[kind] = ids[name] + 1
    return ids
