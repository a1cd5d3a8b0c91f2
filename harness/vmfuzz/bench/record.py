"""The record of `bench faults`: one JSON line per trial, so that it can be resumed."""

from typing import Any, Final

from vmfuzz.bench.json_lines import Record
from vmfuzz.bench.trial import Moment, Quarry, Trial
from vmfuzz.json_object import Types

_MOMENTS: Final = ("reached", "triggered", "reported", "named")
_TYPES: Final[Types] = {
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


RECORD: Final[Record[Quarry, Trial]] = Record(
    "bench faults", _TYPES, _parse, lambda trial: trial.quarry
)
