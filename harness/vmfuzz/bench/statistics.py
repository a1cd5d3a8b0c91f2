"""Medians with their spread, and comparison by rank of what two engines needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median, quantiles
from typing import Any, Final

from vmfuzz.errors import VmfuzzError

MISSING: Final = (
    "comparing engines needs scipy, which is not installed; `pip install 'vmfuzz[bench]'`,"
    " or name one --engine"
)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles of some measurements, in their unit."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread | None:
    """Return median and quartiles (inclusive method), None of nothing."""
    if not values:
        return None
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), low, high)


def a12(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how likely a value of `first` is the smaller one, ties counted half.

    0.5 means no difference, 1 that all of `first` are smaller. A miss is infinite.
    Requires: neither is empty. Source: Vargha and Delaney, 2000, where smaller is better.
    """
    wins = sum((a < b) + 0.5 * (a == b) for a in first for b in second)
    return wins / (len(first) * len(second))


def u_test() -> Callable[[Sequence[float], Sequence[float]], float]:
    """Return the two-sided Mann-Whitney test. Errors: VmfuzzError naming the extra with scipy."""
    try:
        from scipy.stats import mannwhitneyu
    except ImportError:
        raise VmfuzzError(MISSING) from None

    def p_value(first: Sequence[float], second: Sequence[float]) -> float:
        result: Any = mannwhitneyu(_finite(first), _finite(second))
        return float(result.pvalue)

    return p_value


def _finite(values: Sequence[float]) -> list[float]:
    """Put every miss at one rank above all others: a rank test has no need of its value."""
    return [1e300 if value == inf else value for value in values]
