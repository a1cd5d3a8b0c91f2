"""Lengths of time as people write them."""

import re
from typing import Final

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
MAX_SECONDS: Final = 30 * 24 * 3600.0


def parse_duration(text: str) -> float:
    """Return the seconds of `90s`, `30m`, `2h` or `90`. Errors: ValueError for anything else."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smh]?)", text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"{text[:40]!r} is no duration; write 90s, 30m or 2h (at most 30 days)")
    return seconds
