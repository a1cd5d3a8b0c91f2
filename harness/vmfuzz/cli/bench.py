"""`vmfuzz bench`: measurements."""

from dataclasses import asdict

import rich_click as click

from vmfuzz.cli import mutants
from vmfuzz.cli.bench_campaign import campaign
from vmfuzz.cli.bench_faults import faults
from vmfuzz.cli.bench_generators import generators
from vmfuzz.cli.bench_live import live
from vmfuzz.cli.bench_minimize import minimize
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.options import IntRange
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.streams import note

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


command.add_command(campaign)
command.add_command(faults)
command.add_command(generators)
command.add_command(minimize)
command.add_command(mutants.command)


@command.command()
@click.option(
    "--rounds",
    type=IntRange(1, 20),
    default=3,
    show_default=True,
    help="Interleaved rounds; each figure is their median.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def speed(rounds: int, as_json: bool) -> int:
    """Measure steps per second and what checking costs; under a minute.

    \b
    Examples:
    vmfuzz bench speed --json
    """
    from vmfuzz.bench.speed import measure

    report = measure(rounds, note)
    if as_json:
        print_json(asdict(report))
        return 0
    table = PlainTable("what", "figure", figures=slice(1, 2))
    for name, value in report.rates.items():
        table.add_row(f"{name}, steps per second", f"{value:,.0f}")
    for name, value in report.ratios.items():
        table.add_row(_TEXTS[name], f"{value:,.2f}x")
    console = result_console()
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in report.machine.items()))
    return 0


command.add_command(live)
