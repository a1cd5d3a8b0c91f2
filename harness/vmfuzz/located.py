"""Where an exception that escapes from a run came from: the step, its op, the trace's file.

It stays the exception that it is; the place is a note of it, which tracebacks show as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vmfuzz.errors import VmfuzzError
from vmstore.ops import DECLARATIONS, Op

_AT: Final = "at step "
_OF: Final = "of "


def locate(error: Exception, step: int, op: Op | None) -> None:
    """Note at which step an exception escaped; whoever knows better replaces it. Units: from 0."""
    name = DECLARATIONS[type(op)].name if op is not None else "end"
    others = [note for note in _notes(error) if not note.startswith(_AT)]
    error.__notes__ = [f"{_AT}{step} ({name})", *others]


@contextmanager
def in_trace(name: str) -> Iterator[None]:
    """Note of which trace an exception escaped. A user's mistake names its place itself."""
    try:
        yield
    except VmfuzzError:
        raise
    except Exception as error:
        error.add_note(f"{_OF}{name}")
        raise


def described(error: Exception) -> str:
    """Return what an exception says, and where it escaped if that is known."""
    at = next((note for note in _notes(error) if note.startswith(_AT)), "")
    of = next((note for note in _notes(error) if note.startswith(_OF)), "")
    return f"{error}{', ' if at or of else ''}{' '.join(part for part in (at, of) if part)}"


def _notes(error: Exception) -> list[str]:
    return getattr(error, "__notes__", [])
