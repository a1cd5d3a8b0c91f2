"""A corpus: traces as text, each named by its contents, in subfolders of two hexadecimal digits.

Several processes add to one at a time. A name says what the file holds, so that two of them that
store the same trace write the same file, and merging corpora is copying files.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from vmfuzz.errors import VmfuzzError
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load, write_atomically
from vmfuzz.trace_text import format_trace

MAX_TEXT: Final = 256 << 10  # bytes of one trace
_NAME: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}\.trace")
_DIGITS: Final = 32


def name_of(text: str) -> str:
    """Return the name of a trace's text, below the corpus: `ab/cdef....trace`."""
    digest = blake2b(text.encode(), digest_size=_DIGITS // 2).hexdigest()
    return f"{digest[:2]}/{digest[2:]}.trace"


class Corpus:
    """A folder of traces. Shape: `names` as `name_of` gives them.

    Anything else in the folder is left alone, and not seen.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._times: dict[str, int] = {}
        self._known: dict[str, list[str]] = {}

    def add(self, trace: Trace) -> str | None:
        """Store a trace and return its name, None if it was there or is too long.

        Errors: VmfuzzError when it cannot be written.
        """
        text = format_trace(trace)
        name = name_of(text)
        path = self.path / name
        if len(text) > MAX_TEXT or path.exists():
            return None
        write_atomically(path, text)
        return name

    def names(self) -> list[str]:
        """Return the names of all traces, sorted. Effect: only folders that changed are read."""
        for folder in self._folders():
            with suppress(OSError):  # deleted under our eyes
                changed = os.stat(self.path / folder).st_mtime_ns
                if self._times.get(folder) != changed:
                    self._known[folder] = sorted(self._listed(folder))
                    self._times[folder] = changed
        return [name for folder in sorted(self._known) for name in self._known[folder]]

    def __len__(self) -> int:
        return len(self.names())

    def load(self, name: str) -> Trace:
        """Return a trace. Errors: VmfuzzError for one that is gone or damaged."""
        path = self.path / name
        if path.is_symlink() or not _NAME.fullmatch(name):
            raise VmfuzzError(f"{name}: not a trace of this corpus")
        return load(path)

    def remove(self, name: str) -> None:
        """Delete a trace, if it is there. Errors: VmfuzzError when it cannot be."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise VmfuzzError(f"{self.path / name}: cannot delete: {error.strerror}") from None

    def _folders(self) -> list[str]:
        try:
            found = [name for name in os.listdir(self.path) if re.fullmatch("[0-9a-f]{2}", name)]
        except OSError:
            found = []
        for name in set(self._known) - set(found):
            del self._known[name]
            self._times.pop(name, None)
        return found

    def _listed(self, folder: str) -> Iterator[str]:
        for file in os.listdir(self.path / folder):
            if _NAME.fullmatch(f"{folder}/{file}"):
                yield f"{folder}/{file}"
