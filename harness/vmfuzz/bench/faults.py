"""How long an engine with its default settings takes to find each planted bug.

Every hunt is one run of one engine with one bug planted and its limit of wall time. What was
measured is kept as one JSON line per hunt, so that a long measurement can be cut short and resumed.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Final

from vmfuzz.engines.interface import Engine, Plan, Progress
from vmfuzz.engines.registry import engine
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input
from vmstore.faults import FAULT_BY_ID

_LONGEST_RECORD: Final = 16 << 20  # bytes of a record that is read back
_BEGINNING: Final = b'{"fault": '


@dataclass(frozen=True, slots=True)
class Hunt:
    """The search for one bug. Units: seconds of wall time since the engine started, executed ops.

    `signature`, `seconds` and `steps` are of the first finding, None without one; `named_after` is
    when the clause that the catalogue expects was the finding's, None if it never was.
    """

    fault: str
    engine: str
    seed: int
    limit: float
    signature: str | None
    seconds: float | None
    steps: int | None
    named_after: float | None


Quarry = tuple[str, str, int, float]  # fault, engine, seed, limit: what identifies a hunt


def hunt(quarry: Quarry, source: Engine | None = None) -> Hunt:
    """Run one hunt, until the bug is found under its clause or time is up.

    Requires: `source` is an engine of the quarry's name, which is made when it is None.
    """
    fault, name, seed, limit = quarry
    progress = Progress()
    plan = Plan(seconds=limit, rng_seed=seed, faults=(fault,))
    started = monotonic()
    signature, seconds, steps, named_after = None, None, None, None
    for found in (source or engine(name)).run(plan, progress, lambda: None):
        now = round(monotonic() - started, 3)
        if signature is None:
            signature, seconds, steps = found.finding.signature, now, progress.steps
        if found.finding.clause == FAULT_BY_ID[fault].clause:
            named_after = now
            break
    return Hunt(fault, name, seed, limit, signature, seconds, steps, named_after)


def hunt_all(
    quarries: Iterable[Quarry], workers: int, record: Path | None
) -> Iterator[tuple[Hunt, bool]]:
    """Run the hunts that `record` lacks in so many processes and add them to it.

    Yields every hunt asked for with whether it was run now, those of the record first.
    Errors: VmfuzzError for a record that cannot be read or written.
    """
    wanted = list(dict.fromkeys(quarries))
    known = _resume(record) if record is not None else {}
    yield from ((known[quarry], False) for quarry in wanted if quarry in known)
    rest = [quarry for quarry in wanted if quarry not in known]
    keep = _keeper(record)
    for done in _run(rest, workers):
        keep(done)
        yield done, True


def _run(quarries: list[Quarry], workers: int) -> Iterator[Hunt]:
    if workers == 1:
        yield from map(hunt, quarries)
        return
    # Fresh interpreters: an engine that forks or starts threads must not inherit another's.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(hunt, quarry) for quarry in quarries]):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _keeper(record: Path | None) -> Callable[[Hunt], None]:
    def keep(done: Hunt) -> None:
        if record is None:
            return
        try:
            with record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(done)) + "\n")
        except OSError as error:
            raise VmfuzzError(f"{shown(record)}: cannot write: {error.strerror}") from None

    return keep


def _resume(record: Path) -> dict[Quarry, Hunt]:
    """Return the hunts of a record, none if there is no such file. Effect: cuts a half line off."""
    if not record.exists():
        return {}
    with open_input(record) as file:
        data = file.read(_LONGEST_RECORD + 1)
    if len(data) > _LONGEST_RECORD:
        raise VmfuzzError(f"{shown(record)}: more than {_LONGEST_RECORD:,} bytes")
    *lines, rest = data.split(b"\n")
    if rest and not rest.startswith(_BEGINNING):
        lines.append(rest)
    known: dict[Quarry, Hunt] = {}
    for number, line in enumerate(lines, 1):
        done = _parse(line)
        if done is None:
            raise VmfuzzError(f"{shown(record)}:{number}: not a line of `bench faults`")
        known[done.fault, done.engine, done.seed, done.limit] = done
    if rest:
        record.write_bytes(data[: -len(rest)])
    return known


_FIELDS: Final[dict[str, tuple[type, ...]]] = {
    "fault": (str,),
    "engine": (str,),
    "seed": (int,),
    "limit": (int, float),
    "signature": (str, type(None)),
    "seconds": (int, float, type(None)),
    "steps": (int, type(None)),
    "named_after": (int, float, type(None)),
}


def _parse(line: bytes) -> Hunt | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != _FIELDS.keys():
        return None
    if any(type(value[name]) not in types for name, types in _FIELDS.items()):
        return None
    return Hunt(**value)
