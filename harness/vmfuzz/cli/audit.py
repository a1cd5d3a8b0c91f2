"""`vmfuzz audit`: the contracts that the proof trusts, on running traces and by search."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from rich.table import Table

from vmfuzz.cli.exits import Exit
from vmfuzz.cli.options import Duration, FilePath
from vmfuzz.cli.output import ProgressLine, print_json, result_console
from vmfuzz.crashes import check_folder
from vmfuzz.errors import VmfuzzError, closest

if TYPE_CHECKING:
    from vmfuzz.audit.campaign import Audited
    from vmfuzz.audit.report import Row
    from vmfuzz.engines.interface import Progress

_DEFAULT_SECONDS = 60.0
_PROFILES = ("ostd", "vostd")


@click.command("audit")
@click.argument("traces", nargs=-1, type=FilePath(), metavar="[TRACE]...")
@click.option("--time", "seconds", type=Duration(), help="Stop after this long. [default: 60s]")
@click.option("--steps", type=click.IntRange(1), help="Stop after this many ops: reproducible.")
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
@click.option(
    "--seed",
    type=click.IntRange(0, (1 << 31) - 1),
    default=0,
    show_default=True,
    help="The same seed and steps give the same table.",
)
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
    out: Path | None,
    show_all: bool,
    as_json: bool,
) -> int:
    """Test the contracts that the proof trusts: on fuzzed traces, by search, by probes.

    Exit code 1 if a contract is broken that nobody suspects, or a suspect holds.
    With TRACE, say which clauses each step of it breaks.

    \b
    vmfuzz audit --time 60s
    vmfuzz audit --steps 100000 --contract 'OP.UNMAP.*' --profile ostd
    """
    if traces:
        return _judge(traces, as_json=as_json)
    from vmfuzz.audit.run import Limits, audit, identifiers

    known = identifiers()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise VmfuzzError(f"--contract {pattern!r} names nothing{closest(pattern, known)}")
    if out is not None:
        check_folder(out)
    profiles = (profile,) if profile else _PROFILES
    limit = seconds if seconds or steps else _DEFAULT_SECONDS
    line = _Line(limit, steps)
    rows, audits = audit(Limits(limit, steps, seed), profiles, patterns, line)
    line.close()
    if out is not None:
        _write(out, audits, rows)
    if as_json:
        _print_json(rows)
    else:
        _show(rows, out, show_all=show_all)
    return int(Exit.FINDING if any(row.is_news for row in rows) else Exit.CLEAN)
