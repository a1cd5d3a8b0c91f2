"""The files that a command works on: those that are named, and those below named folders."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vmfuzz.campaigns.own_files import is_of_campaign
from vmfuzz.cli.streams import note
from vmfuzz.errors import NothingToDo, shown
from vmfuzz.input_file import files_below

TRACE: Final = ".trace"


def searched(paths: Iterable[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files among `paths`, and those below its folders that end so, sorted per folder.

    What a campaign keeps for itself is taken only where it is named itself. Effect: a remark for a
    folder without any. Errors: NothingToDo when that is all there is.
    """
    found: list[Path] = []
    empty: list[Path] = []
    for path in paths:
        below = files_below(path, suffixes)
        inside = [file for file in below if file == path or not is_of_campaign(file)]
        found += inside
        if not inside:
            empty.append(path)
    *others, last = [f"*{suffix}" for suffix in suffixes]
    wanted = f"{', '.join(others)} or {last}" if others else last
    missing = f"no {wanted} file in {', '.join(map(shown, empty))}"
    if not found:
        raise NothingToDo(missing)
    if empty:
        note(missing)
    return found
