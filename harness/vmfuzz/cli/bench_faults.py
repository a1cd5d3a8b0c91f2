"""`vmfuzz bench faults`: how soon the engines find each planted bug, and what the clauses do."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import rich_table
from vmfuzz.cli.options import (
    FilePath,
    IntRange,
    bugs_option,
    json_lines_option,
    limit_option,
    processes_option,
    record_option,
    seed_option,
)
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.streams import note, write
from vmfuzz.engines.registry import ENGINE_NAMES

if TYPE_CHECKING:
    from vmfuzz.bench.summary import PTest
    from vmfuzz.bench.trial import Trial


@click.command("faults")
@click.option(
    "--engine",
    "engines",
    type=click.Choice(ENGINE_NAMES),
    multiple=True,
    default=("swarm",),
    show_default=True,
    help="An engine to measure; again for each further one, which are then compared.",
)
@bugs_option("Bugs to hunt")
@click.option(
    "--trials", type=IntRange(1, 1000), default=5, show_default=True, help="Hunts per bug."
)
@limit_option("60s", "Give a hunt up after so much processor time.")
@seed_option()
@processes_option("Processes that hunt at the same time.")
@record_option("trial")
@click.option(
    "--by-clause", is_flag=True, help="Show what is missed without each conjunct of the invariant."
)
@click.option(
    "--traces",
    "folder",
    type=FilePath(),
    default="corpora/regressions",
    show_default=True,
    help="Stored traces that --by-clause replays.",
)
@json_lines_option
def faults(
    engines: tuple[str, ...],
    patterns: tuple[str, ...],
    trials: int,
    limit: float,
    seed: int,
    workers: int,
    record: Path | None,
    by_clause: bool,
    folder: Path,
    as_json: bool,
) -> int:
    """Measure how soon engines find each planted bug: reached, triggered, reported.

    Exit code 4 if a bug was not found by any engine.

    \b
    Examples:
    vmfuzz bench faults --workers 2 --out faults.jsonl
    vmfuzz bench faults --fault 'segment-*' --engine swarm --engine hypothesis
    vmfuzz bench faults --by-clause
    """
    from vmfuzz.bench.faults import chosen_faults, hunt_all

    chosen = chosen_faults(patterns)
    if by_clause:
        return _by_clause(chosen, seed, record, folder, as_json=as_json)
    names = tuple(dict.fromkeys(engines))
    p_test = _p_test(names)
    done: list[Trial] = []
    for trial, is_new in hunt_all(
        chosen, names, trials, seed=seed, limit=limit, workers=workers, record=record
    ):
        done.append(trial)
        if as_json:
            write(json.dumps(asdict(trial)) + "\n")
        if is_new:
            note(told(trial, len(done), len(chosen) * len(names) * trials))
    return _report(done, p_test, as_json=as_json)


def _p_test(engines: Sequence[str]) -> "PTest | None":
    """Return the test that compares engines: before anything is measured, scipy may be missing."""
    from vmfuzz.bench.statistics import u_test

    return u_test() if len(engines) > 1 else None


def told(trial: "Trial", number: int, of: int) -> str:
    """Return how a trial went, in words, and which one of how many it was."""
    name = f"{number} of {of}: {trial.fault}, {trial.engine}, trial {trial.trial}"
    if trial.reported is None:
        return f"{name}: not found in {trial.limit:g} s"
    found = trial.reported
    return f"{name}: {found.seconds:.2f} s, {counted(found.steps, 'step')}: {trial.signature}"


def _report(done: "list[Trial]", p_test: "PTest | None", *, as_json: bool) -> int:
    from vmfuzz.bench import machine, tables
    from vmfuzz.bench.summary import verdict

    summary = verdict(done)
    if as_json:
        write(json.dumps({"summary": summary}) + "\n")
    else:
        console = result_console()
        for table in tables.result_tables(done, p_test):
            console.print(rich_table(table))
            console.print()
        console.print(tables.sentence(summary))
        about = machine.about_machine().items()
        console.print(", ".join(f"{key} {value}" for key, value in about))
    if tables.foreign(done):
        note(tables.foreign(done))
    return int(Exit.INCONCLUSIVE if summary["missed"] else Exit.CLEAN)


def _by_clause(
    chosen: Sequence[str], seed: int, record: Path | None, folder: Path, *, as_json: bool
) -> int:
    from vmfuzz.bench import tables
    from vmfuzz.bench.clause_matrix import effects, found_traces, stored_traces
    from vmfuzz.bench.exempt import EXEMPT
    from vmfuzz.bench.record import RECORD

    traces = stored_traces(folder) + (
        found_traces(RECORD.read(record)) if record is not None else []
    )
    seen = list(effects(chosen, traces, seed=seed, say=note))
    if as_json:
        exempt = {id: asdict(reason) for id, reason in EXEMPT.items()}
        print_json({"effects": [asdict(effect) for effect in seen], "exempt": exempt})
        return int(Exit.CLEAN)
    console = result_console()
    for table in (tables.matrix_table(seen), tables.exempt_table()):
        console.print(rich_table(table))
        console.print()
    return int(Exit.CLEAN)
