"""`vmfuzz bench minimize`: how short and how soon the minimizer, and others, get."""

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
    record_option,
    seed_option,
)
from vmfuzz.cli.output import result_console
from vmfuzz.cli.streams import note, write
from vmfuzz.errors import closest

if TYPE_CHECKING:
    from vmfuzz.bench.shrunk import Shrunk


@click.command("minimize")
@bugs_option("Bugs to start from")
@click.option(
    "--starts", type=IntRange(1, 1000), default=3, show_default=True, help="Traces per bug."
)
@click.option(
    "--against",
    metavar="NAME,...",
    default="ddmin",
    show_default=True,
    help="ddmin: plain delta debugging over ops. hypothesis: its own hunt, shrunk by it; slow."
    " An empty name: nothing.",
)
@click.option(
    "--ops",
    type=IntRange(1, 100_000),
    help="Put swarm ops into each trace until it has so many.",
)
@seed_option()
@click.option(
    "--traces",
    "folder",
    type=FilePath(),
    default="corpora/regressions",
    show_default=True,
    help="The shortest traces known; not compared with where there is no such folder.",
)
@record_option("result")
@json_lines_option
def minimize(
    patterns: tuple[str, ...],
    starts: int,
    against: str,
    ops: int | None,
    seed: int,
    folder: Path,
    record: Path | None,
    as_json: bool,
) -> int:
    """Measure the minimizer: length, processor time, whether it keeps the signature.

    Each planted bug is found by the swarm, and what is found minimized by every method. Exit code
    4 if a result of ours slipped to another signature, or a bug has no start.

    \b
    Examples:
    vmfuzz bench minimize --fault 'segment-*' --starts 5
    vmfuzz bench minimize --fault nyx-u8-refcount --ops 5000
    vmfuzz bench minimize --against ddmin,hypothesis --fault nyx-u8-refcount
    """
    from vmfuzz.bench.faults import chosen_faults
    from vmfuzz.bench.minimize import OURS, shrink_all
    from vmfuzz.bench.minimize_summary import shortest_known

    methods = (OURS, *_others(against))
    chosen = chosen_faults(patterns)
    known = shortest_known(folder)
    done: list[Shrunk] = []
    for one, is_new in shrink_all(chosen, starts, methods, seed=seed, ops=ops, record=record):
        done.append(one)
        if as_json:
            write(json.dumps(asdict(one)) + "\n")
        if is_new:
            note(f"{len(done)} of {len(chosen) * starts * len(methods)}: {_told(one)}")
    return _report(done, known, methods, as_json=as_json)


def _others(against: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for name in against.split(",") if name))
    from vmfuzz.bench.minimize import AGAINST

    for name in names:
        if name not in AGAINST:
            text = f"--against: {name[:60]!r} is no method{closest(name, AGAINST)}"
            raise click.UsageError(text)
    return names


def _told(one: "Shrunk") -> str:
    name = f"{one.fault}, {one.method}, start {one.number}"
    if one.length is None or one.found is None:
        return f"{name}: not found"
    slip = f"; slipped to {one.result}" if one.has_slipped else ""
    return f"{name}: {counted(one.found, 'op')} to {one.length} in {one.seconds:.2f} s{slip}"


def _report(
    done: "list[Shrunk]", known: dict[str, int], methods: Sequence[str], *, as_json: bool
) -> int:
    from vmfuzz.bench import machine
    from vmfuzz.bench import minimize_summary as made

    summaries = made.method_summaries(done, known)
    missing = made.without_start(done)
    slips = sum(one.has_slipped for one in done if one.method == methods[0])
    if as_json:
        last = {"methods": [asdict(one) for one in summaries], "without_start": missing}
        write(json.dumps({"summary": last}) + "\n")
    else:
        console = result_console()
        rows = made.method_rows(done, known)
        for table in (made.bug_table(rows, methods), made.summary_table(summaries)):
            console.print(rich_table(table))
            console.print()
        if missing:
            console.print(f"no start found: {', '.join(missing)}")
        about = machine.about_machine().items()
        console.print(", ".join(f"{key} {value}" for key, value in about))
    return int(Exit.INCONCLUSIVE if slips or missing else Exit.CLEAN)
