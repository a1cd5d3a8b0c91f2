"""`vmfuzz bench generators`: what each idea of the swarm generator is worth."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from vmfuzz.cli.bench_faults import told
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import rich_table
from vmfuzz.cli.options import (
    IntRange,
    bugs_option,
    json_lines_option,
    limit_option,
    processes_option,
    record_option,
    seed_option,
)
from vmfuzz.cli.output import result_console
from vmfuzz.cli.streams import note, write

if TYPE_CHECKING:
    from vmfuzz.bench.trial import Trial


@click.command("generators")
@bugs_option("Bugs to hunt")
@click.option(
    "--trials",
    type=IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Hunts per bug and generator.",
)
@limit_option("5s", "Give a hunt up after so much processor time.")
@seed_option()
@processes_option("Processes that hunt at the same time.")
@record_option("trial")
@json_lines_option
def generators(
    patterns: tuple[str, ...],
    trials: int,
    limit: float,
    seed: int,
    workers: int,
    record: Path | None,
    as_json: bool,
) -> int:
    """Hunt planted bugs with the swarm as it is, and with one of its ideas taken away at a time.

    \b
    Examples:
    vmfuzz bench generators --workers 2 --out generators.jsonl
    vmfuzz bench generators --fault 'segment-*' --trials 3
    """
    from vmfuzz.bench.faults import chosen_faults
    from vmfuzz.bench.generators import GENERATORS, hunt_generators

    chosen = chosen_faults(patterns)
    amount = len(chosen) * trials * len(GENERATORS)
    done: list[Trial] = []
    for trial, is_new in hunt_generators(
        chosen, trials, seed=seed, limit=limit, workers=workers, record=record
    ):
        done.append(trial)
        if as_json:
            write(json.dumps(asdict(trial)) + "\n")
        if is_new:
            note(told(trial, len(done), amount))
    _report(done, as_json=as_json)
    return int(Exit.CLEAN)


def _report(done: "list[Trial]", *, as_json: bool) -> None:
    from vmfuzz.bench.generator_summary import (
        generator_rows,
        generator_tables,
        told_apart,
        worths,
    )
    from vmfuzz.bench.generators import GENERATORS
    from vmfuzz.bench.machine import about_machine
    from vmfuzz.bench.tables import foreign

    if as_json:
        summary = {
            "generators": [asdict(row) for row in generator_rows(done, GENERATORS)],
            "against": [asdict(worth) for worth in worths(done, GENERATORS)],
        }
        write(json.dumps({"summary": summary}) + "\n")
    else:
        console = result_console()
        for table in generator_tables(done, GENERATORS):
            console.print(rich_table(table))
            console.print()
        for line in told_apart(done, GENERATORS):
            console.print(line)
        about = about_machine().items()
        console.print(", ".join(f"{key} {value}" for key, value in about))
    if foreign(done):
        note(foreign(done))
