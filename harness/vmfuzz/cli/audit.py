"""`vmfuzz audit`: the contracts that the proof trusts, on running traces and by search."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.options import Duration, FilePath, IntRange, check_faults, fault_option, seed_option
from vmfuzz.cli.output import ProgressLine, print_json, result_console
from vmfuzz.cli.streams import note
from vmfuzz.crashes import check_folder
from vmfuzz.errors import VmfuzzError, closest

if TYPE_CHECKING:
    from vmfuzz.audit.campaign import Audited
    from vmfuzz.audit.report import Row

_DEFAULT_SECONDS = 60.0
_PROFILES = ("ostd", "vostd")


@click.command("audit")
@click.argument("traces", nargs=-1, type=FilePath(), metavar="[TRACE]...")
@click.option("--time", "seconds", type=Duration(), help="Stop after this long. [default: 60s]")
@click.option("--steps", type=IntRange(1), help="Stop after this many ops: reproducible.")
@click.option(
    "--contract",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Clauses, questions and probes to audit, such as 'OP.UNMAP.*'. Repeatable.",
)
@click.option(
    "--profile",
    type=click.Choice(_PROFILES),
    help="Whose behaviour runs: upstream's or the verified twin's. [default: both]",
)
@seed_option("The same seed and steps give the same table.")
@fault_option
@click.option("--out", type=FilePath(), help="Folder for the traces and the page.")
@click.option("--all", "show_all", is_flag=True, help="Show the clauses that hold as well.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(
    traces: tuple[Path, ...],
    seconds: float | None,
    steps: int | None,
    patterns: tuple[str, ...],
    profile: str | None,
    seed: int,
    faults: tuple[str, ...],
    out: Path | None,
    show_all: bool,
    as_json: bool,
) -> int:
    """Test the contracts that the proof trusts: on fuzzed traces, by search, by probes.

    Exit code 1 if a contract is broken that nobody suspects, or a suspect holds.
    With TRACE, say which clauses each step of it breaks.

    \b
    Examples:
    vmfuzz audit --time 60s
    vmfuzz audit --steps 100000 --contract 'OP.UNMAP.*' --profile ostd
    """
    if traces:
        return _judge(traces, as_json=as_json)
    from vmfuzz.audit.run import Audit, Limits, audit, identifiers

    known = identifiers()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            hint = closest(pattern, known) or "; docs/contracts.md lists all, try 'OP.*'"
            raise VmfuzzError(f"--contract {pattern!r} names nothing{hint}")
    if out is not None:
        check_folder(out)
    profiles = (profile,) if profile else _PROFILES
    limit = seconds if seconds or steps else _DEFAULT_SECONDS
    line = ProgressLine(None, limit, steps)
    result, code = Audit(), Exit.CLEAN
    try:
        audit(result, Limits(limit, steps, seed, check_faults(faults)), profiles, patterns, line)
    except KeyboardInterrupt:  # what is known by then is shown
        code = Exit.INTERRUPTED
    line.close()
    rows = result.rows()
    if out is not None:
        _write(out, result.audits, rows)
    if as_json:
        _print_json(rows)
    else:
        _show(rows, out, show_all=show_all, is_part=bool(patterns))
    if code is Exit.INTERRUPTED:
        note("interrupted; this is what was known by then")
        return int(code)
    return int(Exit.FINDING if any(row.is_news for row in rows) else Exit.CLEAN)


def _write(out: Path, audits: "list[Audited]", rows: "list[Row]") -> None:
    from vmfuzz.audit.page import page
    from vmfuzz.audit.recorded import write
    from vmfuzz.trace_file import write_atomically

    write(out / "traces", audits)
    write_atomically(out / "audit.md", page(rows))


def _print_json(rows: "list[Row]") -> None:
    from vmfuzz.audit.report import confirmed, unconfirmed

    print_json(
        {
            "clauses": [row.as_json() for row in rows],
            "confirmed": {ax: [row.id for row in of] for ax, of in confirmed(rows).items()},
            "unconfirmed": unconfirmed(rows),
            "news": [row.id for row in rows if row.is_news],
        }
    )


def _show(rows: "list[Row]", out: Path | None, *, show_all: bool, is_part: bool) -> None:
    """Print the rows that do not hold, what they confirm, and what nothing confirms.

    Of a part, only the suspects that are about it.
    """
    from vmfuzz.audit.report import confirmed, unconfirmed

    console = result_console()
    table = PlainTable(
        "clause", "profile", "suspect", "status", "calls", "judged", "shown by", figures=slice(4, 6)
    )
    for row in rows:
        if not show_all and row.status == "holds" and not row.is_news:
            continue
        amounts = (f"{row.evaluated:,}", f"{row.nonvacuous:,}")
        status = f"{row.status} (news)" if row.is_news else row.status
        table.add_row(row.id, row.profile or "-", row.ax or "-", status, *amounts, _shown_by(row))
    console.print(table)
    held = sum(row.status == "holds" for row in rows)
    known, open_ = confirmed(rows), unconfirmed(rows)
    console.print(f"{held} of {len(rows):,} clauses, questions and probes hold")
    asked = {row.ax for row in rows} if is_part else open_.keys()
    for ax, reason in open_.items():
        if ax not in asked:
            continue
        console.print(f"not confirmed: {ax}: {reason}", markup=False)
    console.print(f"confirmed suspects ({len(known)}): {', '.join(known)}")
    news = [row for row in rows if row.is_news]
    for row in news:
        _show_news(row)
    verdict = f"FOUND {len(news)} that nobody knew" if news else "as known: no contract surprises"
    console.print(verdict)
    console.print(f"stored in {out}" if out else "next: vmfuzz audit --out audit", markup=False)


def _shown_by(row: "Row") -> str:
    if row.evidence is not None:
        amount = len(row.evidence.trace.steps)
        return counted(amount, "op")
    return "" if row.witness is None else "a state" if row.status == "unsatisfiable" else "a value"


def _show_news(row: "Row") -> None:
    from vmfuzz.report.block import finding_block

    console = result_console()
    if row.evidence is not None:
        block = finding_block(row.evidence.finding, row.evidence.trace, whole=True)
        console.print(block, markup=False)
    elif row.status == "holds":
        console.print(f"{row.id} holds: {row.ax} expects it to fail", markup=False)
    else:
        console.print(f"{row.id} ({row.text}): {row.witness}", markup=False)


def _judge(paths: tuple[Path, ...], *, as_json: bool) -> int:
    """Judge stored traces step by step. Exit code 1 if a clause is broken that is no suspect."""
    from vmfuzz.audit.judged import judged
    from vmfuzz.trace_file import load
    from vmfuzz.trace_text import format_op

    documents = []
    has_news = False
    for path in paths:
        trace = load(path)
        broken = judged(trace)
        has_news |= any(ax is None for _, _, ax, _ in broken)
        documents.append((path, trace, broken))
    if as_json:
        print_json(
            [
                {
                    "path": str(path),
                    "broken": [
                        {"step": step, "clause": clause.id, "ax": ax, "witness": witness}
                        for step, clause, ax, witness in broken
                    ],
                }
                for path, _, broken in documents
            ]
        )
        return int(Exit.FINDING if has_news else Exit.CLEAN)
    console = result_console()
    for path, trace, broken in documents:
        console.print(f"{path}: {counted(len(broken), 'clause')} broken", markup=False)
        for step, clause, ax, witness in broken:
            line = f"  step {step} {format_op(trace.steps[step].op)}: {clause.id} ({ax or 'NEWS'})"
            console.print(line, markup=False)
            console.print(f"    {clause.text}; {witness}", markup=False)
    return int(Exit.FINDING if has_news else Exit.CLEAN)
