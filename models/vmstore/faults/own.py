"""Planted bugs that come from outside of the model, by id."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Run = Callable[[Any, Any], Any]  # machine and op, to an outcome
Plant = Callable[[Any, Any, Run], Any]  # the same with the bug, given what does it without


@dataclass(frozen=True, slots=True)
class OwnFault:
    """One planted bug. `plant(machine, op, run)` does `op` with it, `run(machine, op)` without.

    Requires: `plant` returns an outcome, and writes memory through `machine.cells` and its likes
    only, so that what it wrote is seen. `ops` are the classes of the ops that it changes; `clause`
    is the id under which the oracle is to report it.
    """

    id: str
    ops: tuple[type, ...]
    text: str
    plant: Plant
    clause: str = ""
    source: str = ""


OWN_FAULTS: Final[dict[str, OwnFault]] = {}
