"""Shrinks a failing trace to one whose every op is needed for the same finding."""

from vmfuzz.minimize.core import Minimized, minimize

__all__ = ["Minimized", "minimize"]
