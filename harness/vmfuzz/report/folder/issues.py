"""The new findings of a campaign as texts for an issue tracker, one Markdown file each."""

import re
from collections.abc import Iterator
from typing import Any, Final

Json = dict[str, Any]
_MOST: Final = 50
_LONGEST: Final = 20_000  # characters of one block; GitHub takes 65,536 for the whole
_NEW: Final = {"new", "stored"}


def issues(document: Json) -> dict[str, str]:
    """Return a text per new finding, by the name of its bucket: `ACCT.3c--segment_clone.md`.

    At most 50. Whatever an agent said is in a code block, where it names nobody and links nowhere.
    """
    new = [row for row in document["buckets"] if row["status"] in _NEW and row["name"]]
    return {f"{row['name']}.md": "\n".join(_lines(row)) for row in new[:_MOST]}


def _lines(row: Json) -> Iterator[str]:
    yield "A campaign of vmfuzz found something new:"
    yield from _block(row["words"] or f"{row['signature']}\n{row['witness']}\n{row['problem']}")
    if row["trace"]:
        yield "The shortest trace that shows it:"
        yield from _block(row["trace"])
    if row["replay"]:
        yield "In the folder of the campaign, which is an artifact of the run, this repeats it:"
        yield from _block(row["replay"])
    yield "Fixed: put the trace among the regression traces. To be let pass for a while:"
    yield from _block(f'[[known]]\nid = "{row["signature"]}"\nreason = ""\nexpires = ""')


def _block(text: str) -> Iterator[str]:
    """Yield text in a fence that nothing in it can close."""
    text = text.strip("\n")[:_LONGEST]
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from ("", f"{fence}text", text, fence, "")
