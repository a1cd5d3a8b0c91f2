"""The buckets of a folder as a report tells them. Files may be anybody's: all is bounded."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vmfuzz.amounts import counted
from vmfuzz.crashes import bucket_name, buckets
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input
from vmfuzz.op_line import DIRECTIVES
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load
from vmfuzz.trace_text import format_trace

MAX_BUCKETS: Final = 2_000
KEPT_APART: Final = ("held", "flaky")  # traces that ended or hung who ran them, or did not replay
_MAX_META: Final = 64 << 10
_MAX_WORDS: Final = 16 << 10
_MAX_LINES: Final = 400  # of a trace
_MAX_NAME: Final = 200


@dataclass(slots=True)
class Bucket:
    """One signature of a folder; `path` is that of its trace, relative to the folder.

    `name` is that of its bucket, empty without one: such a trace is shown, and never run.
    `status` is `new`, `known`, `flaky`, `resolved`, or `stored` where no log says; `trace` is the
    shortest one, None with a `problem`; `lines` are the line numbers of its steps, from 1.
    Units: `at` seconds of campaign time, None when no log says.
    """

    name: str
    signature: str
    clause: str
    op: str
    status: str = "stored"
    reason: str = ""
    engine: str = ""
    witness: str = ""
    words: str = ""
    kept: int = 0
    ops: int = 0
    ops_found: int = 0
    run: int = 0
    at: float | None = None
    sut: str | None = None
    trace: Trace | None = None
    text: str = ""
    lines: list[int] = field(default_factory=list)
    problem: str = ""
    path: str = ""


def read_buckets(folder: Path) -> tuple[list[Bucket], int]:
    """Return the buckets of a folder by name, and how many are left out because of their number."""
    names = buckets(folder)
    return [_read(folder, name) for name in names[:MAX_BUCKETS]], max(0, len(names) - MAX_BUCKETS)


def _read(folder: Path, name: str) -> Bucket:
    path = folder / name
    meta = _meta(path / "meta.json")
    clause, op = _word(meta, "clause"), _word(meta, "op")
    if not (clause and op) or bucket_name(f"{clause}/{op}") != name:
        clause, _, op = shown(name).partition("--")
        clause = clause.replace("-adapted", "'")
    found = Bucket(name, f"{clause}/{op}", clause, op)
    found.engine = _word(meta, "engine")
    found.sut = _word(meta, "sut") or None
    found.words = _text(path / "finding.txt")
    found.kept = sum(1 for _ in path.glob("*.trace"))
    _read_trace(folder, found, f"{name}/min.trace")
    return found


def read_apart(folder: Path, bucket: Bucket, path: str) -> None:
    """Give a finding without a bucket its trace. `path` is relative, in one of `KEPT_APART`."""
    bucket.kept = 1
    _read_trace(folder, bucket, path)


def _read_trace(folder: Path, bucket: Bucket, path: str) -> None:
    try:
        bucket.trace = load(folder / path)
    except VmfuzzError as error:
        bucket.problem = shown(error)
        return
    bucket.path, bucket.ops = path, len(bucket.trace.steps)
    bucket.text = _shortened(format_trace(bucket.trace))
    bucket.lines = step_lines(_text(folder / path))


def step_lines(text: str) -> list[int]:
    """Return the line number of each step of a trace's text, from 1."""
    numbered = enumerate((line.strip() for line in text.splitlines()), 1)
    steps = (at for at, line in numbered if line and not line.startswith(("#", *DIRECTIVES)))
    return list(steps)


def _shortened(text: str) -> str:
    lines = text.splitlines()
    if len(lines) <= _MAX_LINES:
        return text
    left = len(lines) - _MAX_LINES
    return "\n".join([*lines[:_MAX_LINES], f"# ... and {counted(left, 'more line')}", ""])


def _meta(path: Path) -> dict[str, Any]:
    with suppress(VmfuzzError, OSError, ValueError, RecursionError), open_input(path) as file:
        value = json.loads(file.read(_MAX_META))
        return value if isinstance(value, dict) else {}
    return {}


def _word(meta: dict[str, Any], name: str) -> str:
    value = meta.get(name)
    return shown(value[:_MAX_NAME]) if isinstance(value, str) else ""


def _text(path: Path) -> str:
    with suppress(VmfuzzError, OSError), open_input(path) as file:
        return file.read(_MAX_WORDS).decode("utf-8", "replace")
    return ""
