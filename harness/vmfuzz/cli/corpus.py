"""`vmfuzz corpus`: look at, gather and thin out the traces that campaigns keep."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.distill import keep_smallest
from vmfuzz.cli.corpora import features_in, opened, traces_of
from vmfuzz.cli.corpus_distill import distill
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.options import FilePath
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.streams import note, write
from vmfuzz.errors import VmfuzzError, did_you_mean, shown
from vmfuzz.input_file import files_below
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_file import load
from vmfuzz.trace_text import format_trace, format_world
from vmstore.ops import DECLARATIONS, GENERATED

_SHOWN: Final = 8  # digits of an id in a list
_json = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")


def _corpus(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("folder", metavar="DIR", type=FilePath())(function)


@click.group("corpus")
def command() -> None:
    """List, show, gather and thin out the traces that campaigns keep.

    DIR is the folder of a campaign, or of a corpus.
    """


command.add_command(distill)


def identity(name: str) -> str:
    """Return the id of a trace: its name without what all names share."""
    return name.replace("/", "").removesuffix(".trace")


@command.command("list")
@_corpus
@_json
def list_(folder: Path, as_json: bool) -> int:
    """List the traces: id, ops, world, last op.

    \b
    Examples:
    vmfuzz corpus list night
    """
    rows = [
        {
            "id": identity(name),
            "ops": len(trace.steps),
            "world": format_world(trace.world).removeprefix("world").strip(),
            "last": _op(trace.steps[-1]) if trace.steps else "",
        }
        for name, trace in traces_of(opened(folder))
    ]
    if as_json:
        print_json({"traces": rows})
        return int(Exit.CLEAN if rows else Exit.NOTHING)
    table = PlainTable("id", "ops", "last op", "world")
    for row in rows:
        table.add_row(
            str(row["id"])[:_SHOWN], f"{row['ops']:,}", str(row["last"]), str(row["world"])
        )
    if rows:
        result_console().print(table)
    return _count(len(rows), "trace")


@command.command()
@_corpus
@click.argument("id")
def show(folder: Path, id: str) -> int:
    """Print the trace of an id; its first digits will do.

    \b
    Examples:
    vmfuzz corpus show night 3f9c01a2
    """
    corpus = opened(folder)
    names = {identity(name): name for name in corpus.names()}
    found = [full for full in names if full.startswith(id)] if id else []
    if not found:
        hint = did_you_mean(id, [full[: max(len(id), _SHOWN)] for full in names])
        raise VmfuzzError(f"{shown(folder)}: no trace {shown(id)[:60]!r}{hint}")
    if len(found) > 1:
        some = ", ".join(sorted(full[: len(id) + 4] for full in found)[:5])
        raise VmfuzzError(f"{shown(id)!r} begins {len(found)} ids: {some}")
    write(format_trace(corpus.load(names[found[0]])))
    return int(Exit.CLEAN)


@command.command()
@_corpus
@click.argument("paths", nargs=-1, required=True, type=FilePath())
def add(folder: Path, paths: tuple[Path, ...]) -> int:
    """Add traces, from files and folders; what they expect and record is left behind.

    \b
    Examples:
    vmfuzz corpus add night tests/traces
    """
    return _added(opened(folder, is_new=True), [f for path in paths for f in _files(path)])


@command.command()
@_corpus
@click.argument("others", nargs=-1, required=True, type=FilePath())
def merge(folder: Path, others: tuple[Path, ...]) -> int:
    """Add the traces of other corpora; those that are there already stay as they are.

    \b
    Examples:
    vmfuzz corpus merge night other-night
    """
    corpora = [opened(other) for other in others]
    files = [corpus.path / name for corpus in corpora for name in corpus.names()]
    return _added(opened(folder, is_new=True), files)


@command.command()
@_corpus
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def prune(folder: Path, dry_run: bool) -> int:
    """Keep the smallest trace per feature, and those that fail; delete the rest.

    \b
    Examples:
    vmfuzz corpus prune night --dry-run
    """
    corpus = opened(folder)
    features, failing = features_in(corpus)
    sizes = {name: (corpus.path / name).stat().st_size for name in features}
    kept = keep_smallest(sizes, features) | failing
    gone = sorted(features.keys() - kept)
    if not dry_run:
        for name in gone:
            corpus.remove(name)
    words = "would go" if dry_run else "deleted"
    amount = len(set().union(*features.values()))
    write(
        f"{counted(amount, 'feature')}; {counted(len(kept), 'trace')} kept, {len(gone):,} {words}\n"
    )
    return int(Exit.CLEAN if features else Exit.NOTHING)


@command.command()
@_corpus
@_json
def stats(folder: Path, as_json: bool) -> int:
    """Show what the traces amount to: ops, features, and the ops that none of them has.

    \b
    Examples:
    vmfuzz corpus stats night
    """
    corpus = opened(folder)
    features, failing = features_in(corpus)
    ops: dict[str, int] = {}
    size = 0
    for name, trace in traces_of(corpus):
        size += (corpus.path / name).stat().st_size
        for step in trace.steps:
            ops[_op(step)] = ops.get(_op(step), 0) + 1
    idle = [declaration.name for declaration in GENERATED if declaration.name not in ops]
    values = {
        "traces": len(features),
        "bytes": size,
        "ops": sum(ops.values()),
        "features": len(set().union(*features.values())),
        "failing": len(failing),
        "never": idle,
        "by_op": dict(sorted(ops.items())),
    }
    if as_json:
        print_json(values)
    else:
        for name in ("traces", "bytes", "ops", "features", "failing"):
            write(f"{name:9}{values[name]:,}\n")
        write(f"ops that no trace has: {', '.join(idle) or 'none'}\n")
    return int(Exit.CLEAN if features else Exit.NOTHING)


@command.command()
@_corpus
@click.argument("other", type=FilePath())
@_json
def diff(folder: Path, other: Path, as_json: bool) -> int:
    """Show which traces and features one corpus has and the other has not.

    \b
    Examples:
    vmfuzz corpus diff last-night night
    """
    (left, _), (right, _) = (features_in(opened(path)) for path in (folder, other))
    shown_left, shown_right = (set().union(*side.values()) for side in (left, right))
    gone, come = (
        sorted(map(identity, names)) for names in (left.keys() - right, right.keys() - left)
    )
    values: dict[str, object] = {
        "only_first": gone,
        "only_second": come,
        "both": len(left.keys() & right.keys()),
        "features_only_first": len(shown_left - shown_right),
        "features_only_second": len(shown_right - shown_left),
    }
    if as_json:
        print_json(values)
        return int(Exit.CLEAN)
    for sign, side in (("-", gone), ("+", come)):
        for name in side:
            write(f"{sign} {name[:_SHOWN]}\n")
    write(
        f"{counted(len(left.keys() & right.keys()), 'trace')} in both;"
        f" features: {values['features_only_first']} only in {shown(folder)},"
        f" {values['features_only_second']} only in {shown(other)}\n"
    )
    return int(Exit.CLEAN)


@command.command()
@_corpus
def migrate(folder: Path) -> int:
    """Bring every trace below DIR to this version's text, under the name that belongs to it.

    \b
    Examples:
    vmfuzz corpus migrate old-corpus
    """
    corpus = opened(folder)
    moved = 0
    for file in _files(corpus.path):
        try:
            trace = _plain(load(file))
        except VmfuzzError as error:
            note(f"left as it is: {error}")
            continue
        name = corpus.add(trace)
        if name is not None or file.relative_to(corpus.path).as_posix() not in corpus.names():
            file.unlink()
            moved += 1
    write(f"{moved:,} moved\n")
    return _count(len(corpus), "trace")


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise VmfuzzError(f"{shown(path)}: no such file or folder")
    return files_below(path, (".trace",))


def _added(corpus: Corpus, files: list[Path]) -> int:
    names = [corpus.add(_plain(load(file))) for file in files]
    new = sum(name is not None for name in names)
    write(f"{new:,} added, {len(names) - new:,} there already or too long\n")
    return int(Exit.CLEAN if names else Exit.NOTHING)


def _plain(trace: Trace) -> Trace:
    """Return the trace as a corpus has it: world, faults and ops."""
    return Trace(trace.world, [Step(step.op) for step in trace.steps], trace.faults)


def _op(step: Step) -> str:
    return DECLARATIONS[type(step.op)].name


def _count(amount: int, what: str) -> int:
    write(counted(amount, what) + "\n")
    return int(Exit.CLEAN if amount else Exit.NOTHING)
