"""`vmfuzz bench`: measurements."""

from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import rich_click as click
from rich.table import Table

from vmfuzz.cli import mutants
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.options import Duration, FilePath, check_faults
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.streams import note
from vmfuzz.engines.registry import ENGINE_NAMES
from vmstore.faults import PLANTED

if TYPE_CHECKING:
    from vmfuzz.bench.faults import Hunt

_TEXTS = {
    "checked_vs_exec": "a checked step over exec alone",
    "incremental_vs_full.64": "a full check over an incremental one, 64 frames",
    "incremental_vs_full.16384": "a full check over an incremental one, 16,384 frames",
    "cost_262144_vs_64": "a swarm step with 262,144 frames over one with 64",
    "cost_20000_mapped_vs_10": "a step on a space with 20,000 mapped pages over one with 10",
    "atheris_vs_hypothesis": "atheris over the Hypothesis machine, steps per second",
    "swarm_vs_hypothesis": "swarm over the Hypothesis machine, all ops, steps per second",
}


@click.group("bench")
def command() -> None:
    """Measure speed, and what the engines find."""


command.add_command(mutants.command)


@command.command()
@click.option(
    "--rounds",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="Interleaved rounds; each figure is their median.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def speed(rounds: int, as_json: bool) -> int:
    """Measure steps per second and what checking costs; under a minute.

    \b
    vmfuzz bench speed --json
    """
    from vmfuzz.bench.speed import measure

    report = measure(rounds, note)
    if as_json:
        print_json(asdict(report))
        return 0
    table = Table("what", "figure", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, value in report.rates.items():
        table.add_row(f"{name}, steps per second", f"{value:,.0f}")
    for name, value in report.ratios.items():
        table.add_row(_TEXTS[name], f"{value:,.2f}x")
    console = result_console()
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in report.machine.items()))
    return 0


@command.command()
@click.argument("ids", nargs=-1, metavar="[FAULT]...")
@click.option("--engine", type=click.Choice(ENGINE_NAMES), default="swarm", show_default=True)
@click.option(
    "--time",
    "limit",
    type=Duration(),
    default="60s",
    show_default=True,
    help="Give a bug up after this long.",
)
@click.option("--seed", type=click.IntRange(0, (1 << 31) - 1), default=0, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes; more than the machine has cores make each bug look harder.",
)
@click.option(
    "--out",
    "record",
    type=FilePath(),
    help="File that keeps each result; what it has is not measured again.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def faults(
    ids: tuple[str, ...],
    engine: str,
    limit: float,
    seed: int,
    workers: int,
    record: Path | None,
    as_json: bool,
) -> int:
    """Measure how long an engine takes to find each planted bug, or those named.

    Exit code 4 if one was not found.

    \b
    vmfuzz bench faults --workers 2 --out faults.jsonl
    """
    from vmfuzz.bench.faults import hunt_all

    chosen = check_faults(ids) or tuple(fault.id for fault in PLANTED)
    hunts: list[Hunt] = []
    for done, is_new in hunt_all([(id, engine, seed, limit) for id in chosen], workers, record):
        hunts.append(done)
        if is_new:
            note(f"{len(hunts)} of {len(set(chosen))}: {_told(done)}")
    hunts.sort(key=lambda done: (done.seconds is None, done.seconds, done.fault))
    if as_json:
        print_json([asdict(done) for done in hunts])
    else:
        _show_hunts(hunts, limit)
    return int(Exit.CLEAN if all(done.seconds is not None for done in hunts) else Exit.INCONCLUSIVE)


def _told(done: "Hunt") -> str:
    if done.seconds is None:
        return f"{done.fault} not found in {done.limit:g} s"
    return f"{done.fault} found after {done.seconds:.1f} s, {done.steps:,} steps: {done.signature}"


def _show_hunts(hunts: "list[Hunt]", limit: float) -> None:
    table = Table("bug", "seconds", "steps", "named after", "signature", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for column in table.columns[1:4]:
        column.justify = "right"
    for done in hunts:
        named = "-" if done.named_after is None else f"{done.named_after:.1f}"
        if done.seconds is None:
            table.add_row(done.fault, "-", "-", "-", "not found")
        else:
            seconds, steps = f"{done.seconds:.1f}", f"{done.steps:,}"
            table.add_row(done.fault, seconds, steps, named, done.signature)
    console = result_console()
    console.print(table)
    times = [done.seconds for done in hunts if done.seconds is not None]
    under = sum(done.named_after is not None for done in hunts)
    console.print(
        f"found {len(times)} of {len(hunts)} within {limit:g} s, {under} under their clause;"
        f" within 10 s {sum(seconds <= 10 for seconds in times)}"
        + (f"; median {median(times):.2f} s" if times else "")
    )
    missed = [done.fault for done in hunts if done.seconds is None]
    if missed:
        console.print(f"not found: {', '.join(missed)}", soft_wrap=True)


@command.command()
@click.option("--sut", metavar="'COMMAND ARGS'", required=True, help="The live system to drive.")
@click.option("--steps", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def live(sut: str, steps: int, as_json: bool) -> int:
    """Measure how fast a live system is driven, and which side is the slower one.

    \b
    vmfuzz bench live --sut ./my-agent
    """
    from vmfuzz.bench.live import measure_live
    from vmfuzz.cli.live import split_command
    from vmfuzz.sut.system import SECONDS

    rates = measure_live(split_command(sut), SECONDS, steps)
    if as_json:
        print_json(asdict(rates))
        return 0
    table = Table("what", "steps per second", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    table.add_row("wall time", f"{rates.wall:,.0f}")
    table.add_row("the harness alone, of its own time", f"{rates.harness:,.0f}")
    table.add_row("the agent alone, of its own time", f"{rates.agent:,.0f}")
    console = result_console()
    console.print(table)
    if rates.findings:
        note("the run ended at a finding; `vmfuzz fuzz --sut` shows it")
    return 0
