"""Adds tables to a pyproject.toml as text, so that nothing else in it changes."""

import tomllib
from dataclasses import dataclass
from typing import Any, Final

from vmfuzz.errors import VmfuzzError, shown

NAME: Final = "pyproject.toml"
NEW: Final = "# What vmfuzz and pytest read, nothing else.\n"


@dataclass(frozen=True, slots=True)
class Amended:
    """A pyproject.toml with tables added, and the paths of those that it had already."""

    text: str
    added: list[tuple[str, ...]]
    had: list[tuple[str, ...]]


def amended(text: str, tables: dict[tuple[str, ...], str], where: str) -> Amended:
    """Return `text` with each table at its end whose path it does not have.

    Requires: `text` is the file as it is, its line ends included. Effect: what it said before it
    says after. Errors: VmfuzzError naming the file, if it is no TOML or has no place for a table.
    """
    before = _parsed(text, where)
    had = [path for path in tables if _has(before, path)]
    added = [path for path in tables if path not in had]
    if not added:
        return Amended(text, added, had)
    end = "\r\n" if "\r\n" in text else "\n"
    head = text if not text or text.endswith("\n") else text + end
    parts = [tables[path].replace("\n", end) for path in added]
    result = head + (end if head else "") + end.join(parts)
    try:
        after = tomllib.loads(result)
    except tomllib.TOMLDecodeError:
        names = ", ".join(".".join(path) for path in added)
        raise VmfuzzError(
            f"{where}: no place for {names}: 'tool' is written inline; write it as [tool.NAME]"
        ) from None
    for path in added:
        _without(after, path)
    if _without_empty(after) != _without_empty(before):
        raise VmfuzzError(f"{where}: adding tables would change what it says; add them by hand")
    return Amended(result, added, had)


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise VmfuzzError(f"{where}: no TOML: {shown(error)}") from None


def _has(document: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return True


def _without(document: dict[str, Any], path: tuple[str, ...]) -> None:
    for name in path[:-1]:
        document = document[name]
    del document[path[-1]]


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without a `tool` that holds nothing: a first table makes it."""
    return {name: value for name, value in document.items() if name != "tool" or value}
