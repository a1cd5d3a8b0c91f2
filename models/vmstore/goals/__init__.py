"""Reachability goals: the situations in which memory management goes wrong, as predicates.

Each names a corner of the specification in which a step should have happened before a campaign
says anything: a slice over a mapped frame, a count one below its maximum, a stale translation that
waits for its flush. A goal is reached by a step whose outcome the oracle has accepted.
"""

from typing import Any, Final

from vmstore.goals import contents, flushes, frames, lists, spaces, tables
from vmstore.goals.record import Goal, Moment
from vmstore.ops import DECLARATIONS

__all__ = ["AREAS", "GOALS", "GOALS_OF", "GOAL_BY_ID", "Goal", "Moment"]

AREAS: Final[dict[str, tuple[Goal, ...]]] = {
    "frames": frames.GOALS,
    "lists": lists.GOALS,
    "spaces": spaces.GOALS,
    "tables": tables.GOALS,
    "flushes": flushes.GOALS,
    "contents": contents.GOALS,
}
GOALS: Final[tuple[Goal, ...]] = tuple(goal for goals in AREAS.values() for goal in goals)
GOAL_BY_ID: Final = {goal.id: goal for goal in GOALS}
GOALS_OF: Final[dict[type[Any], tuple[Goal, ...]]] = {
    op: tuple(goal for goal in GOALS if op in goal.ops) for op in DECLARATIONS
}
