"""The record of a measurement: one JSON line per trial, so that it can be cut short and resumed."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from vmfuzz.bench import json_lines
from vmfuzz.bench.trial import Moment, Quarry, Trial

_COMMAND: Final = "bench faults"
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
        if record is not None:
            json_lines.append(record, line(trial))

    return keep


def resume(record: Path | None) -> dict[Quarry, Trial]:
    """Return the trials of a record, none if there is no such file. Errors: as `read`."""
    if record is None:
        return {}
    trials = json_lines.resume(record, _FIELDS, _parse, _COMMAND)
    return {trial.quarry: trial for trial in trials}


def read(record: Path) -> list[Trial]:
    """Return the trials of a record.

    Errors: VmfuzzError for a file that cannot be read, or that is something else.
    """
    return json_lines.read(record, _FIELDS, _parse, _COMMAND)


def _parse(value: dict[str, Any]) -> Trial | None:
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
