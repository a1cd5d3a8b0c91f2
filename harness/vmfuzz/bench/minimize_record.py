"""The record of `bench minimize`: one JSON line per result, so that it can be resumed."""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from vmfuzz.bench import json_lines
from vmfuzz.bench.shrunk import Key, Shrunk

_COMMAND: Final = "bench minimize"
_NONE: Final = type(None)
_TYPES: Final[dict[str, tuple[type, ...]]] = {
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


def line(done: Shrunk) -> str:
    """Return the line of a result, without its end."""
    return json.dumps(asdict(done))


def keeper(record: Path | None) -> Callable[[Shrunk], None]:
    """Return what adds a result to the record. Errors: VmfuzzError when it cannot be written."""

    def keep(done: Shrunk) -> None:
        if record is not None:
            json_lines.append(record, line(done))

    return keep


def resume(record: Path | None) -> dict[Key, Shrunk]:
    """Return the results of a record, none if there is no such file.

    Errors: VmfuzzError for a file that cannot be read, or that is something else.
    """
    if record is None:
        return {}
    return {done.key: done for done in json_lines.resume(record, _TYPES, _parse, _COMMAND)}


def _parse(value: dict[str, Any]) -> Shrunk | None:
    """Return the result, None where it has only a part of what is measured together."""
    if len({value[name] is None for name in ("found", *_MEASURED)}) > 1:
        return None
    return Shrunk(**value)
