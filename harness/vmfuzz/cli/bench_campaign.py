"""`vmfuzz bench campaign`: whether a campaign keeps its time, its speed and its memory."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import rich_click as click

from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import rich_table
from vmfuzz.cli.options import FilePath, limit_option, processes_option, seed_option
from vmfuzz.cli.output import print_json, result_console


@click.command("campaign")
@limit_option("1m", "How long the campaign is to take.")
@processes_option("Workers of the campaign.")
@seed_option()
@click.option("--out", type=FilePath(), help="Keep the campaign in this folder, a new one.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def campaign(limit: float, workers: int, seed: int, out: Path | None, as_json: bool) -> int:
    """Run a campaign on the clean model and its report; compare its last tenth with its first.

    Exit code 1 if both took more than 5 s and 2 % longer than the campaign was to take.

    \b
    Examples:
    vmfuzz bench campaign --time 1h --workers 2
    """
    from vmfuzz.bench.campaign import campaign_table, measure, sentence
    from vmfuzz.bench.machine import about_machine

    with TemporaryDirectory(prefix="vmfuzz-bench-") as scratch:
        folder = out or Path(scratch) / "campaign"
        found = measure(limit, workers, seed, folder, is_kept=out is not None)
    if as_json:
        print_json({**asdict(found), "is_in_time": found.is_in_time, "machine": about_machine()})
    else:
        console = result_console()
        console.print(rich_table(campaign_table(found)))
        console.print(sentence(found))
        console.print(", ".join(f"{key} {value}" for key, value in about_machine().items()))
    return int(Exit.CLEAN if found.is_in_time else Exit.FINDING)
