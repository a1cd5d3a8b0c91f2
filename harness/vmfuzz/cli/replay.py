"""`vmfuzz replay`: run stored traces."""

from dataclasses import dataclass
from pathlib import Path

import rich_click as click
from rich.console import Console

from vmfuzz.cli.exits import Exit
from vmfuzz.cli.options import check_faults
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.errors import VmfuzzError
from vmfuzz.finding import Finding
from vmfuzz.report.block import finding_block
from vmfuzz.runner import Run, as_expected, run
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load
from vmstore.faults import UnknownFault


@dataclass(slots=True)
class Replayed:
    """One replayed file. `verdict`: ok, FAIL, or ERROR when it could not be run."""

    path: Path
    verdict: str
    trace: Trace | None = None
    run: Run | None = None
    problem: str = ""


@click.command("replay")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--fault", "faults", multiple=True, metavar="ID", help="Plant a bug. Repeatable.")
@click.option(
    "--check",
    "check",
    type=click.Choice(["full", "incremental"]),
    default="incremental",
    show_default=True,
    help="Evaluate every clause on the whole state, or on what a step touched.",
)
@click.option("--strict", is_flag=True, help="Known upstream defects (quirks) are findings too.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(
    paths: tuple[Path, ...], faults: tuple[str, ...], check: str, strict: bool, as_json: bool
) -> int:
    """Run stored traces, with the faults they name, and report every finding.

    A trace with `expect` lines passes when exactly that is found; one with recorded outcomes
    (`=> ok`) passes when each step comes to what was recorded. Folders are searched for *.trace.

    \b
    vmfuzz replay corpora/seeds
    vmfuzz replay first.trace --check full
    vmfuzz replay first.trace --fault segment-clone-misses-last
    """
    check_faults(faults)
    files = trace_files(paths)
    if not files:
        raise click.UsageError(f"no *.trace file in {', '.join(map(str, paths))}")
    replayed = [_replay(path, faults, full=check == "full", strict=strict) for path in files]
    if as_json:
        print_json({"traces": [_document(item) for item in replayed]})
    else:
        _show(replayed)
    if any(item.verdict == "ERROR" for item in replayed):
        return int(Exit.USAGE)
    return int(Exit.FINDING if any(r.verdict == "FAIL" for r in replayed) else Exit.CLEAN)


def trace_files(paths: tuple[Path, ...]) -> list[Path]:
    """Return the trace files among `paths`, folders searched, in a fixed order."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.trace")) if path.is_dir() else [path]
    return found


def _replay(path: Path, faults: tuple[str, ...], *, full: bool, strict: bool) -> Replayed:
    try:
        trace = load(path)
        result = run(trace, faults=faults, full=full, strict=strict)
    except VmfuzzError as error:
        return Replayed(path, "ERROR", problem=str(error))
    except UnknownFault as error:
        return Replayed(path, "ERROR", problem=f"{path}: {error}")
    return Replayed(path, "ok" if as_expected(trace, result.finding) else "FAIL", trace, result)


def _document(item: Replayed) -> dict[str, object]:
    result: dict[str, object] = {"path": str(item.path), "verdict": item.verdict}
    if item.problem:
        result["problem"] = item.problem
    if item.run is not None:
        result["executed"] = item.run.executed
        result["skipped"] = [{"step": at, "reason": why} for at, why in item.run.skipped.items()]
        result["quirks"] = item.run.quirks
        found = item.run.finding
        result["finding"] = found and {
            "signature": found.signature,
            "clause": found.clause,
            "op": found.op,
            "step": found.step,
            "witness": found.witness,
            "others": [violation.clause for violation in found.others],
        }
    return result


def _show(replayed: list[Replayed]) -> None:
    console = result_console()
    for item in replayed:
        detail = f"{item.run.executed} steps" if item.run else item.problem
        if item.run and item.run.skipped:
            detail += f", {len(item.run.skipped)} skipped"
        if item.run and item.run.finding and item.verdict == "ok":
            detail += f", {item.run.finding.signature} as expected"
        line = item.problem if item.problem else f"{item.path}: {detail}"
        console.print(f"{item.verdict:5} {line}", markup=False, soft_wrap=True)
        for at, why in list(item.run.skipped.items())[:5] if item.run else ():
            console.print(f"      step {at} skipped: {why}", markup=False)
        if item.verdict == "FAIL" and item.run and item.trace:
            _show_failure(console, item.trace, item.run.finding)
    bad = sum(item.verdict != "ok" for item in replayed)
    console.print(
        f"{'FAIL' if bad else 'ok'}: {len(replayed) - bad} of {len(replayed)} as expected"
    )


def _show_failure(console: Console, trace: Trace, finding: Finding | None) -> None:
    if trace.expect:
        wanted = ", ".join(f"{expect.clause} at {expect.step}" for expect in trace.expect)
        console.print(
            f"      expected {wanted}, found {finding.signature if finding else 'nothing'}"
        )
    if finding is not None:
        console.print(finding_block(finding, trace), markup=False, soft_wrap=True)
