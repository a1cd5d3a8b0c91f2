"""`known.toml`: findings that somebody has looked at, why, and until when they are let pass.

[[known]]
id = "ACCT.3c/segment_clone"
reason = "reported upstream"
expires = "2027-01-31"
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vmfuzz.errors import VmfuzzError, closest, shown
from vmfuzz.toml_file import read_toml

_FIELDS: Final = ("id", "reason", "expires")
_DATE: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_MAX_TEXT: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """Why a signature is let pass. Units: `expires` as `YYYY-MM-DD`, the last day that it is."""

    reason: str
    expires: str


@dataclass(frozen=True, slots=True)
class Known:
    """Signatures that are let pass, on a day. Units: `today` as `YYYY-MM-DD`."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    today: str = ""

    def reason(self, signature: str) -> str | None:
        """Return why a signature is let pass today; None if it is not, or not any more."""
        entry = self.entries.get(signature)
        return entry.reason if entry is not None and self.today <= entry.expires else None

    @property
    def expired(self) -> list[str]:
        """Signatures whose day has gone by, sorted."""
        return sorted(name for name, e in self.entries.items() if self.today > e.expires)


def is_date(text: str) -> bool:
    """Return whether a text is a day as `YYYY-MM-DD`."""
    return bool(_DATE.fullmatch(text))


def read_known(path: Path, today: str) -> Known:
    """Return what a file lets pass. Errors: VmfuzzError naming the entry, the field, the value."""
    name = shown(path)
    try:
        document = read_toml(path)
    except OSError as error:
        raise VmfuzzError(f"{name}: cannot read: {error}") from None
    for key in document:
        if key != "known":
            raise VmfuzzError(f"{name}: unknown key {key[:40]!r}{closest(key, ['known'])}")
    rows = document.get("known", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VmfuzzError(f"{name}: entries are written as [[known]]")
    entries: dict[str, Entry] = {}
    for number, row in enumerate(rows, 1):
        signature, entry = _entry(f"{name}: entry {number}", row)
        if signature in entries:
            raise VmfuzzError(f"{name}: entry {number}: {signature!r} is there twice")
        entries[signature] = entry
    return Known(entries, today)


def _entry(where: str, row: dict[str, Any]) -> tuple[str, Entry]:
    for key in row:
        if key not in _FIELDS:
            raise VmfuzzError(f"{where}: unknown key {key[:40]!r}{closest(key, _FIELDS)}")
    values = []
    for key in _FIELDS:
        value = row.get(key)
        if not isinstance(value, str) or not value or len(value) > _MAX_TEXT:
            wrong = "is missing" if value is None else f"is {value!r:.40}, no text"
            raise VmfuzzError(f"{where}: {key!r} {wrong}")
        values.append(value)
    signature, reason, expires = values
    if "/" not in signature:
        raise VmfuzzError(f"{where}: 'id' is {signature[:60]!r}, no CLAUSE/OP")
    if not is_date(expires):
        raise VmfuzzError(f"{where}: 'expires' is {expires[:40]!r}, no date as YYYY-MM-DD")
    return signature, Entry(reason, expires)
