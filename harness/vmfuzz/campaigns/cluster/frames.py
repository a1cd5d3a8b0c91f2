"""What the far side says beside the workers' own lines: frames, taken on trust in nothing.

A line from the far side is `KEY w LINE`, a worker's own words, or `KEY r OBJECT`, a frame about
the worker: it gets on, has stored traces, or has ended. Key 0 is the far side itself.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from vmfuzz.campaigns.corpus import MAX_TEXT
from vmfuzz.campaigns.heartbeat import GENERATED, GIVEN, NOTHING, Beat
from vmfuzz.campaigns.messages import MessageError

MAX_BATCH: Final = 512 << 10  # characters of the traces in one frame, or one trace more
MAX_TRACES: Final = 1000  # of one frame
_KINDS: Final = frozenset({"beat", "stored", "gone", "ready", "error"})
_MAX_AMOUNT: Final = (1 << 63) - 1
_MAX_WORDS: Final = 4000


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. Units: `rss` bytes.

    `beat`: the worker's `count`. `stored`: the text of `traces` that it has added to its corpus.
    `gone`: it has ended, as `words` say, with `last` as its last beat, None if nobody knows.
    `ready`: the cluster has this many `nodes`, with so many `cpus`. `error`: it cannot be had.
    """

    kind: str
    count: int = 0
    rss: int = 0
    traces: list[str] = field(default_factory=list)
    words: str = ""
    last: Beat | None = None
    nodes: int = 0
    cpus: int = 0


def encode(frame: Frame) -> bytes:
    """Return the frame as one line, without its end."""
    values: dict[str, Any] = {"kind": frame.kind}
    for name in ("count", "rss", "traces", "nodes", "cpus"):
        value = getattr(frame, name)
        if value:
            values[name] = value
    if frame.words:
        values["words"] = frame.words[:_MAX_WORDS]
    if frame.last is not None:
        beat = frame.last
        text = beat.text.decode("utf-8", "replace")
        values["last"] = [beat.count, beat.number, beat.kind, text, beat.data.hex()]
    return json.dumps(values, separators=(",", ":")).encode()


def decode(line: bytes) -> Frame:
    """Return the frame of a line. Errors: MessageError."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageError("no JSON") from None
    if not isinstance(values, dict) or values.get("kind") not in list(_KINDS):
        raise MessageError("no frame")
    last = values.get("last")
    return Frame(
        values["kind"],
        count=_amount(values.get("count", 0)),
        rss=_amount(values.get("rss", 0)),
        traces=traces_from(values.get("traces", [])),
        words=_text(values.get("words", ""), _MAX_WORDS),
        last=None if last is None else _beat(last),
        nodes=_amount(values.get("nodes", 0)),
        cpus=_amount(values.get("cpus", 0)),
    )


def traces_from(value: Any) -> list[str]:
    """Return the texts of a batch of traces. Errors: MessageError for anything else."""
    if not isinstance(value, list) or len(value) > MAX_TRACES:
        raise MessageError("a batch that is none, or too long")
    return [_text(text, MAX_TEXT) for text in value]


def batch(texts: list[str]) -> list[str]:
    """Return as many of the first texts as one frame takes; at least one, if there is any."""
    size = 0
    for number, text in enumerate(texts[:MAX_TRACES]):
        size += len(text)
        if number and size > MAX_BATCH:
            return texts[:number]
    return texts[:MAX_TRACES]


def _beat(value: Any) -> Beat:
    if not isinstance(value, list) or len(value) != 5:
        raise MessageError("a beat that is none")
    count, number, kind = (_amount(each) for each in value[:3])
    try:
        text, data = _text(value[3], 1 << 18).encode(), bytes.fromhex(_text(value[4], 1 << 19))
    except ValueError:
        raise MessageError("a beat that is none") from None
    if kind not in {NOTHING, GENERATED, GIVEN}:
        raise MessageError("a beat of no kind")
    return Beat(count, number, kind, text, data)


def _amount(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_AMOUNT:
        raise MessageError("an amount that is none")
    return value


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise MessageError("a text that is none, or too long")
    return value
