"""`vmfuzz explain`: what each step of a trace changed."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.text import Text

from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.options import FilePath, IntRange, check_faults, fault_option
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.streams import write
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.report.explorer.film import film
from vmfuzz.report.explorer.page import explorer_page
from vmfuzz.report.story import Change, Chapter, Story, tell
from vmfuzz.trace_file import load, write_atomically

_INDENT = " " * 7
_SUBJECT = 14  # columns
_CHANGES = 30  # lines per step; a huge page that is split has 512


@click.command("explain")
@click.argument("path", type=FilePath())
@click.option("--step", type=IntRange(min=0), help="Only this step, with what was live.")
@fault_option
@click.option("--strict", is_flag=True, help="Known upstream defects (quirks) are findings too.")
@click.option(
    "--html", "page", type=FilePath(), metavar="FILE", help="Write a page to step through instead."
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(
    path: Path,
    step: int | None,
    faults: tuple[str, ...],
    strict: bool,
    page: Path | None,
    as_json: bool,
) -> int:
    """Show what each step of a trace did: its outcome, and what it changed.

    A page shows its count and who holds it: H frame handles, P mappings, C segment covers,
    D deferred references, U unique handles. `rc 1, but C 2` is an equation that broke. A space
    shows what it maps, a cursor its place and locks, `tlb0` what CPU 0 has cached.

    \b
    Examples:
    vmfuzz explain corpora/seeds/segment-pieces.trace
    vmfuzz explain findings/ACCT.3c--segment_clone/min.trace --step 1
    vmfuzz explain corpora/seeds/segment-pieces.trace --html pieces.html
    """
    check_faults(faults)
    if page is not None and (as_json or step is not None):
        raise click.UsageError(
            "--html writes the whole trace; it goes with neither --step nor --json"
        )
    trace = load(path)
    if page is not None:
        return _write_page(page, path, film(trace, faults, strict=strict))
    if step is not None and step >= len(trace.steps):
        raise VmfuzzError(
            f"{shown(path)}: there is no step {step}; steps are 0 to {len(trace.steps) - 1}"
        )
    story = tell(trace, faults, strict=strict)
    chapters = story.chapters if step is None else (story.chapters[step],)
    if as_json:
        print_json(_document(story, chapters))
    else:
        _show(story, chapters, with_state=step is not None)
    return int(Exit.FINDING if story.finding else Exit.CLEAN)


def _write_page(page: Path, path: Path, filmed: dict[str, Any]) -> int:
    write_atomically(page, explorer_page(path.name, filmed))
    found = filmed["finding"]
    verdict = f"{found['clause']} broke at step {found['step']}" if found else "clean"
    write(f"{verdict}\npage: {shown(page)}\n")
    return int(Exit.FINDING if found else Exit.CLEAN)


def _document(story: Story, chapters: tuple[Chapter, ...]) -> dict[str, object]:
    found = story.finding
    return {
        "steps": [
            {
                "step": chapter.step,
                "op": chapter.op,
                "outcome": chapter.outcome,
                "skipped": chapter.skipped,
                "changes": [asdict(change) for change in chapter.changes],
                "events": list(chapter.events),
            }
            for chapter in chapters
        ],
        "finding": found
        and {"signature": found.signature, "step": found.step, "witness": found.witness},
    }


def _show(story: Story, chapters: tuple[Chapter, ...], *, with_state: bool) -> None:
    console = result_console()
    for chapter in chapters:
        if with_state:
            _show_state(console, chapter)
        is_last = story.finding is not None and story.finding.step == chapter.step
        _show_chapter(console, chapter, is_failing=is_last)
        if is_last and story.finding is not None:
            found = story.finding
            console.print(
                Text(f"{found.clause} broke: {found.text}\n{found.witness}", style="bold red")
            )
    if story.finding is None:
        console.print("clean: every clause holds after every step")


def _show_state(console: Console, chapter: Chapter) -> None:
    console.print(Text("before", style="dim"))
    for subject, text in chapter.before.items():
        console.print(Text(f"{_INDENT}{subject:{_SUBJECT}} {text}"))
    if not chapter.before:
        console.print(f"{_INDENT}nothing is live")


def _show_chapter(console: Console, chapter: Chapter, *, is_failing: bool) -> None:
    mark = ">" if is_failing else " "
    style = "dim" if chapter.skipped else "bold red" if is_failing else "bold"
    line = Text(f"{mark} {chapter.step:3}  ").append(chapter.op, style)
    if chapter.skipped:
        line.append(f"  skipped: {chapter.skipped}", "dim")
    else:
        line.append(f"  => {chapter.outcome}", "green" if chapter.outcome[:2] == "ok" else "yellow")
    console.print(line)
    for change in chapter.changes[:_CHANGES]:
        console.print(_change_line(change, console.width))
    if len(chapter.changes) > _CHANGES:
        more = len(chapter.changes) - _CHANGES
        console.print(
            Text(f"{_INDENT}and {counted(more, 'more change')}, which --json lists", "dim")
        )
    for event in chapter.events:
        console.print(Text(f"{_INDENT}{'event':{_SUBJECT}} {event}", "cyan"))


def _change_line(change: Change, width: int) -> Text:
    line = Text(f"{_INDENT}{change.subject:{_SUBJECT}} ")
    start = len(line)
    broken = "red bold" if ", but " in change.after else ""
    if not change.before:
        return line.append("+ ", "green").append(change.after, broken or "green")
    if not change.after:
        return line.append("- ", "red").append(change.before, "dim")
    line.append(change.before, "dim")
    if start + len(change.before) + len(change.after) + 4 > width:
        line.append("\n" + " " * (start - 3))
    else:
        line.append(" ")
    line.append("-> ", "yellow")
    return line.append(change.after, broken or "yellow")
