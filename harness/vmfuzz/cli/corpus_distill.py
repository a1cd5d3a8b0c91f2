"""`vmfuzz corpus distill`: a corpus that shows as much with less."""

from pathlib import Path
from time import monotonic

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.shorten import cover, shortened
from vmfuzz.cli.corpora import features_in, opened
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.options import FilePath, limit_option
from vmfuzz.cli.streams import write
from vmfuzz.errors import VmfuzzError, shown


@click.command()
@click.argument("folder", metavar="DIR", type=FilePath())
@click.option("--out", type=FilePath(), required=True, help="Folder of the new corpus.")
@limit_option("1h", "Stop cutting traces down after so long; the rest stay as they are.")
def distill(folder: Path, out: Path, limit: float) -> int:
    """Make a corpus that shows as much with few traces, cut down to what each is for.

    Traces that fail are left out.

    \b
    Examples:
    vmfuzz corpus distill night --out seeds --time 20m
    """
    until = monotonic() + limit
    corpus, new = opened(folder), Corpus(out)
    if new.names():
        raise VmfuzzError(f"--out {shown(out)}: has traces already; choose another folder")
    features, failing = features_in(corpus)
    shown_by = {name: frozenset(cells) for name, cells in features.items() if name not in failing}
    traces = {name: corpus.load(name) for name in shown_by}
    sizes = {name: len(trace.steps) + 1 for name, trace in traces.items()}
    chosen = cover(sizes, shown_by)
    now: set[int] = set()
    kept = ops = 0
    cut = shortened(
        {name: traces[name] for name in chosen},
        {name: shown_by[name] for name in chosen},
        lambda: monotonic() < until,
    )
    for trace, cells in cut:
        new.add(trace)
        now |= cells
        kept, ops = kept + 1, ops + len(trace.steps)
    amount = len(frozenset[int]().union(*shown_by.values()))
    before = sum(sizes.values()) - len(sizes)
    write(f"{kept:,} of {counted(len(traces), 'trace')}, {ops:,} of {counted(before, 'op')};")
    write(f" they show {counted(len(now), 'feature')}, {amount:,} before\n")
    return int(Exit.CLEAN if kept else Exit.NOTHING)
