"""The trace's ids of handles and the agent's numbers for them.

The trace chooses ids; the agent numbers what it really made, per kind from 0, in order. A whole
trace is sent before its first answer comes, so the numbers are predicted: an agent that gives
another one diverges.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from vmstore.ops import DECLARATIONS, Op

_USES: Final = {
    d.op: tuple((f.name, f.kind.name, f.kind.prefix) for f in d.handles if f.kind)
    for d in DECLARATIONS.values()
}
_MAKES: Final = {
    d.op: tuple((f.name, f.kind.name) for f in d.destinations if f.kind)
    for d in DECLARATIONS.values()
}


class Numbering:
    """The numbers of the handles that a trace has made so far."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, int], int] = {}

    def numbered(self, op: Op, made: dict[str, int]) -> Op | str:
        """Return the op with numbers for ids, or why there is none.

        `made` counts the handles made so far, per kind: the numbers that come next.
        """
        changes: dict[str, Any] = {}
        for name, kind, prefix in _USES[type(op)]:
            handle = getattr(op, name)
            if handle is None:
                continue
            number = self.numbers.get((kind, handle))
            if number is None:
                return f"{prefix}{handle} was never produced"
            changes[name] = number
        for (name, _), number in zip(_MAKES[type(op)], _next(op, made), strict=True):
            changes[name] = number
        return replace(op, **changes) if changes else op

    def note(self, op: Op, before: dict[str, int], after: dict[str, int]) -> None:
        """Take note of what the step made: the counts of handles before and after it."""
        for (name, kind), number in zip(_MAKES[type(op)], _next(op, before), strict=True):
            key = (kind, getattr(op, name))
            if number < after.get(kind, 0):
                self.numbers[key] = number
            else:
                self.numbers.pop(key, None)


def with_fresh_ids(ops: Sequence[Op]) -> list[Op]:
    """Return numbered ops as a trace has them: no id is defined twice.

    A number that was not used up, because its op failed, is the next op's again; an id is not.
    """
    ids: dict[tuple[str, int], int] = {}
    counts: dict[str, int] = {}
    renamed: list[Op] = []
    for op in ops:
        changes: dict[str, Any] = {
            name: ids[kind, getattr(op, name)]
            for name, kind, _ in _USES[type(op)]
            if getattr(op, name) is not None
        }
        for name, kind in _MAKES[type(op)]:
            changes[name] = ids[kind, getattr(op, name)] = counts.get(kind, 0)
            counts[kind] = changes[name] + 1
        renamed.append(replace(op, **changes) if changes else op)
    return renamed


def _next(op: Op, made: dict[str, int]) -> list[int]:
    """Return the number that each destination gets if it is made."""
    numbers: list[int] = []
    taken = dict(made)
    for _, kind in _MAKES[type(op)]:
        numbers.append(taken.get(kind, 0))
        taken[kind] = numbers[-1] + 1
    return numbers
