"""Live hunts in several processes, kept as one JSON line each, so that they can be resumed."""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from vmfuzz.bench import json_lines
from vmfuzz.bench.live_faults import LiveHunt, live_hunt

_COMMAND: Final = "bench live --faults"
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
    kept = json_lines.resume(record, _TYPES, _parse, _COMMAND) if record is not None else []
    known = {hunt.key: hunt for hunt in kept}
    keys = [(fault, seed, limit) for fault in dict.fromkeys(faults)]
    yield from ((known[key], False) for key in keys if key in known)
    for hunt in _run([key for key in keys if key not in known], workers):
        if record is not None:
            json_lines.append(record, json.dumps(asdict(hunt)))
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


def _parse(value: dict[str, Any]) -> LiveHunt:
    return LiveHunt(**value)
