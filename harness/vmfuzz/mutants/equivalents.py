"""Mutants that no run can notice, each with the argument why: `equivalents.toml`.

An entry names its mutant by function and code, not by line, so that it survives edits elsewhere.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from vmfuzz.errors import HarnessError
from vmfuzz.mutants.catalogue import Context, Mutant, modules, mutants_of

PATH: Final = Path(__file__).with_name("equivalents.toml")
_KEYS: Final = {"module", "function", "code", "changes", "because"}


@dataclass(frozen=True, slots=True)
class Equivalents:
    """Arguments by the context of their mutants."""

    arguments: dict[Context, str]

    def argument(self, mutant: Mutant) -> str | None:
        """Return why nothing can notice a mutant, None if that is not known."""
        return self.arguments.get(mutant.context)

    def stale(self) -> list[Context]:
        """Return the entries that no mutant has any more."""
        known = {mutant.context for name in modules() for mutant in mutants_of(name)}
        return [context for context in self.arguments if context not in known]


@cache
def equivalents() -> Equivalents:
    """Return the committed entries."""
    return parse(PATH.read_text(encoding="utf-8"))


def parse(text: str) -> Equivalents:
    """Return the entries of a file.

    Shape: tables `[[equivalent]]` with `module`, `function`, `code`, a list `changes` of
    `OPERATOR.CHOICE#ORDINAL` (`#0` may be left out) and `because`, the argument for all of them.
    Errors: HarnessError naming the entry.
    """
    arguments: dict[Context, str] = {}
    try:
        entries = tomllib.loads(text).get("equivalent", [])
    except tomllib.TOMLDecodeError as error:
        raise HarnessError(f"equivalents: {error}") from None
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or entry.keys() != _KEYS:
            raise HarnessError(f"equivalents: entry {number} needs {', '.join(sorted(_KEYS))}")
        for context in _contexts(entry):
            if context in arguments:
                raise HarnessError(f"equivalents: entry {number} repeats {context.code!r}")
            arguments[context] = entry["because"]
    return Equivalents(arguments)


def _contexts(entry: dict[str, Any]) -> list[Context]:
    where = (entry["module"], entry["function"], entry["code"])
    changes = (change.partition("#") for change in entry["changes"])
    return [Context(*where, change, int(ordinal or 0)) for change, _, ordinal in changes]
