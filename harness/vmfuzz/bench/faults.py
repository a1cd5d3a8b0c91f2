"""How soon the engines find each planted bug: cells of trials, given up after three misses."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from vmfuzz.bench.record import RECORD
from vmfuzz.bench.trial import Quarry, Trial, hunt
from vmfuzz.errors import VmfuzzError, did_you_mean
from vmstore.faults import PLANTED
from vmstore.sources import is_compiled, pure_children

MISSES: Final = 3


def chosen_faults(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the planted bugs that match a glob, all without one, in the catalogue's order.

    Errors: VmfuzzError for a pattern that matches none.
    """
    ids = [fault.id for fault in PLANTED]
    for pattern in patterns:
        if not any(fnmatchcase(id, pattern) for id in ids):
            hint = did_you_mean(pattern, ids) or "; `vmfuzz model faults` lists all"
            raise VmfuzzError(f"--fault {pattern[:60]!r} matches no planted bug{hint}")
    return tuple(
        id for id in ids if not patterns or any(fnmatchcase(id, pattern) for pattern in patterns)
    )


@dataclass(slots=True)
class _Cell:
    """The trials of one bug and one engine that are still to run, in order."""

    quarries: list[Quarry]
    misses: int = 0
    done: list[Trial] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        self.done.append(trial)
        self.misses += trial.reported is None

    def next(self) -> Quarry | None:
        """Return the next trial to run, None when there is none or the cell is given up."""
        if self.misses >= MISSES or not self.quarries:
            return None
        return self.quarries.pop(0)


def hunt_all(
    faults: Sequence[str],
    engines: Sequence[str],
    trials: int,
    *,
    seed: int = 0,
    limit: float = 60.0,
    workers: int = 1,
    record: Path | None = None,
    hunter: Callable[[Quarry], Trial] | None = None,
) -> Iterator[tuple[Trial, bool]]:
    """Run the trials that `record` lacks in so many processes, and add them to it.

    Yields every trial with whether it was run now, those of the record first. A bug that an engine
    missed in three trials is not hunted by it any more. `hunter` runs one trial.
    Requires: `hunter` is a function of a module, for it is called in other processes.
    Errors: VmfuzzError for a record that cannot be read or written.
    """
    known = RECORD.resume(record)
    cells: list[_Cell] = []
    for fault in faults:
        for name in engines:
            cell = _Cell([])
            for number in range(trials):
                quarry = Quarry(fault, name, number, seed, limit)
                if quarry in known:
                    cell.add(known[quarry])
                    yield known[quarry], False
                else:
                    cell.quarries.append(quarry)
            cells.append(cell)
    keep = RECORD.keeper(record)
    # A compiled switch cannot say that it was read: then hunts have processes of their own.
    is_here = workers == 1 and not is_compiled()
    run = hunter or hunt
    for trial in _in_turn(cells, run) if is_here else _in_parallel(cells, workers, run):
        keep(trial)
        yield trial, True


def _in_turn(cells: list[_Cell], run: Callable[[Quarry], Trial]) -> Iterator[Trial]:
    """Run the first trial of each cell, then the second ones: cut short, every bug was tried."""
    waiting = cells
    while waiting:
        going: list[_Cell] = []
        for cell in waiting:
            quarry = cell.next()
            if quarry is not None:
                trial = run(quarry)
                cell.add(trial)
                going.append(cell)
                yield trial
        waiting = going


def _in_parallel(
    cells: list[_Cell], workers: int, run: Callable[[Quarry], Trial]
) -> Iterator[Trial]:
    """Run cells side by side, the trials of each one after another."""
    # Fresh interpreters: an engine that forks or starts threads must not inherit another's.
    with (
        pure_children(),
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
    ):
        running: dict[Future[Trial], _Cell] = {}

        def start(cell: _Cell) -> None:
            quarry = cell.next()
            if quarry is not None:
                running[pool.submit(run, quarry)] = cell

        try:
            for cell in cells:
                start(cell)
            while running:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(ended, key=list(running).index):
                    cell = running.pop(future)
                    trial = future.result()
                    cell.add(trial)
                    start(cell)
                    yield trial
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
