"""`vmfuzz coverage`: what of the specification a set of traces reaches."""

from pathlib import Path
from time import monotonic
from typing import Any, Final

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.options import FilePath
from vmfuzz.cli.output import print_json
from vmfuzz.cli.searched import TRACE, searched
from vmfuzz.cli.streams import note, write
from vmfuzz.code_coverage import measure
from vmfuzz.conformance import SUFFIXES
from vmfuzz.coverage_run import cover
from vmfuzz.errors import VmfuzzError, closest, shown
from vmfuzz.report.coverage_document import as_document
from vmfuzz.report.coverage_page import coverage_page
from vmfuzz.report.coverage_text import coverage_lines
from vmfuzz.spec_coverage import SpecCoverage
from vmfuzz.trace_file import write_atomically
from vmstore.goals import GOAL_BY_ID, GOALS

_EVERY: Final = 30.0  # seconds between two lines of progress
_ALL: Final = "all"


@click.command("coverage")
@click.argument("paths", nargs=-1, required=True, type=FilePath())
@click.option("--gaps", "gaps_only", is_flag=True, help="Leave out what was reached.")
@click.option(
    "--require-goals",
    "required",
    metavar="ID[,ID]",
    default="",
    help="Exit with 4 unless these goals were reached; `all` for every one.",
)
@click.option("--code", is_flag=True, help="Measure lines and branches of the model as well.")
@click.option("--html", "page", type=FilePath(), metavar="FILE", help="Write a page as well.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(
    paths: tuple[Path, ...],
    gaps_only: bool,
    required: str,
    code: bool,
    page: Path | None,
    as_json: bool,
) -> int:
    """Show which outcomes, preconditions, goals and clauses a set of runs reaches, gaps first.

    Traces (.trace) and recorded vectors (.jsonl, .jsonl.gz), or folders of them, are run in the
    model. Steps that the oracle accepts are counted.

    \b
    Examples:
    vmfuzz coverage corpora/seeds
    vmfuzz coverage corpora --gaps --html coverage.html
    vmfuzz coverage findings --require-goals stale-used,slice-over-mapping
    """
    wanted = required_goals(required)
    files = searched(paths, (TRACE, *SUFFIXES))
    document = _measured(files, with_code=code)
    if page is not None:
        write_atomically(page, coverage_page(document))
    missing = [
        goal["id"] for goal in document["goals"] if goal["id"] in wanted and not goal["count"]
    ]
    if as_json:
        print_json(document)
    else:
        lines = [*coverage_lines(document, gaps_only=gaps_only), *_last_lines(missing, page)]
        write("\n".join(lines) + "\n")
    if not document["steps"]:
        note("no step of these traces was run, so nothing was covered")
        return int(Exit.NOTHING)
    return int(Exit.INCONCLUSIVE if missing else Exit.CLEAN)


def required_goals(text: str) -> frozenset[str]:
    """Return the ids of the goals that are named. Errors: VmfuzzError for an unknown one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == [_ALL]:
        return frozenset(GOAL_BY_ID)
    for name in names:
        if name not in GOAL_BY_ID:
            hint = closest(name, [goal.id for goal in GOALS])
            raise VmfuzzError(f"--require-goals: unknown goal {name!r:.60}{hint}")
    return frozenset(names)


def _measured(files: list[Path], *, with_code: bool) -> dict[str, Any]:
    if not with_code:
        return as_document(cover(files, _Progress()))
    document, code = measure(files)
    return {**document, "code": code}


def _last_lines(missing: list[str], page: Path | None) -> list[str]:
    lines = [f"page: {shown(page)}"] if page is not None else []
    if missing:
        lines.append(f"NOT REACHED: {len(missing)} of the required goals: {', '.join(missing)}")
    return lines


class _Progress:
    """Says on stderr, every now and then, how far a long run is."""

    def __init__(self) -> None:
        self.shown = monotonic()

    def __call__(self, total: SpecCoverage) -> None:
        """Show the state of the run, at most as often as a reader can use."""
        now = monotonic()
        if now - self.shown >= _EVERY:
            self.shown = now
            note(f"{counted(total.traces, 'trace')}, {counted(total.steps, 'step')}")
