"""How much memory a process has in use."""

import os
import resource
from pathlib import Path
from typing import Final

_PAGE: Final = resource.getpagesize()


def resident() -> int:
    """Return the memory that this process has in use. Units: bytes."""
    return resident_of(os.getpid())


def resident_of(pid: int) -> int:
    """Return the memory that a process has in use, 0 where that cannot be known. Units: bytes."""
    try:
        text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
        return int(text.split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
