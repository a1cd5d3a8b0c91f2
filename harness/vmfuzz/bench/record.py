"""The record of a measurement: one JSON line per trial, so that it can be cut short and resumed."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from vmfuzz.bench.trial import Moment, Quarry, Trial
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input

_LONGEST_RECORD: Final = 64 << 20  # bytes of a record that is read back
_BEGINNING: Final = b'{"fault": '
_MOMENTS: Final = ("reached", "triggered", "reported", "named")
_FIELDS: Final[dict[str, tuple[type, ...]]] = {
    "fault": (str,),
    "engine": (str,),
    "trial": (int,),
    "seed": (int,),
    "limit": (int, float),
    **dict.fromkeys(_MOMENTS, (dict, type(None))),
    "signature": (str, type(None)),
    "length": (int, type(None)),
    "trace": (str, type(None)),
    "foreign": (str, type(None)),
}


def line(trial: Trial) -> str:
    """Return the line of a trial, without its end."""
    return json.dumps(asdict(trial))


def keeper(record: Path | None) -> Callable[[Trial], None]:
    """Return what adds a trial to the record. Errors: VmfuzzError when it cannot be written."""

    def keep(trial: Trial) -> None:
        if record is None:
            return
        try:
            with record.open("a", encoding="utf-8") as file:
                file.write(line(trial) + "\n")
        except OSError as error:
            raise VmfuzzError(f"{shown(record)}: cannot write: {error.strerror}") from None

    return keep


def resume(record: Path | None) -> dict[Quarry, Trial]:
    """Return the trials of a record, none if there is no such file. Effect: cuts a half line off.

    Errors: VmfuzzError for a file that cannot be read, or that is something else.
    """
    if record is None or not record.exists():
        return {}
    trials, rest = _read(record)
    if rest:
        with record.open("r+b") as file:
            file.truncate(record.stat().st_size - len(rest))
    return {trial.quarry: trial for trial in trials}


def read(record: Path) -> list[Trial]:
    """Return the trials of a record. Errors: VmfuzzError as for `resume`."""
    return _read(record)[0]


def _read(record: Path) -> tuple[list[Trial], bytes]:
    """Return the trials, and the half line at the end that an interrupted run leaves."""
    with open_input(record) as file:
        data = file.read(_LONGEST_RECORD + 1)
    if len(data) > _LONGEST_RECORD:
        raise VmfuzzError(f"{shown(record)}: more than {_LONGEST_RECORD:,} bytes")
    *lines, rest = data.split(b"\n")
    if rest and not rest.startswith(_BEGINNING):
        lines.append(rest)
    trials: list[Trial] = []
    for number, text in enumerate(lines, 1):
        trial = _parse(text)
        if trial is None:
            raise VmfuzzError(f"{shown(record)}:{number}: not a line of `bench faults`")
        trials.append(trial)
    return trials, rest


def _parse(text: bytes) -> Trial | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != _FIELDS.keys():
        return None
    if any(type(value[name]) not in types for name, types in _FIELDS.items()):
        return None
    moments = {name: value[name] for name in _MOMENTS}
    if not all(found is None or _is_moment(found) for found in moments.values()):
        return None
    seen = {name: found and Moment(**found) for name, found in moments.items()}
    return Trial(**{**value, **seen})


def _is_moment(value: dict[str, Any]) -> bool:
    return (
        value.keys() == {"seconds", "steps"}
        and type(value["seconds"]) in {int, float}
        and type(value["steps"]) is int
    )
