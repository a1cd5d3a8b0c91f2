"""How events of the machine are written in a finding."""

from collections.abc import Iterable
from typing import Any

from vmstore.arch import PAGE_SIZE


def format_events(events: Iterable[Any]) -> str:
    """Return events as `[freed 0x1000, ipi 1]`; numbers from a page on are addresses."""
    return "[" + ", ".join(" ".join(_word(part) for part in event) for event in events) + "]"


def _word(part: object) -> str:
    return f"{part:#x}" if isinstance(part, int) and part >= PAGE_SIZE else str(part)
