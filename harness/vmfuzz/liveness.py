"""Which handles a trace may name: decided by its text alone, so any subsequence is a trace.

A producing step defines its destinations and a consuming step ends its handles, whatever the
outcome. A step whose handles are not live, or whose destination is live, is skipped.
"""

from typing import Final

from vmfuzz.handle_fields import ENDS, MAKES, USES
from vmstore.ops import DECLARATIONS, Op

_PLANS: Final = {op: (USES[op], MAKES[op], ENDS[op]) for op in DECLARATIONS}


class Liveness:
    """The syntactically live ids at one point of a trace."""

    __slots__ = ("live",)

    def __init__(self) -> None:
        self.live: set[tuple[str, int]] = set()

    def skip_reason(self, op: Op) -> str | None:
        """Return why the step is skipped, None if it runs."""
        uses, makes, ends = _PLANS[type(op)]
        live = self.live
        for name, kind, prefix in uses:
            handle = getattr(op, name)
            if (kind, handle) not in live and handle is not None:
                return f"{prefix}{handle} is not live"
        ended = {(kind, getattr(op, name)) for name, kind, _ in ends}
        if len(ended) < len(ends):
            return "one handle is consumed twice"
        made = set()
        for name, kind, prefix in makes:
            key = (kind, getattr(op, name))
            if key in live or key in made:
                return f"{prefix}{key[1]} is already live"
            made.add(key)
        return None

    def apply(self, op: Op) -> None:
        """Define the step's destinations and end what it consumes. Requires: it is not skipped."""
        _, makes, ends = _PLANS[type(op)]
        for name, kind, _ in ends:
            self.live.discard((kind, getattr(op, name)))
        for name, kind, _ in makes:
            self.live.add((kind, getattr(op, name)))
