"""The record of `bench minimize`: one JSON line per result, so that it can be resumed."""

from dataclasses import fields
from typing import Any, Final

from vmfuzz.bench.json_lines import Record
from vmfuzz.bench.shrunk import Key, Shrunk
from vmfuzz.json_object import Types

_NONE: Final = type(None)
_TYPES: Final[Types] = {
    "fault": (str,),
    "method": (str,),
    "number": (int,),
    "seed": (int,),
    "ops": (int, _NONE),
    "found": (int, _NONE),
    "signature": (str, _NONE),
    "length": (int, _NONE),
    "result": (str, _NONE),
    "seconds": (int, float, _NONE),
    "executed": (int, _NONE),
    "runs": (int, _NONE),
    "is_minimal": (bool, _NONE),
    "trace": (str, _NONE),
}
assert [field.name for field in fields(Shrunk)] == list(_TYPES)
_MEASURED: Final = ("signature", "length", "seconds", "executed", "runs", "is_minimal", "trace")


def _parse(value: dict[str, Any]) -> Shrunk | None:
    """Return the result, None where it has only a part of what is measured together."""
    if len({value[name] is None for name in ("found", *_MEASURED)}) > 1:
        return None
    return Shrunk(**value)


RECORD: Final[Record[Key, Shrunk]] = Record("bench minimize", _TYPES, _parse, lambda done: done.key)
