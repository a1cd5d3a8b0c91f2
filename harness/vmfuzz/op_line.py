"""Reads one op line: `s1, s2 = segment_split(segment=s0, offset=0x1000) => panic offset-unaligned`.

Columns are worked out only for a mistake: a campaign reads millions of lines without one.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from vmfuzz.errors import closest, did_you_mean
from vmfuzz.fields import CODECS, FieldError
from vmfuzz.outcome_text import OutcomeSyntax, parse_outcome
from vmfuzz.trace import Step
from vmstore.ids import HandleKind
from vmstore.ops import BY_NAME, Declaration, Field
from vmstore.ops.declaration import is_required
from vmstore.outcome import OK, Outcome

MAX_ID: Final = (1 << 31) - 1
DIRECTIVES: Final = ("world", "fault", "expect")
_OP: Final = re.compile(
    r"(?:(?P<dst>[^=()]*)=\s*)?(?P<name>\w+)\s*\((?P<args>[^()]*)\)\s*(?:=>\s*(?P<outcome>.*))?$"
)
_SHOWN: Final = 40  # characters of a wrong value in a message

_Reader = Callable[[str], Any]  # text of a field to its value; ValueError: what is wrong


class LineError(ValueError):
    """A mistake in a line; the caller adds where the line is. Units: `column` from 1."""

    def __init__(self, column: int, problem: str) -> None:
        super().__init__(problem)
        self.column, self.problem = column, problem


class _OpReader:
    """How the fields of one op are read."""

    __slots__ = ("alternatives", "arguments", "destinations", "make", "name", "required")

    def __init__(self, declaration: Declaration) -> None:
        self.name, self.make = declaration.name, declaration.op
        self.destinations = [(f.name, f.kind) for f in declaration.destinations if f.kind]
        known = [f for f in declaration.fields if not f.is_destination]
        self.arguments: dict[str, _Reader] = {f.name: _reader(f) for f in known}
        self.alternatives = [f.name for f in declaration.alternatives]
        self.required = tuple(f.name for f in known if is_required(f))


def _reader(field: Field) -> _Reader:
    return handle_reader(field.kind) if field.kind else CODECS[field.type].parse


def handle_reader(kind: HandleKind) -> _Reader:
    """Return what turns `f3` into 3 for this kind of handle."""
    prefix = kind.prefix
    matches = re.compile(rf"{prefix}([0-9]{{1,10}})").fullmatch

    def read(text: str) -> int:
        found = matches(text)
        number = int(found[1]) if found else MAX_ID + 1
        if number > MAX_ID:
            shown = repr(text[:_SHOWN])
            raise ValueError(f"{shown} is no {kind.name} handle; write {prefix}0, {prefix}1")
        return number

    return read


_READERS: Final = {name: _OpReader(declaration) for name, declaration in BY_NAME.items()}
_HANDLES: Final = {
    kind: handle_reader(kind) for reader in _READERS.values() for _, kind in reader.destinations
}


def read_step(line: str) -> Step:
    """Return the step that a line without comment describes. Errors: LineError."""
    text = line.strip()
    found = _OP.match(text)
    if found is None:
        raise LineError(_indent(line) + 1, _no_op_line(text))
    dst, name, args, outcome = found.groups()
    reader = _READERS.get(name)
    if reader is None:
        problem = f"unknown op {name[:60]!r}{closest(name[:60], list(BY_NAME))}"
        raise LineError(_indent(line) + found.start("name") + 1, problem)
    values: dict[str, Any] = {}
    try:
        _read_destinations(reader, dst or "", values)
        _read_arguments(reader, args, found.start("args"), values)
        recorded = None if outcome is None else _read_outcome(outcome, found.start("outcome"))
    except LineError as error:
        raise LineError(_indent(line) + error.column, error.problem) from None
    return Step(reader.make(**values), recorded)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _no_op_line(text: str) -> str:
    """A misspelt directive is the likeliest reason for a line without parentheses."""
    hint = did_you_mean(text.split(maxsplit=1)[0][:60].lower(), DIRECTIVES) if text else ""
    return f"not an op line: {text[:60]!r}{hint}"


def _read_destinations(reader: _OpReader, text: str, values: dict[str, Any]) -> None:
    words = text.split(",") if text.strip() else []
    if len(words) != len(reader.destinations):
        names = ", ".join(f"{kind.prefix}N" for _, kind in reader.destinations) or "nothing"
        got = repr(text.strip()[:_SHOWN]) if text.strip() else "nothing"
        raise LineError(1, f"{reader.name} produces {names}, got {got}")
    for number, (name, kind) in enumerate(reader.destinations):
        try:
            values[name] = _HANDLES[kind](words[number].strip())
        except ValueError as error:
            raise LineError(_column(words, number), str(error)) from None


def _read_arguments(reader: _OpReader, text: str, start: int, values: dict[str, Any]) -> None:
    known = reader.arguments
    parts = text.split(",")
    for number, part in enumerate(parts):
        before, equals, after = part.partition("=")
        key = before.strip()
        read = known.get(key) if equals else None
        if read is None or key in values:
            if part.strip():
                _refuse_key(reader, part, start + _column(parts, number), values)
            continue
        try:
            values[key] = read(after.strip())
        except ValueError as error:
            problem = f"{key}: {error}" if isinstance(error, FieldError) else str(error)
            column = start + _column([*parts[:number], before, after], number + 1)
            raise LineError(column, problem) from None
    if reader.alternatives:
        _check_alternatives(reader, start, values)
    missing = [name for name in reader.required if name not in values]
    if missing:
        raise LineError(start + 1, f"{reader.name} needs {', '.join(missing)}")


def _check_alternatives(reader: _OpReader, start: int, values: dict[str, Any]) -> None:
    given = [name for name in reader.alternatives if name in values]
    if len(given) != 1:
        needs = f"{reader.name} needs exactly one of {', '.join(reader.alternatives)}"
        raise LineError(start + 1, f"{needs}; got {', '.join(given) or 'none'}")


def _refuse_key(reader: _OpReader, part: str, column: int, values: dict[str, Any]) -> NoReturn:
    before, equals, _ = part.partition("=")
    key, known = before.strip(), list(reader.arguments)
    if equals and key in values:
        raise LineError(column, f"{key!r} is given twice")
    hint = did_you_mean(key[:_SHOWN], known) if equals and known else ""
    problem = f"{reader.name} takes {', '.join(known) or 'no argument'}; got {key[:_SHOWN]!r}"
    raise LineError(column, problem + hint)


def _column(parts: list[str], number: int) -> int:
    """Return where the text of a part begins in `','.join(parts)`. Units: from 1."""
    part = parts[number]
    blank = len(part) - len(part.lstrip())
    return sum(len(p) + 1 for p in parts[:number]) + blank + 1


def _read_outcome(text: str, start: int) -> Outcome:
    try:
        return OK if text == "ok" else parse_outcome(text)
    except OutcomeSyntax as error:
        raise LineError(start + 1, str(error)) from None
