"""`vmfuzz conformance`: the model against recordings of the real code."""

from dataclasses import asdict
from pathlib import Path

import rich_click as click
from rich.table import Table

from vmfuzz.cli.exits import Exit
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.conformance import FileReport, check_file, vector_files


@click.command("conformance")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(paths: tuple[Path, ...], as_json: bool) -> int:
    """Replay recorded vectors (.jsonl, .jsonl.gz, folders) and compare every field of every step.

    Exit code 1 on any mismatch, and on any step that the model cannot run.

    \b
    vmfuzz conformance vectors/frames.jsonl.gz
    """
    reports = [check_file(path) for path in vector_files(paths)]
    if as_json:
        print_json(as_document(reports))
    else:
        _show(reports)
    clean = all(report.is_clean for report in reports)
    return int(Exit.CLEAN if clean else Exit.FINDING)


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
            }
            for r in reports
        ],
        "first_mismatch": asdict(first) if first else None,
    }


def _show(reports: list[FileReport]) -> None:
    console = result_console()
    table = Table("file", "traces", "steps", "mismatched", "unsupported", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for r in reports:
        numbers = (r.traces, r.steps, r.mismatched_steps, r.unsupported_steps)
        table.add_row(r.path.name, *[f"{number:,}" for number in numbers])
    console.print(table)
    for r in reports:
        if r.unsupported_ops:
            named = ", ".join(sorted(r.unsupported_ops)[:8])
            console.print(f"{r.path.name}: not in the model: {named}", markup=False)
        if r.first_mismatch:
            m = r.first_mismatch
            console.print(
                f"{r.path.name}: {m.trace} step {m.step} ({m.op}): {m.field}", markup=False
            )
            console.print(f"  recorded {m.expected}\n  model    {m.actual}", markup=False)
    steps = sum(r.steps for r in reports)
    bad = sum(r.mismatched_steps + r.unsupported_steps for r in reports)
    console.print(f"{'FAIL' if bad else 'ok'}: {steps - bad:,} of {steps:,} steps agree")
