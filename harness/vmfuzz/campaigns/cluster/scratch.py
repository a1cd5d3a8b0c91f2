"""Temporary folders of processes that may be killed: the next one removes what they left."""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from time import time
from typing import Final

_LOCK: Final = "lock"
_YOUNG: Final = 60.0  # seconds in which a folder may not have its lock yet


class Scratch:
    """A temporary folder, as long as its owner lives. Effect: those of dead owners are removed.

    `parent` is where it lies, the usual place without it. Errors: OSError.
    """

    def __init__(self, prefix: str, parent: Path | None = None) -> None:
        where = parent if parent is not None else Path(gettempdir())
        for old in where.glob(f"{prefix}*/{_LOCK}"):
            with suppress(OSError):  # somebody else's, or gone meanwhile
                _remove_if_left(old)
        self.path = Path(mkdtemp(prefix=prefix, dir=where))
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        """Remove it, as far as nobody writes there meanwhile."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _remove_if_left(lock: Path) -> None:
    if lock.is_symlink() or time() - lock.stat().st_mtime < _YOUNG:
        return
    handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its owner lives
        shutil.rmtree(lock.parent, ignore_errors=True)
    finally:
        os.close(handle)
