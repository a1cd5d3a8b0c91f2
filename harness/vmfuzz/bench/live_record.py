"""Live hunts in several processes, kept as one JSON line each, so that they can be resumed."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from vmfuzz.bench.json_lines import Record
from vmfuzz.bench.live_faults import LiveHunt, live_hunt
from vmfuzz.json_object import Types

Key = tuple[str, int, float]
_TYPES: Final[Types] = {
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
_HUNTS: Final[Record[Key, LiveHunt]] = Record(
    "bench live --faults", _TYPES, lambda value: LiveHunt(**value), lambda hunt: hunt.key
)


def live_hunts(
    faults: list[str], seed: int, limit: float, workers: int, record: Path | None
) -> Iterator[tuple[LiveHunt, bool]]:
    """Hunt the bugs that `record` lacks in so many processes and add each to it.

    Yields every hunt with whether it was run now, those of the record first.
    Errors: VmfuzzError for a record that cannot be read or written.
    """
    known, keep = _HUNTS.resume(record), _HUNTS.keeper(record)
    keys = [(fault, seed, limit) for fault in dict.fromkeys(faults)]
    yield from ((known[key], False) for key in keys if key in known)
    for hunt in _run([key for key in keys if key not in known], workers):
        keep(hunt)
        yield hunt, True


def _run(keys: list[Key], workers: int) -> Iterator[LiveHunt]:
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
