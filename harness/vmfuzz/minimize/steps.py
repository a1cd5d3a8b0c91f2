"""Passes that delete ops; what depends on a deleted op is skipped and goes with it."""

from itertools import combinations
from typing import Final

from vmfuzz.minimize.shrinker import Shrinker

_PAIRS_UP_TO: Final = 40  # steps; the pass is quadratic
_TRIPLES_UP_TO: Final = 12  # steps; the pass is cubic


def delete_chunks(shrinker: Shrinker) -> None:
    """Delete runs of steps, half of the trace first, single steps last and until none goes."""
    size = max(1, len(shrinker.steps) // 2)
    while True:
        deleted = _sweep(shrinker, size)
        if size > 1:
            size //= 2
        elif not deleted:
            return


def _sweep(shrinker: Shrinker, size: int) -> bool:
    """Try to delete every run of `size` steps once, front to back: producers before users."""
    deleted = False
    at = 0
    while at < len(shrinker.steps):
        steps = shrinker.steps
        if shrinker.propose(steps[:at] + steps[at + size :]):
            deleted = True
        else:
            at += size
    return deleted


def delete_pairs(shrinker: Shrinker) -> None:
    """Delete two steps at once: one that takes and one that gives back go only together."""
    first = 0
    while first < len(shrinker.steps) <= _PAIRS_UP_TO:
        second = first + 1
        while second < len(shrinker.steps):
            steps = shrinker.steps
            kept = steps[:first] + steps[first + 1 : second] + steps[second + 1 :]
            if not shrinker.propose(kept):
                second += 1
        first += 1


def delete_triples(shrinker: Shrinker) -> None:
    """Delete three steps of a short trace at once: a handle is moved on by several ops, or none."""
    while len(shrinker.steps) <= _TRIPLES_UP_TO and _delete_three(shrinker):
        pass


def _delete_three(shrinker: Shrinker) -> bool:
    steps = shrinker.steps
    return any(
        shrinker.propose([step for at, step in enumerate(steps) if at not in gone])
        for gone in combinations(range(len(steps) - 1), 3)
    )
