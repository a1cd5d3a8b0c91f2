"""The trace's ids of handles and the agent's numbers for them.

The trace chooses ids; the agent numbers what it really made, per kind from 0, in order. A whole
trace is sent before its first answer comes, so the numbers are predicted: an agent that gives
another one diverges.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vmfuzz.handle_fields import MAKES, USES, next_ids
from vmstore.ops import Op


class Numbering:
    """The numbers of the handles that a trace has made so far."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, int], int] = {}

    def numbered(self, op: Op, made: dict[str, int]) -> Op | str:
        """Return the op with numbers for ids, or why there is none.

        `made` counts the handles made so far, per kind: the numbers that come next.
        """
        changes: dict[str, Any] = {}
        for name, kind, prefix in USES[type(op)]:
            handle = getattr(op, name)
            if handle is None:
                continue
            number = self.numbers.get((kind, handle))
            if number is None:
                return f"{prefix}{handle} was never produced"
            changes[name] = number
        changes |= next_ids(type(op), made)
        return replace(op, **changes) if changes else op

    def note(self, op: Op, before: dict[str, int], after: dict[str, int]) -> None:
        """Take note of what the step made: the counts of handles before and after it."""
        numbers = next_ids(type(op), before)
        for name, kind, _ in MAKES[type(op)]:
            key, number = (kind, getattr(op, name)), numbers[name]
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
            for name, kind, _ in USES[type(op)]
            if getattr(op, name) is not None
        }
        fresh = next_ids(type(op), counts)
        for name, kind, _ in MAKES[type(op)]:
            ids[kind, getattr(op, name)] = fresh[name]
            counts[kind] = fresh[name] + 1
        changes |= fresh
        renamed.append(replace(op, **changes) if changes else op)
    return renamed
