"""`vmfuzz conformance`: the model against recordings of the real code."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.live import live_system, sut_options
from vmfuzz.cli.options import FilePath
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.searched import searched
from vmfuzz.cli.streams import note
from vmfuzz.conformance import SUFFIXES, Check, FileReport, check_file
from vmfuzz.errors import VmfuzzError, shown

if TYPE_CHECKING:
    from vmfuzz.sut.system import LiveSystem


@click.command("conformance")
@click.argument("paths", nargs=-1, required=True, type=FilePath())
@sut_options
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(paths: tuple[Path, ...], sut: str | None, sut_seconds: float, as_json: bool) -> int:
    """Replay recorded vectors (.jsonl, .jsonl.gz, folders) and compare every field of every step.

    With --sut the live system is compared, not the model.

    Exit code 1 on any mismatch, and on any step that the model cannot run; 5 without a trace. A
    live system need not know every op, but traces of another world or build are not for it.

    \b
    Examples:
    vmfuzz conformance vectors/frames.jsonl.gz
    vmfuzz conformance vectors --sut ./my-agent
    """
    files = searched(paths, SUFFIXES)
    reports: list[FileReport] = []
    try:
        with live_system(sut, sut_seconds) as live:
            check = _live_check(live) if live is not None else None
            reports.extend(check_file(path, check) for path in files)
    except VmfuzzError:
        if reports and not as_json:  # hours may have gone into the files before this one
            _show(reports, is_live=sut is not None)
        raise
    if as_json:
        print_json(as_document(reports))
    if not any(report.traces for report in reports):
        note("no trace in these files, so nothing was compared")
        return int(Exit.NOTHING)
    if not as_json:
        _show(reports, is_live=sut is not None)
    clean = all(r.is_clean or (sut is not None and not r.mismatched_steps) for r in reports)
    return int(Exit.CLEAN if clean else Exit.FINDING)


def _live_check(live: "LiveSystem") -> Check:
    from vmfuzz.sut.vector_check import check_live_vector

    return partial(check_live_vector, live)


def as_document(reports: list[FileReport]) -> dict[str, object]:
    """Return the reports as JSON values."""
    first = next((r.first_mismatch for r in reports if r.first_mismatch), None)
    return {
        "files": [
            {
                "path": str(r.path),
                "traces": r.traces,
                "steps": r.steps,
                "mismatched_traces": r.mismatched_traces,
                "mismatched_steps": r.mismatched_steps,
                "unsupported_steps": r.unsupported_steps,
                "other_worlds": r.other_worlds,
            }
            for r in reports
        ],
        "first_mismatch": asdict(first) if first else None,
    }


def _show(reports: list[FileReport], *, is_live: bool) -> None:
    side = "agent" if is_live else "model"
    console = result_console()
    table = PlainTable(
        "file", "traces", "steps", "mismatched", "unsupported", figures=slice(1, None)
    )
    for r in reports:
        numbers = (r.traces, r.steps, r.mismatched_steps, r.unsupported_steps)
        table.add_row(shown(r.path.name), *[f"{number:,}" for number in numbers])
    console.print(table)
    for r in reports:
        if r.unsupported_ops:
            named = ", ".join(shown(op) for op in sorted(r.unsupported_ops)[:8])
            console.print(f"{shown(r.path.name)}: not in the {side}: {named}")
        if r.other_worlds:
            are = "is" if r.other_worlds == 1 else "are"
            others = f"{counted(r.other_worlds, 'trace')} {are}"
            text = f"{others} of another world or build than the agent's"
            console.print(f"{shown(r.path.name)}: {text}")
        if r.first_mismatch:
            m = r.first_mismatch
            at = f"{shown(m.trace)} step {m.step} ({m.op}): {shown(m.field)}"
            console.print(f"{shown(r.path.name)}: {at}")
            console.print(f"  recorded {shown(m.expected)}")
            console.print(f"  {side:8} {shown(m.actual)}")
    steps = sum(r.steps for r in reports)
    bad = sum(r.mismatched_steps for r in reports)
    missing = sum(r.unsupported_steps for r in reports)
    agree = "agrees" if steps == 1 else "agree"
    verdict = "FAIL" if bad or (missing and not is_live) else "ok"
    console.print(f"{verdict}: {steps - bad - missing:,} of {counted(steps, 'step')} {agree}")
