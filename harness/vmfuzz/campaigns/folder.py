"""The folder of a campaign: what is where, who may write to it, and where the last run stopped.

Plain files are the truth: `meta.json` (the plan), `events.jsonl` (the log), `state.json` (where the
last run stopped), `corpus/`, a folder per signature, and `lock`.
"""

import fcntl
import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from vmfuzz.campaigns.event_log import EventLog
from vmfuzz.campaigns.events import SCHEMA
from vmfuzz.crashes import check_folder
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input
from vmfuzz.trace_file import write_atomically

META: Final = "meta.json"
EVENTS: Final = "events.jsonl"
STATE: Final = "state.json"
CORPUS: Final = "corpus"
LOCK: Final = "lock"
_HALF: Final = re.compile(r"\..*\.(json|trace|held|txt)\.[a-z0-9_]{8}")  # of `write_atomically`
_MAX_BYTES: Final = 16 << 20
_MAX_AMOUNT: Final = (1 << 63) - 1


@dataclass(slots=True)
class State:
    """Where a campaign stands: amounts over all its runs.

    `baseline` are the buckets that the folder had when the campaign's plan was made, so that a
    resumed run still calls new what the runs before it found. Units: `t` seconds; `spent`
    seconds of the plan's time that its runs have used.
    """

    t: float = 0.0
    run: int = 0
    spent: float = 0.0
    steps: int = 0
    traces: int = 0
    features: int = 0
    tally: dict[str, dict[str, int]] = field(default_factory=dict)
    quirks: dict[str, int] = field(default_factory=dict)
    baseline: list[str] = field(default_factory=list)


class CampaignFolder:
    """A folder that this process campaigns in, and no other.

    Effect: made if need be; the half line that a killed run left in the log is cut off.
    Errors: VmfuzzError when another campaign runs in it, when it cannot be written, and for a
    `meta.json` or `state.json` that is not ours.
    """

    def __init__(self, path: Path) -> None:
        check_folder(path)
        self.path = path
        self.problem = ""
        self._lock: int | None = _locked(path / LOCK)
        _sweep(path)
        try:
            self.meta = _read_meta(path / META)
            self.state = _read_state(path / STATE)
            self.log = EventLog(path / EVENTS)
            last = self.log.repair()
            if last is not None:  # a killed run's log may be ahead of its state
                self.state.t = max(self.state.t, last.t)
                self.state.run = max(self.state.run, last.run)
        except VmfuzzError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Let the folder go."""
        self.close()

    def close(self) -> None:
        """Let the folder go: another campaign may have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write_meta(self, meta: dict[str, Any]) -> None:
        """Keep the plan; `problem` says why that cannot be."""
        self.meta = {"schema": SCHEMA, **meta}
        self._write(META, json.dumps(self.meta, indent=2, sort_keys=True))

    def save_state(self) -> None:
        """Keep where the campaign stands; `problem` says why that cannot be."""
        self._write(STATE, json.dumps(asdict(self.state), sort_keys=True, separators=(",", ":")))

    def _write(self, name: str, text: str) -> None:
        """A full disk must not end the campaign: what it finds is still shown."""
        try:
            write_atomically(self.path / name, text + "\n")
            self.problem = ""
        except VmfuzzError as error:
            self.problem = str(error)

    def relative(self, path: Path) -> str:
        """Return a path below the folder as the log has it."""
        with suppress(ValueError):
            return path.relative_to(self.path).as_posix()
        return str(path)


def _sweep(path: Path) -> None:
    """Delete what writers that were killed have left half written. Requires: the lock."""
    for folder in (path, *path.glob("*/"), *(path / CORPUS).glob("*/")):
        with suppress(OSError):
            for name in os.listdir(folder):
                if _HALF.fullmatch(name):
                    os.unlink(folder / name)


def _locked(path: Path) -> int:
    """Return a lock on the file. The system lets it go when the process dies, however it does."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise VmfuzzError(f"{shown(path)}: cannot open: {error.strerror or error}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(handle, 100).decode("ascii", "replace").strip()
        os.close(handle)
        who = f" (process {owner})" if owner.isdigit() else ""
        raise VmfuzzError(
            f"{shown(path.parent)}: another campaign{who} is running in this folder; wait for it,"
            " or choose another --out"
        ) from None
    with suppress(OSError):  # a full disk costs the message its number only
        os.ftruncate(handle, 0)
        os.write(handle, b"%d\n" % os.getpid())
    return handle


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object of a file, None if there is no file.

    Errors: VmfuzzError for one that is too long, or no object.
    """
    if not path.exists():
        return None
    try:
        with open_input(path) as file:
            data = file.read(_MAX_BYTES + 1)
        value = json.loads(data) if len(data) <= _MAX_BYTES else None
    except OSError as error:
        raise VmfuzzError(f"{shown(path)}: cannot read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise VmfuzzError(
            f"{shown(path)}: not a file of a campaign; move it away, or choose another --out"
        )
    return value


def _read_meta(path: Path) -> dict[str, Any]:
    meta = read_object(path)
    if meta is not None and meta.get("schema") != SCHEMA:
        version = shown(repr(meta.get("schema"))[:20])
        raise VmfuzzError(
            f"{shown(path)}: schema {version} is not supported; this vmfuzz writes {SCHEMA}; choose"
            " another --out"
        )
    return meta or {}


def _read_state(path: Path) -> State:
    values = read_object(path)
    if values is None:
        return State()
    state = State()
    try:
        for name in ("run", "steps", "traces", "features"):
            setattr(state, name, _amount(values.get(name, 0)))
        state.t, state.spent = _seconds(values.get("t", 0)), _seconds(values.get("spent", 0))
        state.tally = {op: _counts(row) for op, row in _items(values.get("tally"), 1000)}
        state.quirks = _counts(values.get("quirks"))
        baseline = values.get("baseline", [])
        if not isinstance(baseline, list) or not all(isinstance(s, str) for s in baseline):
            raise ValueError("'baseline' is no list of texts")
        state.baseline = baseline
    except ValueError as error:
        raise VmfuzzError(
            f"{shown(path)}: {shown(error)}; delete it, and the campaign counts from 0"
        ) from None
    return state


def _items(value: Any, most: int) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, dict) or len(value) > most:
        raise ValueError(f"{type(value).__name__} where an object of up to {most} belongs")
    return list(value.items())


def _counts(value: Any) -> dict[str, int]:
    return {name: _amount(amount) for name, amount in _items(value, 1000)}


def _amount(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_AMOUNT:
        raise ValueError(f"{value!r:.40} is no amount")
    return value


def _seconds(value: Any) -> float:
    if type(value) not in {int, float} or not 0 <= value < 1e10:
        raise ValueError(f"{value!r:.40} is no number of seconds")
    return float(value)
