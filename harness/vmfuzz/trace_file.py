"""Traces on disk: bounded reads, atomic writes."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from vmfuzz.errors import VmfuzzError
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_trace, parse

MAX_BYTES: Final = 16 << 20


def load(path: Path) -> Trace:
    """Read one trace. Errors: VmfuzzError for a file that is missing, too large or no trace."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise VmfuzzError(f"{path}: cannot read: {error.strerror or error}") from None
    except ValueError as error:
        raise VmfuzzError(f"{str(path)!r}: cannot read: {error}") from None
    if len(data) > MAX_BYTES:
        raise VmfuzzError(f"{path}: larger than {MAX_BYTES >> 20} MiB, no trace is")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise VmfuzzError(f"{path}: not UTF-8 text (byte {error.start})") from None
    return parse(text, str(path))


def save(path: Path, trace: Trace) -> None:
    """Write one trace. Errors: VmfuzzError; a file that was there stays whole."""
    write_atomically(path, format_trace(trace))


def write_atomically(path: Path, text: str) -> None:
    """Write `text` under a temporary name in the same folder, then rename.

    Effect: the file is the old one or the new one, whole; no other file stays behind.
    Errors: VmfuzzError.
    """
    temporary = None
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        problem = f"not UTF-8 text (character {error.start})"
        raise VmfuzzError(f"{path}: cannot write: {problem}") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:60]}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise VmfuzzError(f"{path}: cannot write: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            with suppress(OSError):  # renamed, or the folder is gone
                os.unlink(temporary)
