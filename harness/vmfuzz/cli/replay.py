"""`vmfuzz replay`: run stored traces."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.live import live_system, sut_options
from vmfuzz.cli.options import FilePath, check_faults, fault_option
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.searched import TRACE, searched
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.located import in_trace
from vmfuzz.report.block import finding_block
from vmfuzz.report.mismatch import mismatch, skipped_lines
from vmfuzz.runner import Run, as_expected, run
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load

if TYPE_CHECKING:
    from vmfuzz.sut.system import LiveSystem


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one file came to, rendered: the trace itself may be large, and files many.

    `verdict`: ok, FAIL, or ERROR when it could not be run.
    """

    verdict: str
    lines: list[str]
    document: dict[str, object]


@click.command("replay")
@click.argument("paths", nargs=-1, required=True, type=FilePath())
@fault_option
@click.option(
    "--check",
    "check",
    type=click.Choice(["full", "incremental"]),
    default="incremental",
    show_default=True,
    help="Evaluate every clause on the whole state, or on what a step touched.",
)
@click.option("--strict", is_flag=True, help="Known upstream defects (quirks) are findings too.")
@sut_options
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(
    paths: tuple[Path, ...],
    faults: tuple[str, ...],
    check: str,
    strict: bool,
    sut: str | None,
    sut_seconds: float,
    as_json: bool,
) -> int:
    """Run stored traces, with the faults they name, and report every finding.

    A trace with `expect` lines passes when exactly that is found; one with recorded outcomes
    (`=> ok`) passes when each step comes to what was recorded. Folders are searched for *.trace.
    With --sut they run in the live system's own world, and the faults they name play no part.

    \b
    Examples:
    vmfuzz replay corpora/seeds
    vmfuzz replay first.trace --check full
    vmfuzz replay first.trace --fault segment-clone-misses-last
    vmfuzz replay findings --sut ./my-agent
    """
    check_faults(faults)
    files = searched(paths, (TRACE,))
    verdicts: dict[str, int] = {}
    documents: list[dict[str, object]] = []
    console = result_console()
    how = _How(faults, full=check == "full", strict=strict)
    with live_system(sut, sut_seconds, faults=faults) as live:
        for path in files:
            item = _replay(path, how, live)
            verdicts[item.verdict] = verdicts.get(item.verdict, 0) + 1
            if as_json:
                documents.append(item.document)
            else:
                console.print("\n".join(item.lines))
    good = verdicts.get("ok", 0)
    if as_json:
        print_json({"traces": documents})
    else:
        verdict = "ok" if good == len(files) else "FAIL"
        console.print(f"{verdict}: {good} of {len(files)} as expected")
    if "ERROR" in verdicts:
        return int(Exit.USAGE)
    return int(Exit.FINDING if "FAIL" in verdicts else Exit.CLEAN)


@dataclass(frozen=True, slots=True)
class _How:
    """The options of a run in the model."""

    faults: tuple[str, ...]
    full: bool
    strict: bool


def _replay(path: Path, how: _How, live: "LiveSystem | None") -> Replayed:
    try:
        trace = load(path)
        with in_trace(shown(path)):
            if live is not None:
                trace = live.adopt(trace)
                result = live.run(trace)
            else:
                result = run(trace, faults=how.faults, full=how.full, strict=how.strict)
    except VmfuzzError as error:
        return _error(path, str(error))
    verdict = "ok" if as_expected(trace, result) else "FAIL"
    lines = _lines(path, verdict, result)
    if verdict == "FAIL":
        lines += _failure(trace, result)
    return Replayed(verdict, lines, _document(path, verdict, result))


def _error(path: Path, problem: str) -> Replayed:
    document: dict[str, object] = {"path": str(path), "verdict": "ERROR", "problem": problem}
    return Replayed("ERROR", [f"ERROR {problem}"], document)


def _document(path: Path, verdict: str, result: Run) -> dict[str, object]:
    found = result.finding
    return {
        "path": str(path),
        "verdict": verdict,
        "executed": result.executed,
        "skipped": [{"step": at, "reason": why} for at, why in result.skipped.items()],
        "quirks": result.quirks,
        "finding": found
        and {
            "signature": found.signature,
            "clause": found.clause,
            "op": found.op,
            "step": found.step,
            "witness": found.witness,
            "others": [violation.clause for violation in found.others],
            "stderr": found.words or None,
        },
    }


def _lines(path: Path, verdict: str, result: Run) -> list[str]:
    detail = counted(result.executed, "step")
    if result.skipped:
        detail += f", {len(result.skipped)} skipped"
    if result.finding and verdict == "ok":
        detail += f", {result.finding.signature} as expected"
    return [
        f"{verdict:5} {shown(path)}: {detail}",
        *(f"      {line}" for line in skipped_lines(result)),
    ]


def _failure(trace: Trace, result: Run) -> list[str]:
    why = mismatch(trace, result)
    lines = [f"      {why}"] if why else []
    found = result.finding
    return lines if found is None else [*lines, finding_block(found, trace)]
