"""The event log: `events.jsonl`, appended to by one campaign, read by anybody at any time."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from vmfuzz.campaigns.event_lines import EventError, UnknownKind, decode, encode
from vmfuzz.campaigns.events import (
    Event,
    Progress,
    Tally,
    Worker,
)
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input

MAX_LOG: Final = 256 << 20  # bytes that are read
MAX_LINE: Final = 1 << 20
FULL: Final = 64 << 20  # bytes from which on only what matters is written
_FREQUENT: Final = (Progress, Tally, Worker)
_MAX_PROBLEMS: Final = 100
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was left out, and why. Units: `line` counts from 1."""

    line: int
    text: str


@dataclass(slots=True)
class Log:
    """What a log says. Shape: `events` in the order of the file, `t` and `run` never fall.

    `unknown` counts lines by kinds that this version does not know; `problems` has the first
    hundred lines that are no events, `bad` how many there are. `is_truncated` when the last line
    is cut short, as a killed campaign leaves it, or the file goes on beyond what is read.
    """

    events: list[Event] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    bad: int = 0
    unknown: dict[str, int] = field(default_factory=dict)
    is_truncated: bool = False


def read_log(path: Path) -> Log:
    """Return what a log says; a damaged line costs that line only.

    Errors: VmfuzzError for a file that is missing or cannot be read.
    """
    log = Log()
    number = size = 0
    try:
        with open_input(path) as file:
            while line := file.readline(MAX_LINE + 1):
                number += 1
                size += len(line)
                if size > MAX_LOG:
                    log.is_truncated = True
                    break
                if line.endswith(b"\n"):
                    _add(log, number, line)
                elif len(line) > MAX_LINE:
                    _refuse(log, number, f"the line is longer than {MAX_LINE >> 20} MiB")
                    size += _skip_line(file, MAX_LOG)
                else:
                    log.is_truncated = True
    except OSError as error:
        raise VmfuzzError(f"{shown(path)}: cannot read: {error.strerror or error}") from None
    return log


def _skip_line(file: BinaryIO, most: int) -> int:
    """Read to the end of the line; return how many bytes that were."""
    size = 0
    while size < most:
        piece = file.readline(MAX_LINE)
        size += len(piece)
        if not piece or piece.endswith(b"\n"):
            break
    return size


def _add(log: Log, number: int, line: bytes) -> None:
    if not line.strip():
        return
    try:
        event = decode(line)
    except UnknownKind as error:
        kind = shown(error)
        if kind in log.unknown or len(log.unknown) < _MAX_PROBLEMS:
            log.unknown[kind] = log.unknown.get(kind, 0) + 1
        return
    except EventError as error:
        _refuse(log, number, shown(error))
        return
    last = log.events[-1] if log.events else event
    if event.t < last.t or event.run < last.run:
        _refuse(log, number, "it is older than the line before")
        return
    log.events.append(event)


def _refuse(log: Log, number: int, text: str) -> None:
    log.bad += 1
    if len(log.problems) < _MAX_PROBLEMS:
        log.problems.append(Problem(number, text))


class EventLog:
    """The log of a campaign that runs.

    `problem` says why the last line could not be written; the campaign goes on without it, and
    what comes later is tried again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""

    def repair(self) -> Event | None:
        """Cut off the half line that a killed campaign leaves; return the last event.

        Errors: VmfuzzError.
        """
        try:
            size = self.path.stat().st_size
            with self.path.open("r+b") as file:
                start = max(0, size - 2 * MAX_LINE)
                file.seek(start)
                tail = file.read()
                whole = tail.rfind(b"\n") + 1
                if whole < len(tail):
                    file.truncate(start + whole)
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = error.strerror or str(error)
            raise VmfuzzError(f"{shown(self.path)}: cannot write: {problem}") from None
        return _last_event(tail[:whole])

    def append(self, event: Event) -> None:
        """Add an event as one whole line, or nothing of it."""
        data = encode(event).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, _APPEND, 0o666)
            try:
                self._write(handle, data, is_frequent=isinstance(event, _FREQUENT))
            finally:
                os.close(handle)
            self.problem = ""
        except OSError as error:
            self.problem = f"{shown(self.path)}: cannot write: {error.strerror or error}"

    @staticmethod
    def _write(handle: int, data: bytes, *, is_frequent: bool) -> None:
        end = os.fstat(handle).st_size
        if is_frequent and end > FULL:
            return
        try:
            if os.write(handle, data) < len(data):
                raise OSError("the disk is full")
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, end)
            raise


def _last_event(tail: bytes) -> Event | None:
    for line in reversed(tail.splitlines()):
        with suppress(EventError):
            return decode(line)
    return None
