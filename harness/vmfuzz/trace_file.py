"""Traces on disk: bounded reads, atomic writes."""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import files_below, open_input
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_trace, parse

MAX_BYTES: Final = 16 << 20


def load(path: Path) -> Trace:
    """Read one trace. Errors: VmfuzzError for a file that is missing, too large or no trace."""
    name = shown(path)
    if os.path.isdir(path):
        raise VmfuzzError(_folder(path))
    try:
        with open_input(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise VmfuzzError(f"{name}: cannot read: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise VmfuzzError(f"{name}: larger than {MAX_BYTES >> 20} MiB, no trace is")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise VmfuzzError(f"{name}: not UTF-8 text (byte {error.start})") from None
    return parse(text, name)


def _folder(path: Path) -> str:
    """Return what is wrong with a folder where one trace belongs, and which trace it has."""
    inside = files_below(path, (".trace",))
    hint = f"name one trace, such as {shown(inside[0])}" if inside else "it has no *.trace file"
    return f"{shown(path)}: is a folder; {hint}"


def save(path: Path, trace: Trace) -> None:
    """Write one trace. Errors: VmfuzzError; a file that was there stays whole."""
    write_atomically(path, format_trace(trace))


def write_atomically(path: Path, text: str) -> None:
    """Write `text` under a temporary name in the same folder, then rename.

    Effect: the file is the old one or the new one, whole; no other file stays behind. A link keeps
    its place, what it points to is replaced, and keeps its permissions. Errors: VmfuzzError; for a
    file that its permissions protect, a device or a pipe, too, which a rename would destroy.
    """
    name, temporary = shown(path), None
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        problem = f"not UTF-8 text (character {error.start})"
        raise VmfuzzError(f"{name}: cannot write: {problem}") from None
    try:
        path = _target(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:60]}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except OSError as error:
        raise VmfuzzError(f"{name}: cannot write: {error.strerror or error}") from None
    except ValueError as error:  # a null byte
        raise VmfuzzError(f"{name}: cannot write: {error}") from None
    finally:
        if temporary is not None:
            with suppress(OSError):  # renamed, or the folder is gone
                os.unlink(temporary)


def _mode(path: Path) -> int:
    """Return the permissions for a file. Errors: PermissionError where the old one is read-only."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return 0o666 & ~_umask()
    if not mode & 0o222:  # a rename would not ask
        raise PermissionError(errno.EACCES, "the file is read-only")
    return mode


def _target(path: Path) -> Path:
    """Return the file that `path` means, links followed. Errors: OSError if it is no file."""
    target = Path(os.path.realpath(path))
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # renaming onto a folder says what it is
        raise OSError("not a regular file")
    return target


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
