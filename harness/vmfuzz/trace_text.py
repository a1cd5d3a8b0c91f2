"""The text form of a trace: one op per line, destinations on the left.

`parse(format_trace(t)) == t`, and the output of `format_trace` is canonical.
"""

import re
from typing import Any, Final

from vmfuzz.clause_names import check_clause
from vmfuzz.errors import TraceError, VmfuzzError
from vmfuzz.fields import CODECS
from vmfuzz.op_line import DIRECTIVES, LineError, read_step
from vmfuzz.outcome_text import format_outcome
from vmfuzz.trace import FORMAT_VERSION, Expect, Step, Trace
from vmstore.faults import Faults, UnknownFault
from vmstore.ops import DECLARATIONS, Field, Op
from vmstore.ops.declaration import is_required
from vmstore.world import World, WorldError

MAX_STEPS: Final = 1_000_000
MAX_LINE: Final = 100_000
_BYTE_ORDER_MARK: Final = "\ufeff"
_MAGIC: Final = "#vmfuzz-trace"
_MAX_SETTING: Final = 100
# Up to a `#` behind white space, unless that is in a string. Reads every character once.
_BEFORE_COMMENT: Final = re.compile(r'(?:[^"#]|"(?:[^"\\]|\\.)*"?|(?<!\s)#)*')


def format_trace(trace: Trace) -> str:
    """Return the canonical text, ending in a newline.

    Requires: comment lines without white space at the end. Errors: VmfuzzError for a line break in
    a comment, fault id or clause, which would be read back as a line of its own.
    """
    for words in (trace.comment, trace.faults, [expect.clause for expect in trace.expect]):
        for word in words:
            if "\n" in word:
                raise VmfuzzError(f"{word[:40]!r} has a line break; a trace holds it in one line")
    lines = [f"{_MAGIC} {FORMAT_VERSION}"]
    lines += [f"# {line}".rstrip() for line in trace.comment]
    lines.append(format_world(trace.world))
    lines += [f"fault {fault}" for fault in trace.faults]
    lines += [f"expect {expect.clause} at {expect.step}" for expect in trace.expect]
    lines += [format_step(step) for step in trace.steps]
    return "\n".join(lines) + "\n"


def format_world(world: World) -> str:
    """Return the world line; settings that equal the defaults are left out."""
    settings = [f"{key}={text}" for key, text in world.settings().items()]
    return " ".join(["world", *settings])


def format_step(step: Step) -> str:
    """Return one op line, with the recorded outcome if there is one."""
    text = format_op(step.op)
    return f"{text} => {format_outcome(step.outcome)}" if step.outcome is not None else text


def format_op(op: Op) -> str:
    """Return the op as text; arguments that equal their defaults are left out."""
    declaration = DECLARATIONS[type(op)]
    made = ", ".join(_format_field(f, getattr(op, f.name)) for f in declaration.destinations)
    arguments = ", ".join(
        f"{f.name}={_format_field(f, getattr(op, f.name))}"
        for f in sorted(declaration.fields, key=lambda f: not f.is_alternative)
        if not f.is_destination and (is_required(f) or getattr(op, f.name) != f.default)
    )
    call = f"{declaration.name}({arguments})"
    return f"{made} = {call}" if made else call


def _format_field(field: Field, value: Any) -> str:  # any field type
    return f"{field.kind.prefix}{value}" if field.kind else CODECS[field.type].format(value)


def parse(text: str, where: str = "<trace>") -> Trace:
    """Return the trace that `text` describes. Errors: TraceError at the first mistake."""
    return _Parser(where).run(text)


def step_lines(text: str) -> list[int]:
    """Return the line of each op in a text that parses. Units: lines from 1."""
    parser = _Parser("<trace>")
    parser.run(text)
    return parser.lines


def split_comment(line: str) -> tuple[str, str]:
    """Return a line's text, and its comment with the white space before it."""
    code = _without_comment(line)
    return code, line[len(code) :]


def parse_op(text: str, where: str = "<op>") -> Op:
    """Return the op of a single line. Errors: TraceError."""
    return _Parser(where).step(text, 1).op


def _without_comment(line: str) -> str:
    found = _BEFORE_COMMENT.match(line) if "#" in line else None
    return found.group().rstrip() if found else line


class _Parser:
    """Line by line; `section` only moves forward: comment, world, fault and expect, steps."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.world: World | None = None
        self.steps: list[Step] = []
        self.lines: list[int] = []  # of each step
        self.faults: list[str] = []
        self.expect: list[Expect] = []
        self.comment: list[str] = []

    def error(self, line: int, column: int, problem: str) -> TraceError:
        return TraceError(self.where, line, column, problem)

    def run(self, text: str) -> Trace:
        lines = text.split("\n")
        self.header(lines[0].rstrip("\r"))
        for number, raw in enumerate(lines[1:], start=2):
            line = raw.rstrip()
            if len(line) > MAX_LINE:
                raise self.error(number, MAX_LINE, f"the line is longer than {MAX_LINE} characters")
            if line:
                self.line(line, number)
        if self.world is None:
            raise self.error(len(lines), 1, "no 'world' line; a trace needs one before its ops")
        return Trace(
            self.world, self.steps, tuple(self.faults), tuple(self.expect), tuple(self.comment)
        )

    def header(self, line: str) -> None:
        word, _, version = line.partition(" ")
        if line.startswith(_BYTE_ORDER_MARK):
            raise self.error(1, 1, "begins with a byte order mark; save it as UTF-8 without one")
        if word != _MAGIC:
            problem = f"not a trace: the first line must be '{_MAGIC} {FORMAT_VERSION}'"
            raise self.error(1, 1, f"{problem}, got {line[:40]!r}")
        if version.strip() != str(FORMAT_VERSION):
            raise self.error(
                1,
                len(line) - len(version.lstrip()) + 1,
                f"trace format {version.strip()[:20]!r} is not supported; this vmfuzz reads"
                f" format {FORMAT_VERSION}",
            )

    def line(self, line: str, number: int) -> None:
        if line.lstrip().startswith("#"):
            if self.world is None:
                self.comment.append(line.lstrip()[1:].removeprefix(" "))
            return
        line = _without_comment(line)
        word, *rest = line.split(None, 1)
        if word == "world":
            self.parse_world(line, number)
        elif self.world is None:
            raise self.error(number, 1, f"the 'world' line must come first, got {word[:40]!r}")
        elif word in DIRECTIVES and "(" not in line:
            column = len(line) - len("".join(rest)) + 1
            self.directive(word, "".join(rest), number, column)
        else:
            if len(self.steps) >= MAX_STEPS:
                raise self.error(number, 1, f"more than {MAX_STEPS} steps")
            self.steps.append(self.step(line, number))
            self.lines.append(number)

    def parse_world(self, line: str, number: int) -> None:
        if self.world is not None:
            raise self.error(number, 1, "a second 'world' line")
        columns: dict[str, int] = {}
        settings: dict[str, str] = {}
        for found in list(re.finditer(r"\S+", line))[1:]:
            column = found.start() + 1
            key, equals, text = found.group().partition("=")
            if not equals:
                raise self.error(number, column, f"{key[:40]!r} is no key=value")
            if key in settings:
                raise self.error(number, column, f"{key!r} is given twice")
            if max(len(key), len(text)) > _MAX_SETTING:  # printing a huge number would fail
                problem = f"{key[:40]!r} is longer than {_MAX_SETTING} characters"
                raise self.error(number, column, problem)
            settings[key], columns[key] = text, column
        try:
            self.world = World.from_settings(settings)
        except WorldError as error:
            raise self.error(number, columns.get(error.key, 1), str(error)) from None

    def directive(self, word: str, rest: str, number: int, column: int) -> None:
        if self.steps:
            raise self.error(number, 1, f"'{word}' lines come before the first op")
        if word == "fault":
            if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", rest):
                raise self.error(number, column, f"{rest[:40]!r} is no fault id")
            try:
                Faults.of([rest])
            except UnknownFault as error:
                raise self.error(number, column, str(error)) from None
            self.faults.append(rest)
            return
        found = re.fullmatch(r"([!-~]+) at ([0-9]{1,9})", rest)
        if not found:
            raise self.error(number, column, f"expected 'CLAUSE at STEP', got {rest[:40]!r}")
        try:
            check_clause(found[1])
        except VmfuzzError as error:
            raise self.error(number, column, str(error)) from None
        self.expect.append(Expect(found[1], int(found[2])))

    def step(self, line: str, number: int) -> Step:
        try:
            return read_step(line)
        except LineError as error:
            raise self.error(number, error.column, error.problem) from None
