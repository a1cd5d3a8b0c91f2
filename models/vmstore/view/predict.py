"""Rules that say what an op comes to, instead of judging what it came to.

The prediction is applied before it is compared: where it fails the run is over anyway.
"""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from vmstore.outcome import CallEnded, Outcome
from vmstore.view.state import View

OpT = TypeVar("OpT")


def predicted(
    apply: Callable[[View, OpT], Outcome],
) -> Callable[[View, OpT, Outcome], Outcome | None]:
    """Turn a function that applies an op and returns its outcome into a rule."""

    @wraps(apply)
    def rule(v: View, op: OpT, out: Outcome) -> Outcome | None:
        try:
            allowed = apply(v, op)
        except CallEnded as end:
            allowed = end.outcome
        return None if out is allowed or out == allowed else allowed

    return rule
