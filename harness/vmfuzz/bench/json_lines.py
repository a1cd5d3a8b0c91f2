"""A file of one JSON object a line that a measurement is kept in, so that it can be resumed."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input

LONGEST: Final = 64 << 20  # bytes of a file that is read back
_BEGINNING: Final = b'{"fault": '

T = TypeVar("T")
Types = Mapping[str, tuple[type, ...]]
Parse = Callable[[dict[str, Any]], T | None]


def append(path: Path, line: str) -> None:
    """Add a line. Errors: VmfuzzError when the file cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise VmfuzzError(f"{shown(path)}: cannot write: {error.strerror}") from None


def resume(path: Path, types: Types, parse: Parse[T], command: str) -> list[T]:
    """Return what a file has, nothing if there is none. Effect: cuts a half line at its end off.

    Errors: as `read`.
    """
    if not path.exists():
        return []
    values, rest = _read(path, types, parse, command)
    if rest:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - len(rest))
    return values


def read(path: Path, types: Types, parse: Parse[T], command: str) -> list[T]:
    """Return what a file has: objects of exactly these fields that `parse` takes.

    Errors: VmfuzzError for a file that cannot be read, is too long, or is not the command's.
    """
    return _read(path, types, parse, command)[0]


def _read(path: Path, types: Types, parse: Parse[T], command: str) -> tuple[list[T], bytes]:
    """Return the values, and the half line at the end that an interrupted run leaves."""
    with open_input(path) as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise VmfuzzError(f"{shown(path)}: more than {LONGEST:,} bytes")
    *lines, rest = data.split(b"\n")
    if rest and not rest.startswith(_BEGINNING):
        lines.append(rest)
    values: list[T] = []
    for number, text in enumerate(lines, 1):
        fields = _fields(text, types)
        value = parse(fields) if fields is not None else None
        if value is None:
            raise VmfuzzError(f"{shown(path)}:{number}: not a line of `{command}`")
        values.append(value)
    return values, rest


def _fields(text: bytes, types: Types) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != types.keys():
        return None
    return value if all(type(value[name]) in allowed for name, allowed in types.items()) else None
