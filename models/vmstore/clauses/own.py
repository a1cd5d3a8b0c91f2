"""Clauses that come from outside of the model: evaluated one by one, after all of its own."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from vmstore.clauses.check import ClauseError, Subjects, Violation, cases, is_expected_failure
from vmstore.clauses.registry import Clause
from vmstore.step import State

__all__ = ["OWN_CLAUSES", "ClauseError", "applying", "own_nonvacuous", "own_violations"]

OWN_CLAUSES: Final[list[Clause]] = []


def own_violations(state: State, subjects: Subjects, clauses: Sequence[Clause]) -> list[Violation]:
    """Return the violations of `clauses` among `subjects`, in their order.

    Expected failures of the profile are left out. Errors: ClauseError.
    """
    by_scope = cases(state, subjects)
    profile = state.world.profile
    found = []
    for clause in clauses:
        if is_expected_failure(clause, state, profile):
            continue
        try:
            for case in _broken(clause, by_scope[clause.scope]):
                witness = clause.witness(case)
                found.append(Violation(clause.id, clause.text, clause.source, witness))
        except Exception as error:
            raise ClauseError(clause.id, error) from error
    return found


def _broken(clause: Clause, subjects: list[Any]) -> Iterator[Any]:
    return (case for case in subjects if clause.when(case) and not clause.holds(case))


def own_nonvacuous(state: State, subjects: Subjects) -> set[str]:
    """Return the ids of the registered clauses that apply to some subject. Errors: ClauseError."""
    by_scope = cases(state, subjects)
    return {clause.id for clause in OWN_CLAUSES if applying(clause, by_scope[clause.scope])}


def applying(clause: Clause, subjects: Sequence[Any]) -> int:
    """Return to how many of these subjects of its scope a clause applies. Errors: ClauseError."""
    try:
        return sum(map(bool, map(clause.when, subjects)))
    except Exception as error:
        raise ClauseError(clause.id, error) from error
