"""Shrinks a failing trace to one whose every op is needed for the same finding."""

from vmfuzz.minimize.core import Minimized, minimize
from vmfuzz.minimize.shrinker import NotFailing

__all__ = ["Minimized", "NotFailing", "minimize"]
