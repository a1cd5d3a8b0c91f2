"""`vmfuzz minimize`: shrink one failing trace."""

from pathlib import Path

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.live import live_system, sut_options
from vmfuzz.cli.options import FilePath, check_faults, fault_option
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.streams import note, write
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.minimize import Minimized, NotFailing, minimize
from vmfuzz.report.block import finding_block, replay_command
from vmfuzz.runner import MODEL
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load, save
from vmfuzz.trace_text import format_trace


@click.command("minimize")
@click.argument("path", type=FilePath())
@fault_option
@click.option("-o", "--output", "out", type=FilePath(), help="Write it to OUT.")
@click.option("--strict", is_flag=True, help="Known upstream defects (quirks) are findings too.")
@sut_options
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(
    path: Path,
    faults: tuple[str, ...],
    out: Path | None,
    strict: bool,
    sut: str | None,
    sut_seconds: float,
    as_json: bool,
) -> int:
    """Shrink a failing trace: the same clause breaks in the same op, and every op is needed.

    Ops, handles, arguments and the world are made simpler as long as the finding keeps its
    signature. Without -o the trace goes to stdout. Exit code 5 when the trace does not fail.

    \b
    Examples:
    vmfuzz minimize findings/ACCT.3c--segment_clone/first.trace
    vmfuzz minimize first.trace -o min.trace
    vmfuzz minimize clean.trace --fault segment-clone-misses-last
    vmfuzz minimize first.trace --sut ./my-agent -o min.trace
    """
    check_faults(faults)
    trace = load(path)
    with live_system(sut, sut_seconds, faults=faults) as live:
        if live is not None:
            trace = live.adopt(trace)
        else:
            trace.faults = tuple(dict.fromkeys((*trace.faults, *faults)))
        try:
            result = minimize(trace, strict=strict, system=live or MODEL)
        except NotFailing as error:
            return _nothing(path, trace, error, as_json=as_json)
    if out is not None:
        _save(out, result.trace)
    if as_json:
        print_json(_document(path, trace, result, out))
    else:
        _show(trace, result, out, None if live is None else live.name)
    return int(Exit.CLEAN)


def _save(out: Path, trace: Trace) -> None:
    """Write the result to `out`; when that fails it goes to stdout, for it may have taken long."""
    try:
        save(out, trace)
    except VmfuzzError:
        write(format_trace(trace))
        raise


def _nothing(path: Path, trace: Trace, problem: NotFailing, *, as_json: bool) -> int:
    if as_json:
        print_json({"path": str(path), "signature": None, "ops_before": len(trace.steps)})
    note(f"{shown(path)}: {problem}; --fault plants a bug, `vmfuzz replay` shows what it does")
    return int(Exit.NOTHING)


def _document(path: Path, before: Trace, result: Minimized, out: Path | None) -> dict[str, object]:
    return {
        "path": str(path),
        "signature": result.finding.signature,
        "clause": result.finding.clause,
        "step": result.finding.step,
        "witness": result.finding.witness,
        "ops_before": len(before.steps),
        "ops": len(result.trace.steps),
        "runs": result.runs,
        "minimal": result.is_minimal,
        "output": str(out) if out else None,
        "trace": format_trace(result.trace),
    }


def _show(before: Trace, result: Minimized, out: Path | None, sut: str | None) -> None:
    """The trace alone on stdout, so that it can be piped; or, with -o, the finding."""
    work = f"{counted(len(before.steps), 'op')} to {len(result.trace.steps)}"
    work += f" in {counted(result.runs, 'run')}"
    if not result.is_minimal:
        work += "; not minimal: the work limit ended it"
    if out is None:
        write(format_trace(result.trace))
        note(f"{result.finding.signature}: {work}")
        return
    console = result_console()
    block = finding_block(result.finding, result.trace, whole=True)
    console.print(block)
    console.print(f"\n{work}")
    console.print(f"written to {shown(out)}")
    console.print(f"next: {replay_command(out, sut)}")
