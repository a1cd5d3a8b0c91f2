"""The minimizer's quality: what it, and others, make of the same failing traces.

Every method runs its proposals the same way, from the start under all checks, and may execute as
many steps. Its result is replayed once more, which decides whether the signature was kept.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from time import process_time
from typing import Final, NamedTuple

from vmfuzz.bench.ddmin import ddmin
from vmfuzz.bench.minimize_record import RECORD
from vmfuzz.bench.shrunk import Key, Shrunk
from vmfuzz.bench.starts import found_trace, long_trace
from vmfuzz.bench.trial import Quarry
from vmfuzz.minimize import minimize
from vmfuzz.runner import MODEL, run
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_text import format_trace

OURS: Final = "vmfuzz"


class _Work(NamedTuple):
    """The result of a method, and what it took."""

    trace: Trace
    executed: int
    runs: int
    is_minimal: bool


def shrink_all(
    faults: Sequence[str],
    starts: int,
    methods: Sequence[str],
    *,
    seed: int = 0,
    ops: int | None = None,
    record: Path | None = None,
) -> Iterator[tuple[Shrunk, bool]]:
    """Measure what `record` lacks, and add it: each method on so many traces of each bug.

    Yields every result with whether it was measured now. `ops` asks for traces of so many ops.
    Errors: VmfuzzError for a record that cannot be read or written.
    """
    known, keep = RECORD.resume(record), RECORD.keeper(record)
    for number in range(starts):
        for fault in faults:
            for method in methods:
                key = Key(fault, method, number, seed, ops)
                if key in known:
                    yield known[key], False
                    continue
                done = shrink(key)
                keep(done)
                yield done, True


def shrink(key: Key) -> Shrunk:
    """Measure one method on one start."""
    if key.method == "hypothesis":
        return _by_hypothesis(key)
    start = _start(key.fault, key.number, key.seed, key.ops)
    if start is None:
        return Shrunk(*key)
    finding = run(start).finding  # what is loaded and filled in once is not measured
    assert finding is not None
    before = process_time()
    work = _METHODS[key.method](start, finding.signature)
    spent = process_time() - before
    return _judged(key, start, finding.signature, work, spent)


@lru_cache(1)  # the methods follow each other on one start
def _start(fault: str, number: int, seed: int, ops: int | None) -> Trace | None:
    if ops is None:
        return found_trace(fault, number, seed)
    return long_trace(fault, number, seed, ops)


def _ours(start: Trace, _signature: str) -> _Work:
    done = minimize(start)
    return _Work(done.trace, done.executed, done.runs, done.is_minimal)


class _TooLong(Exception):
    """The work limit is reached."""


def _plain(start: Trace, signature: str) -> _Work:
    """Run ddmin over the ops, with the minimizer's own work limit."""
    executed = runs = 0
    best = start.steps

    def fails(steps: list[Step]) -> bool:
        nonlocal executed, runs, best
        if executed >= MODEL.max_steps:
            raise _TooLong
        result = run(replace(start, steps=steps))
        executed, runs = executed + result.executed, runs + 1
        is_alike = result.finding is not None and result.finding.signature == signature
        if is_alike:
            best = steps
        return is_alike

    is_minimal = True
    try:
        ddmin(start.steps, fails)
    except _TooLong:
        is_minimal = False
    return _Work(replace(start, steps=best), executed, runs, is_minimal)


_METHODS: Final[dict[str, Callable[[Trace, str], _Work]]] = {OURS: _ours, "ddmin": _plain}
AGAINST: Final = ("ddmin", "hypothesis")


def _by_hypothesis(key: Key) -> Shrunk:
    """Let Hypothesis hunt on its own: its shrinker only takes what its machine has drawn."""
    from vmfuzz.bench.hypothesis_shrink import hypothesis_shrink

    rng_seed = Quarry(key.fault, key.method, key.number, key.seed, 0.0).rng_seed
    done = hypothesis_shrink(key.fault, rng_seed)
    if done is None:
        return Shrunk(*key)
    work = _Work(done.last, done.executed, done.runs, is_minimal=True)
    return _judged(key, done.first, done.signature, work, done.seconds)


def _judged(key: Key, start: Trace, signature: str, work: _Work, seconds: float) -> Shrunk:
    """Replay the result: what it really ends in is the signature that counts."""
    finding = run(work.trace).finding
    return Shrunk(
        *key,
        found=len(start.steps),
        signature=signature,
        length=len(work.trace.steps),
        result=None if finding is None else finding.signature,
        seconds=round(seconds, 4),
        executed=work.executed,
        runs=work.runs,
        is_minimal=work.is_minimal,
        trace=format_trace(work.trace),
    )
