"""Live hunts in several processes, kept as one JSON line each, so that they can be resumed."""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from vmfuzz.bench.live_faults import LiveHunt, live_hunt
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input

_LONGEST: Final = 16 << 20  # bytes of a record that is read back
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "fault": (str,),
    "seed": (int,),
    "limit": (int, float),
    "steps": (int,),
    "worlds": (int,),
    "signature": (str, type(None)),
    "broken": (str, type(None)),
    "seconds": (int, float, type(None)),
    "minimizing": (int, float, type(None)),
    "found": (int, type(None)),
    "minimal": (int, type(None)),
    "trace": (str, type(None)),
    "problem": (str, type(None)),
}
assert [field.name for field in fields(LiveHunt)] == list(_TYPES)


def live_hunts(
    faults: list[str], seed: int, limit: float, workers: int, record: Path | None
) -> Iterator[tuple[LiveHunt, bool]]:
    """Hunt the bugs that `record` lacks in so many processes and add each to it.

    Yields every hunt with whether it was run now, those of the record first.
    Errors: VmfuzzError for a record that cannot be read or written.
    """
    known = _resume(record) if record is not None else {}
    keys = [(fault, seed, limit) for fault in dict.fromkeys(faults)]
    yield from ((known[key], False) for key in keys if key in known)
    for hunt in _run([key for key in keys if key not in known], workers):
        if record is not None:
            _keep(record, hunt)
        yield hunt, True


def _run(keys: list[tuple[str, int, float]], workers: int) -> Iterator[LiveHunt]:
    if workers == 1:
        yield from (live_hunt(*key) for key in keys)
        return
    # Fresh interpreters: what cleans up after an agent must not know another process's children.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(live_hunt, *key) for key in keys]):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _keep(record: Path, hunt: LiveHunt) -> None:
    try:
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(hunt)) + "\n")
    except OSError as error:
        raise VmfuzzError(f"{shown(record)}: cannot write: {error.strerror}") from None


def _resume(record: Path) -> dict[tuple[str, int, float], LiveHunt]:
    """Return the hunts of a record, none if there is no such file. Effect: cuts a half line off."""
    if not record.exists():
        return {}
    with open_input(record) as file:
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise VmfuzzError(f"{shown(record)}: more than {_LONGEST:,} bytes")
    *lines, rest = data.split(b"\n")
    if rest and not rest.startswith(b'{"fault": '):
        lines.append(rest)
    known: dict[tuple[str, int, float], LiveHunt] = {}
    for number, line in enumerate(lines, 1):
        hunt = _parse(line)
        if hunt is None:
            text = f"{shown(record)}:{number}: not a line of `bench live --faults`"
            raise VmfuzzError(text)
        known[hunt.key] = hunt
    if rest:
        record.write_bytes(data[: -len(rest)])
    return known


def _parse(line: bytes) -> LiveHunt | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != _TYPES.keys():
        return None
    if any(type(value[name]) not in types for name, types in _TYPES.items()):
        return None
    return LiveHunt(**value)
