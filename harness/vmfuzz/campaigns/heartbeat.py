"""A page that a worker and its driver share: that the worker lives, and which trace it runs.

Writing it costs a fraction of a microsecond and needs nobody to read it, so a worker that hangs or
dies in the middle of a trace has already said which one it was.
"""

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final

NOTHING: Final = 0
GENERATED: Final = 1  # trace `number` of the worker's seed
GIVEN: Final = 2  # the byte form in `data`, in the world of `text`
_HEAD: Final = Struct("<QQBII")  # beat, number, kind, bytes of text, bytes of data
_SIZE: Final = 1 << 18
_ROOM: Final = _SIZE - _HEAD.size


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker said last. `count` grows whenever it gets on."""

    count: int
    number: int
    kind: int
    text: bytes = b""
    data: bytes = b""


class Heartbeat:
    """One worker's page. Errors: OSError when the file cannot be had."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(handle, _SIZE)
            self._page = mmap.mmap(handle, _SIZE)
        finally:
            os.close(handle)
        self._count = 0

    def close(self) -> None:
        """Give the page back."""
        self._page.close()

    def beat(self) -> None:
        """Say that the worker gets on, with nothing that could be run again."""
        self._put(NOTHING, 0, b"", b"")

    def generated(self, number: int) -> None:
        """Say that trace `number` of the seed begins."""
        self._put(GENERATED, number, b"", b"")

    def given(self, text: bytes, data: bytes) -> None:
        """Say that a trace begins, in its byte form, in the world that `text` describes."""
        fits = len(text) + len(data) <= _ROOM
        self._put(GIVEN if fits else NOTHING, 0, text if fits else b"", data if fits else b"")

    def read(self) -> Beat:
        """Return what was said last. A worker that writes meanwhile may mix two of them up."""
        count, number, kind, text, data = _HEAD.unpack_from(self._page)
        if kind != GIVEN or text + data > _ROOM:
            return Beat(count, number, kind if kind == GENERATED else NOTHING)
        start = _HEAD.size
        middle = start + text
        return Beat(
            count, number, kind, self._page[start:middle], self._page[middle : middle + data]
        )

    def _put(self, kind: int, number: int, text: bytes, data: bytes) -> None:
        self._count += 1
        if kind == GIVEN:
            start = _HEAD.size
            self._page[start : start + len(text) + len(data)] = text + data
        _HEAD.pack_into(self._page, 0, self._count, number, kind, len(text), len(data))
