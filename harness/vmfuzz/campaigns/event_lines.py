"""Events as lines of text: one JSON object each.

A line comes from a file that anybody may have written: `decode` takes nothing on trust. Fields
that a kind does not have are ignored, those with a default may be missing, so that logs of other
versions can be read.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields
from typing import Any, Final, get_type_hints

from vmfuzz.campaigns.events import KINDS, Counts, Event, Table, WorkerRate

MAX_TEXT: Final = 20_000  # characters of one value; a witness is long
MAX_ITEMS: Final = 10_000
_MAX_AMOUNT: Final = (1 << 63) - 1
_MAX_SECONDS: Final = 1e10
_NAMES: Final = {event: kind for kind, event in KINDS.items()}


class EventError(ValueError):
    """A line that is no event. The message says which field is wrong, and how."""


class UnknownKind(EventError):
    """An event of a kind that this version does not know; newer ones may."""


def encode(event: Event) -> str:
    """Return the event as one line, without its end."""
    values = asdict(event)
    head = {"t": round(values.pop("t"), 3), "run": values.pop("run"), "kind": _NAMES[type(event)]}
    return json.dumps(head | values, separators=(",", ":"))


def decode(line: bytes) -> Event:
    """Return the event of a line. Errors: UnknownKind; EventError naming the field and the value.

    Amounts are 0 to 2^63 - 1, texts and lists have limits, no number is infinite.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise EventError("no JSON") from None
    if not isinstance(values, dict):
        raise EventError("no object")
    kind = values.get("kind")
    if not isinstance(kind, str):
        raise EventError("'kind' is no text")
    if kind not in KINDS:
        raise UnknownKind(kind[:40])
    event: Event = _read(KINDS[kind], values)
    return event


def _read(target: Any, values: dict[str, Any]) -> Any:  # any dataclass of this module
    found: dict[str, Any] = {}
    for name, read, is_required in _FIELDS[target]:
        if name in values:
            try:
                found[name] = read(values[name])
            except ValueError as error:
                raise EventError(f"{name!r} {error}") from None
        elif is_required:
            raise EventError(f"{name!r} is missing")
    return target(**found)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is {_brief(value)}, no text")
    if len(value) > MAX_TEXT:
        raise ValueError(f"is longer than {MAX_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair: nothing could print it
        raise ValueError("is not UTF-8 text") from None
    return value


def _amount(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_AMOUNT:
        raise ValueError(f"is {_brief(value)}, no amount")
    return value


def _seconds(value: Any) -> float:
    if type(value) not in {int, float} or not 0 <= value <= _MAX_SECONDS:
        raise ValueError(f"is {_brief(value)}, no number from 0 to {_MAX_SECONDS:.0e}")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is {_brief(value)}, neither true nor false")
    return value


def _listed(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_list(value: Any) -> Any:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise ValueError(f"is {_brief(value)}, no list of up to {MAX_ITEMS} values")
        return tuple(map(read, value))

    return read_list


def _named(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_object(value: Any) -> Any:
        if not isinstance(value, dict) or len(value) > MAX_ITEMS:
            raise ValueError(f"is {_brief(value)}, no object of up to {MAX_ITEMS} values")
        return {_text(name): read(item) for name, item in value.items()}

    return read_object


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _rate(value: Any) -> WorkerRate:
    if not isinstance(value, dict):
        raise ValueError(f"has {_brief(value)}, no object")
    rate: WorkerRate = _read(WorkerRate, value)
    return rate


def _brief(value: Any) -> str:
    return repr(value)[:40] if isinstance(value, str | int | float) else type(value).__name__


_READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    str: _text,
    int: _amount,
    float: _seconds,
    bool: _flag,
    int | None: _or_none(_amount),
    float | None: _or_none(_seconds),
    tuple[str, ...]: _listed(_text),
    tuple[WorkerRate, ...]: _listed(_rate),
    dict[str, str]: _named(_text),
    Counts: _named(_amount),
    Table: _named(_named(_amount)),
}


def _plan(target: Any) -> list[tuple[str, Callable[[Any], Any], bool]]:
    """Return name, reader and whether it is required, of each field of a dataclass."""
    hints = get_type_hints(target)
    return [
        (
            known.name,
            _READERS[hints[known.name]],
            known.default is MISSING and known.default_factory is MISSING,
        )
        for known in fields(target)
    ]


_FIELDS: Final = {target: _plan(target) for target in (*KINDS.values(), WorkerRate)}
