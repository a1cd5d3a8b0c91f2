"""`vmfuzz bench live`: how fast a live system is driven, and what is found through the pipe."""

from collections.abc import Mapping
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.live import split_command
from vmfuzz.cli.options import MAX_SEED, Duration, FilePath, IntRange
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.streams import note
from vmfuzz.errors import closest
from vmstore.faults import PLANTED

if TYPE_CHECKING:
    from vmfuzz.bench.live_faults import LiveHunt


@click.command("live")
@click.option(
    "--sut", metavar="'COMMAND ARGS'", help="Measure how fast this live system is driven."
)
@click.option("--steps", type=IntRange(1), help="With --sut.  [default: 100,000]")
@click.option(
    "--faults",
    "pattern",
    metavar="[GLOB]",
    is_flag=False,
    flag_value="*",
    help="Hunt planted bugs through the pipe, all or those whose id matches, instead.",
)
@click.option(
    "--time", "limit", type=Duration(), help="Give a bug up after this long.  [default: 60s]"
)
@click.option("--seed", type=IntRange(0, MAX_SEED), help="With --faults.  [default: 0]")
@click.option("--workers", type=IntRange(1, 64), help="Bugs at a time.  [default: 1]")
@click.option(
    "--out",
    "record",
    type=FilePath(),
    help="File that keeps each hunt; what it has is not hunted again.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def live(
    sut: str | None,
    steps: int | None,
    pattern: str | None,
    limit: float | None,
    seed: int | None,
    workers: int | None,
    record: Path | None,
    as_json: bool,
) -> int:
    """Measure how fast a live system is driven, and which side is the slower one.

    With --faults: which planted bugs of `vmfuzz agent` are found through the pipe; each finding is
    minimized there and replayed with and without the bug. Exit code 4 if one was missed.

    \b
    Examples:
    vmfuzz bench live --sut ./my-agent
    vmfuzz bench live --faults 'segment-*' --time 30s --workers 2 --out hunts.jsonl
    """
    if (sut is None) == (pattern is None):
        raise click.UsageError("one of --sut and --faults is needed")
    if sut is not None:
        hunting = {"--time": limit, "--seed": seed, "--workers": workers, "--out": record}
        _reject(hunting, "--sut", "--faults")
        return _measure(sut, steps or 100_000, as_json)
    _reject({"--steps": steps}, "--faults", "--sut")
    hunts = _hunt(_matching(pattern or "*"), seed or 0, limit or 60.0, workers or 1, record)
    if as_json:
        print_json([asdict(hunt) for hunt in hunts])
    else:
        _show(hunts)
    return int(Exit.INCONCLUSIVE if _missed(hunts) else Exit.CLEAN)


def _reject(options: Mapping[str, object], chosen: str, other: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise click.UsageError(f"{name} goes with {other}, not with {chosen}")


def _measure(sut: str, steps: int, as_json: bool) -> int:
    from vmfuzz.bench.live import measure_live
    from vmfuzz.sut.system import SECONDS

    rates = measure_live(split_command(sut), SECONDS, steps)
    if as_json:
        print_json(asdict(rates))
        return 0
    table = PlainTable("what", "steps per second", figures=slice(1, 2))
    table.add_row("wall time", f"{rates.wall:,.0f}")
    table.add_row("the harness alone, of its own time", f"{rates.harness:,.0f}")
    table.add_row("the agent alone, of its own time", f"{rates.agent:,.0f}")
    result_console().print(table)
    if rates.findings:
        note("the run ended at a finding; `vmfuzz fuzz --sut` shows it")
    return 0


def _matching(pattern: str) -> list[str]:
    known = [fault.id for fault in PLANTED]
    chosen = [fault for fault in known if fnmatchcase(fault, pattern)]
    if not chosen:
        text = f"--faults {pattern[:60]!r}: no planted bug has such an id{closest(pattern, known)}"
        raise click.UsageError(text + "; `vmfuzz model faults` lists all")
    return chosen


def _hunt(
    faults: list[str], seed: int, limit: float, workers: int, record: Path | None
) -> "list[LiveHunt]":
    from vmfuzz.bench.live_record import live_hunts

    hunts: list[LiveHunt] = []
    for hunt, is_new in live_hunts(faults, seed, limit, workers, record):
        hunts.append(hunt)
        if is_new:
            note(f"{len(hunts)} of {len(faults)}: {_told(hunt)}")
    return sorted(hunts, key=lambda hunt: (hunt.seconds is None, hunt.seconds, hunt.fault))


def _told(hunt: "LiveHunt") -> str:
    if hunt.seconds is None:
        return f"{hunt.fault} not found in {hunt.limit:g} s, {counted(hunt.steps, 'step')}"
    return (
        f"{hunt.fault} found after {hunt.seconds:.1f} s, minimal {hunt.minimal}: {hunt.signature}"
    )


def _missed(hunts: "list[LiveHunt]") -> "list[LiveHunt]":
    """Return the hunts that failed, though an answer could have shown the bug."""
    from vmfuzz.bench.live_faults import INVISIBLE

    return [hunt for hunt in hunts if hunt.signature is None and hunt.fault not in INVISIBLE]


def _show(hunts: "list[LiveHunt]") -> None:
    from vmfuzz.bench.live_faults import INVISIBLE

    table = PlainTable("bug", "seconds", "steps", "ops", "signature", figures=slice(1, 4))
    found = [hunt for hunt in hunts if hunt.signature is not None]
    for hunt in found:
        broken = f", breaks {hunt.broken}" if hunt.broken else ""
        figures = (f"{hunt.seconds:.1f}", f"{hunt.steps:,}", f"{hunt.minimal}")
        table.add_row(hunt.fault, *figures, f"{hunt.signature}{broken}")
    console = result_console()
    if found:
        console.print(table)
    for hunt in hunts:
        if hunt.signature is None and hunt.fault in INVISIBLE:
            console.print(f"invisible: {hunt.fault}: {INVISIBLE[hunt.fault]}")
        elif hunt.fault in INVISIBLE:
            console.print(f"held for invisible, but found: {hunt.fault}")
    for hunt in _missed(hunts):
        why = f" ({hunt.problem})" if hunt.problem else ""
        console.print(f"missed: {hunt.fault}, {counted(hunt.steps, 'step')}{why}")
    console.print(_summary(hunts, found))


def _summary(hunts: "list[LiveHunt]", found: "list[LiveHunt]") -> str:
    missed = len(_missed(hunts))
    counts = f"found {len(found)} of {len(hunts)}, missed {missed}"
    counts += f", invisible from outside {len(hunts) - len(found) - missed}"
    if not found:
        return counts
    seconds = [hunt.seconds or 0.0 for hunt in found]
    lengths = [hunt.minimal or 0 for hunt in found]
    return (
        f"{counts}; seconds until found: median {median(seconds):.1f}, most {max(seconds):.1f};"
        f" minimal traces: median {median(lengths):g} ops, most {max(lengths)}"
    )
