"""Opens files that come from outside: bounded, and never one that makes a reader wait for ever."""

import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from vmfuzz.errors import VmfuzzError, shown

_STREAMS: Final = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")  # whoever names these feeds them


def open_input(path: Path) -> BinaryIO:
    """Open a regular file, or a stream that the caller passed, such as `/dev/stdin`.

    Errors: VmfuzzError for anything else: a pipe by name may never end, a device has no end.
    """
    try:
        if not _is_readable_kind(path):
            raise VmfuzzError(f"{shown(path)}: cannot read: not a regular file")
        return path.open("rb")
    except OSError as error:
        raise VmfuzzError(f"{shown(path)}: cannot read: {error.strerror or error}") from None
    except ValueError as error:  # a null byte
        raise VmfuzzError(f"{shown(path)}: cannot read: {error}") from None


def _is_readable_kind(path: Path) -> bool:
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # opening a folder says what it is
        return True
    is_stream = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)
    return is_stream and str(path).startswith(_STREAMS)


def files_below(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files in the folder `path` and below that end so, sorted; `path` if it is none."""
    if not os.path.isdir(path):
        return [path]
    return sorted(p for p in path.rglob("*") if p.name.endswith(suffixes) and not p.is_dir())
