"""`vmfuzz report`: what a campaign came to, as a page and as files for machines."""

from pathlib import Path

import rich_click as click

from vmfuzz.cli.exits import Exit
from vmfuzz.cli.options import FilePath
from vmfuzz.cli.output import print_json
from vmfuzz.cli.streams import note, write
from vmfuzz.errors import shown
from vmfuzz.report.folder.issues import issues
from vmfuzz.report.folder.reading import read_folder
from vmfuzz.report.folder.render import PAGE, render
from vmfuzz.trace_file import write_atomically


@click.command("report")
@click.argument("folder", type=FilePath())
@click.option("--out", type=FilePath(), metavar="DIR", help="Write there, not into the folder.")
@click.option(
    "--issues",
    "tracker",
    type=FilePath(),
    metavar="DIR",
    help="Write a text per new finding there.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(folder: Path, out: Path | None, tracker: Path | None, as_json: bool) -> int:
    """Write the report of a campaign from its folder alone, whether it ended or not.

    `report.html` is one page without network: verdict, curves, what was reached, clauses, and per
    finding the shortest trace, the command that replays it, and its explorer. `junit.xml`,
    `report.sarif` and `summary.md` are for CI. A folder of buckets without a log will do.

    \b
    Examples:
    vmfuzz report findings
    vmfuzz report findings --out public && cat public/summary.md >> "$GITHUB_STEP_SUMMARY"
    """
    found = read_folder(folder)
    if found.is_empty:
        note(f"{shown(folder)}: no log of a campaign and no finding in this folder")
        return int(Exit.NOTHING)
    document, files = render(found)
    target = out if out is not None else folder
    for name, text in files.items():
        write_atomically(target / name, text)
    if tracker is not None:
        for name, text in issues(document).items():
            write_atomically(tracker / name, text)
    for problem in document["problems"]:
        note(problem)
    if as_json:
        print_json(document)
    else:
        verdict = document["verdict"]
        others = ", ".join(name for name in files if name != PAGE)
        lines = [f"{verdict['headline']}: {verdict['words']}", f"beside it: {others}"]
        write("\n".join([*lines, f"report: {shown(target / PAGE)}"]) + "\n")
    return int(Exit.CLEAN)
