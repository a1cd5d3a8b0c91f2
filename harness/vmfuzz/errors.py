"""What a user can do wrong, and what to do about each. Exit code 2, never a traceback."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

_LONGEST_NAME: Final = 500  # characters of a file's name in a message


class VmfuzzError(Exception):
    """A user's mistake. The message says where, what, which value, and what is allowed."""


class NothingToDo(VmfuzzError):
    """What was named exists, and has nothing in it to work on. Exit code 5."""


class HarnessError(Exception):
    """A defect of vmfuzz itself; never a finding. Exit code 3."""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ` (did you mean ...?)` for the closest of `known`, nothing where none is close."""
    near = get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def closest(word: str, known: Sequence[str]) -> str:
    """Return ` (did you mean ...?)` for the closest of `known`, or what is known."""
    every = f"; known are {', '.join(known)}" if len(known) <= 12 else ""
    return did_you_mean(word, known) or every


def shown(name: object) -> str:
    """Return a name from outside for a message: one line, no control character, not endless."""
    text = str(name)
    if len(text) > _LONGEST_NAME:
        text = text[:_LONGEST_NAME] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class TraceError(VmfuzzError):
    """A trace that cannot be read. Units: `line` and `column` count from 1."""

    def __init__(self, where: str, line: int, column: int, problem: str) -> None:
        super().__init__(f"{where}:{line}:{column}: {problem}")
        self.where, self.line, self.column, self.problem = where, line, column, problem
