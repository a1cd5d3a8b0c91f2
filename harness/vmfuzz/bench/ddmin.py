"""Plain delta debugging over a list: what any minimizer should beat.

Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002, figure 5.
It knows nothing of handles, arguments or worlds, and remembers no test.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def ddmin(items: Sequence[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """Return a sublist that fails, and that does not if any one item is left out.

    Requires: `fails(items)`, and that `fails` gives the same answer every time.
    """
    best, parts = list(items), 2
    while len(best) >= 2:
        cut = [len(best) * at // parts for at in range(parts + 1)]
        smaller = _first_subset(best, cut, fails)
        if smaller is not None:
            best, parts = smaller, 2
            continue
        smaller = _first_complement(best, cut, fails) if parts > 2 else None
        if smaller is not None:
            best, parts = smaller, max(parts - 1, 2)
        elif parts < len(best):
            parts = min(2 * parts, len(best))
        else:
            break
    return best


def _first_subset(
    items: list[T], cut: list[int], fails: Callable[[list[T]], bool]
) -> list[T] | None:
    subsets = (items[a:b] for a, b in pairwise(cut))
    return next((subset for subset in subsets if fails(subset)), None)


def _first_complement(
    items: list[T], cut: list[int], fails: Callable[[list[T]], bool]
) -> list[T] | None:
    complements = (items[:a] + items[b:] for a, b in pairwise(cut))
    return next((rest for rest in complements if fails(rest)), None)
