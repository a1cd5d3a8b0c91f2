"""Recorded vectors: JSON lines from the real code.

Format: one trace per line, `{"id", "build", "world", "steps"}`; each step's `out`, `slots`, `ev`
and so on are compared with what the model shows. Bounds: a line has at most `MAX_LINE` bytes, a
file, unpacked, at most `MAX_BYTES` and `MAX_LINES`.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.world import World, WorldError

MAX_LINE: Final = 4 << 20
MAX_BYTES: Final = 256 << 20
MAX_LINES: Final = 1_000_000
_MAX_DEPTH: Final = 32
_SHOWN: Final = 60  # characters of a wrong value in a message
_SIZES: Final = ("frames", "pt_frames", "cpus")
_KINDS: Final = {dict: "an object", list: "a list", str: "a string", int: "a whole number"}
Json = Any  # what json.loads returns


@dataclass(frozen=True, slots=True)
class Vector:
    """One recorded trace. `steps` are the step objects as read."""

    id: str
    world: World
    steps: tuple[dict[str, Json], ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first field of a step in which model and recording differ. Units: `step` from 0."""

    trace: str
    step: int
    op: str
    field: str
    expected: Json
    actual: Json


def read_vectors(path: Path) -> Iterator[Vector]:
    """Yield the traces of a `.jsonl` or `.jsonl.gz` file.

    Errors: VmfuzzError with path and line for an unreadable, truncated or malformed file.
    """
    name, number, size = shown(path), 0, 0
    try:
        with open_input(path) as file:
            lines = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
            while line := lines.readline(MAX_LINE + 1):
                number += 1
                size += len(line)
                if len(line) > MAX_LINE:
                    raise VmfuzzError(f"{name}:{number}: longer than {MAX_LINE >> 20} MiB")
                if size > MAX_BYTES or number > MAX_LINES:
                    limits = f"{MAX_BYTES >> 20} MiB or {MAX_LINES:,} lines"
                    raise VmfuzzError(f"{name}:{number}: more than {limits}; split the file")
                if line.strip():
                    yield _vector(line, f"{name}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        raise VmfuzzError(f"{name}:{number + 1}: cannot read: {error}") from None


def _vector(line: bytes, where: str) -> Vector:
    try:
        raw = json.loads(line.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise VmfuzzError(f"{where}:{error.start + 1}: not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise VmfuzzError(f"{where}:{error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise VmfuzzError(f"{where}: nested deeper than {_MAX_DEPTH} levels") from None
    except ValueError as error:  # a key twice, a number that is none, thousands of digits
        raise VmfuzzError(f"{where}: not JSON that can be compared: {error}") from None
    if is_deeper(raw, _MAX_DEPTH):
        raise VmfuzzError(f"{where}: nested deeper than {_MAX_DEPTH} levels")
    name = _member(raw, "id", str, where)
    sizes, build = _member(raw, "world", dict, where), _member(raw, "build", str, where)
    world = recorded_world(sizes, build, where, World())
    steps = _member(raw, "steps", list, where)
    for position, step in enumerate(steps):
        at = f"{where}: step {position}"
        _member(step, "op", str, at)
        _member(step, "args", dict, at)
        _member(step, "out", dict, at)
    return Vector(name, world, tuple(steps))


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"{key[:40]!r} is given twice")
            seen.add(key)
    return members


def is_deeper(value: Json, levels: int) -> bool:
    """Return whether a JSON value is nested deeper than that."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return not levels or any(is_deeper(item, levels - 1) for item in value)


def _refuse(word: str) -> Json:
    raise ValueError(f"{word} is no number")


def _member(raw: Json, key: str, kind: type, where: str) -> Json:
    """Return `raw[key]`. Errors: VmfuzzError unless it is there and of this JSON type."""
    if not isinstance(raw, dict):
        raise VmfuzzError(f"{where}: {_KINDS[dict]} is needed, got {_brief(raw)}")
    if key not in raw:
        raise VmfuzzError(f"{where}: {key!r} is missing")
    value = raw[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise VmfuzzError(f"{where}: {key!r} must be {_KINDS[kind]}, got {_brief(value)}")
    return value


def _brief(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def recorded_world(raw: dict[str, Json], build: str, where: str, base: World) -> World:
    """Return `base` with the recorded sizes. Errors: VmfuzzError for what the model cannot be."""
    sizes = {key: _member(raw, key, int, f"{where}: world") for key in _SIZES}
    for key, size in sizes.items():
        if size > U64_MASK:
            raise VmfuzzError(f"{where}: world {key}={_brief(size)} does not fit into 64 bits")
    try:
        world = base.changed(**sizes, build=build)
    except WorldError as error:
        raise VmfuzzError(f"{where}: {error}") from None
    derived = {
        "first_paddr": 0,
        "page_size": PAGE_SIZE,
        "max_paddr": world.max_paddr,
        "pt_base": world.frames * PAGE_SIZE,
        "pt_kernel": world.kernel_nodes,
    }
    for key, value in derived.items():
        if raw.get(key, value) != value:
            raise VmfuzzError(f"{where}: world {key}={_brief(raw[key])}: the model has {value}")
    return world
