"""What a worker tells its driver: JSON lines over a pipe, taken on trust in nothing."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from vmfuzz.engines.interface import Found
from vmfuzz.errors import VmfuzzError
from vmfuzz.features import CELLS
from vmfuzz.finding import FIELDS, Finding
from vmfuzz.trace_text import format_trace, parse

MAX_LINE: Final = 4 << 20
MAX_TRACE: Final = 1 << 20  # characters of a trace's text
_MAX_AMOUNT: Final = (1 << 63) - 1
_MAX_TEXT: Final = 20_000
_MAX_ROWS: Final = 10_000
_KINDS: Final = frozenset({"progress", "finding", "checked", "done", "failed", "memory"})


class MessageError(ValueError):
    """A line that no worker of ours writes."""


@dataclass(slots=True)
class Message:
    """One message. `kind` is `progress`, `finding`, `checked`, `done`, `failed` or `memory`.

    `steps`, `traces`, `stored` and `seconds` are those of the worker so far; `tally`, `quirks`
    and `news` what came since its last message. `checked` is about the stored trace `name`:
    `features` it shows, and the finding it ends in, if any.
    """

    kind: str
    steps: int = 0
    traces: int = 0
    stored: int = 0
    seconds: float = 0.0
    tally: list[tuple[str, str, int]] = field(default_factory=list)
    quirks: dict[str, int] = field(default_factory=dict)
    news: list[int] = field(default_factory=list)
    found: Found | None = None
    name: str = ""
    text: str = ""
    is_expected: bool = True


def encode_found(found: Found) -> dict[str, Any]:
    """Return a finding with its trace as JSON values; texts that are too long are cut."""
    finding = {name: getattr(found.finding, name) for name in FIELDS}
    cut = {k: v[:_MAX_TEXT] if isinstance(v, str) else v for k, v in finding.items()}
    return {"finding": cut, "trace": format_trace(found.trace), "engine": found.engine}


def decode(line: bytes) -> Message:
    """Return the message of a line. Errors: MessageError."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageError("no JSON") from None
    if not isinstance(values, dict):
        raise MessageError("no object")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise MessageError("a kind that no worker sends")
    return Message(
        kind,
        steps=_amount(values.get("steps", 0)),
        traces=_amount(values.get("traces", 0)),
        stored=_amount(values.get("stored", 0)),
        seconds=_seconds(values.get("seconds", 0)),
        tally=[_row(row) for row in _list(values.get("tally", []))],
        quirks=_counts(values.get("quirks", {})),
        news=[_cell(cell) for cell in _list(values.get("news", []), CELLS)],
        found=_found(values) if "finding" in values else None,
        name=_text(values.get("name", "")),
        text=_text(values.get("text", "")),
        is_expected=values.get("expected") is not False,
    )


def _found(values: dict[str, Any]) -> Found:
    fields, text = values["finding"], values.get("trace")
    if not isinstance(fields, dict) or fields.keys() != set(FIELDS):
        raise MessageError("not the fields of a finding")
    if not isinstance(text, str) or len(text) > MAX_TRACE:
        raise MessageError("a trace that is none, or too long")
    try:
        trace = parse(text, "worker")
    except VmfuzzError as error:
        raise MessageError(str(error)) from None
    step = _amount(fields["step"])
    if step >= len(trace.steps):
        raise MessageError("a finding after the end of its trace")
    clause, op, _, text, source, witness = (
        _text(fields[name]) if name != "step" else "" for name in FIELDS
    )
    finding = Finding(clause, op, step, text, source, witness)
    return Found(finding, trace, _text(values.get("engine", "")))


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise MessageError("a text that is none, or too long")
    return value


def _amount(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_AMOUNT:
        raise MessageError("an amount that is none")
    return value


def _cell(value: Any) -> int:
    if type(value) is not int or not 0 <= value < CELLS:
        raise MessageError("a feature that is none")
    return value


def _seconds(value: Any) -> float:
    if type(value) not in {int, float} or not 0 <= value < 1e10:
        raise MessageError("seconds that are none")
    return float(value)


def _list(value: Any, most: int = _MAX_ROWS) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise MessageError("a list that is none, or too long")
    return value


def _row(value: Any) -> tuple[str, str, int]:
    if not isinstance(value, list) or len(value) != 3:
        raise MessageError("a row of a tally that is none")
    return _text(value[0]), _text(value[1]), _amount(value[2])


def _counts(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or len(value) > _MAX_ROWS:
        raise MessageError("counts that are none")
    return {_text(name): _amount(amount) for name, amount in value.items()}
