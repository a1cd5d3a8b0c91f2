"""Which files a campaign keeps for itself in the folder that it stores findings in."""

from pathlib import Path
from typing import Final

from vmfuzz.campaigns.folder import EVENTS, META, STATE

SEARCH: Final = "exhaustive-"  # how the name of a kept search begins


def is_of_campaign(path: Path) -> bool:
    """Return whether a file is a campaign's log, or a search that it keeps, not a recording."""
    if path.name != EVENTS and not path.name.startswith(SEARCH):
        return False
    return any((path.parent / name).exists() for name in (META, STATE))
