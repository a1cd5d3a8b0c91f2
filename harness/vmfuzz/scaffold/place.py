"""Where files may be written: below one folder, where nothing is, through no link out of it."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from vmfuzz.errors import VmfuzzError, shown


def check_root(root: Path) -> Path:
    """Return `root` without links. Errors: VmfuzzError when it is no folder."""
    try:
        mode = os.stat(root).st_mode
    except FileNotFoundError:
        raise VmfuzzError(f"{shown(root)}: no such folder; make it first") from None
    except (OSError, ValueError) as error:
        raise VmfuzzError(f"{shown(root)}: cannot read: {_why(error)}") from None
    if not stat.S_ISDIR(mode):
        raise VmfuzzError(f"{shown(root)}: not a folder")
    return Path(os.path.realpath(root))


def is_taken(root: Path, name: str) -> bool:
    """Return whether something has this name below `root`, be it a link to nowhere.

    Requires: `root` comes from `check_root`, `name` is relative. Errors: VmfuzzError when a part
    of the way there is no folder, or a link that leads out of `root`.
    """
    path = root / name
    for folder in reversed(path.relative_to(root).parents):
        step = root / folder
        if not os.path.lexists(step):
            return False
        if not Path(os.path.realpath(step)).is_relative_to(root):
            raise VmfuzzError(f"{shown(step)}: a link that leads out of {shown(root)}")
        if not step.is_dir():
            raise VmfuzzError(f"{shown(step)}: not a folder, and in the way of one")
    return os.path.lexists(path)


def is_inside(root: Path, name: str) -> bool:
    """Return whether what `name` means, links followed, is below `root`."""
    return Path(os.path.realpath(root / name)).is_relative_to(root)


def create(root: Path, name: str, text: str) -> None:
    """Write a file that is not there. Effect: the whole file, or none.

    Errors: VmfuzzError if it is there by now, or cannot be written.
    """
    path, is_ours = root / name, False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="") as file:
            is_ours = True
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if is_ours:
            with suppress(OSError):
                path.unlink()
        raise VmfuzzError(f"{shown(path)}: cannot write: {_why(error)}") from None


def _why(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
