"""The report in a few lines of Markdown, for the summary of a CI job."""

from collections.abc import Iterator
from typing import Any, Final

from vmfuzz.amounts import counted
from vmfuzz.report.folder.curves import duration
from vmfuzz.report.folder.document import STATUSES, reached

Json = dict[str, Any]
_MOST: Final = 50  # findings in the table
_GAPS: Final = 10
_WIDTH: Final = 160  # characters of a cell
_SIGNS: Final = {"clean": "\u2705", "finding": "\u274c", "unsure": "\u2753"}
_SPECIAL: Final = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~&"})


def summary(document: Json, report: str) -> str:
    """Return the summary; `report` is the path of the page. It is shorter than 64 KiB."""
    verdict = document["verdict"]
    lines = [
        f"## {_SIGNS[verdict['kind']]} vmfuzz: {verdict['headline']}",
        "",
        f"{_plain(verdict['words'])}. {_amounts(document)}".strip(),
        "",
        *_findings(document),
        *_kept("do not end as they say", document["replayed"]["broken"]),
        *_kept("cannot be read", document["replayed"]["unreadable"]),
        *_gaps(document),
        *_commands(document, report),
    ]
    return "\n".join(lines) + "\n"


def _amounts(document: Json) -> str:
    totals = document["totals"]
    if not totals["steps"]:
        return ""
    found = reached(document)
    words = f"{counted(totals['steps'], 'checked step')} in {duration(totals['seconds'])}"
    if document["cells"]:
        words += f"; {found['ops']} of {found['of_ops']} ops run"
    return f"{words}. Modelled: {_plain(document['upstream'])}."


def _findings(document: Json) -> Iterator[str]:
    counts = document["counts"]
    yield f"| {' | '.join(STATUSES)} |"
    yield f"|{'--:|' * len(STATUSES)}"
    yield f"| {' | '.join(f'{counts[name]:,}' for name in STATUSES)} |"
    yield ""
    buckets = document["buckets"]
    if not buckets:
        return
    yield "| status | finding | what broke | ops |"
    yield "|---|---|---|--:|"
    for bucket in buckets[:_MOST]:
        words = _plain(bucket["text"] or bucket["witness"])
        yield f"| {bucket['status']} | {_code(bucket['signature'])} | {words} | {bucket['ops']:,} |"
    yield ""
    more = len(buckets) - _MOST + document["more_buckets"]
    if more > 0:
        yield f"... and {more:,} more.\n"


def _kept(problem: str, traces: dict[str, str]) -> Iterator[str]:
    if not traces:
        return
    yield f"Kept traces that {problem}:\n"
    for name, why in list(traces.items())[:_GAPS]:
        yield f"* {_code(name)}: {_plain(why)}"
    yield ""


def _gaps(document: Json) -> Iterator[str]:
    """Yield what was possible and not reached: ops that never ran first."""
    found = reached(document)
    if not document["cells"] or not found["gaps"]:
        return
    ran = {row["op"] for row in document["cells"] if row["count"]}
    gaps = sorted(found["gaps"], key=lambda row: row["op"] in ran)
    named = ", ".join(_code(f"{row['op']}: {row['outcome']}") for row in gaps[:_GAPS])
    more = f" and {len(gaps) - _GAPS:,} more" if len(gaps) > _GAPS else ""
    yield f"Possible outcomes reached: {found['cells']:,} of {found['of_cells']:,}."
    yield f"Never: {named}{more}.\n"


def _commands(document: Json, report: str) -> Iterator[str]:
    first = next((bucket["replay"] for bucket in document["buckets"] if bucket["replay"]), "")
    yield "```sh"
    if first:
        yield first
        yield first.replace("vmfuzz replay ", "vmfuzz explain ", 1) if "--sut" not in first else ""
    yield f"# the whole story: {report}"
    yield "```"


def _plain(text: str) -> str:
    """Return text as Markdown that shows it, whatever is in it."""
    short = text if len(text) <= _WIDTH else f"{text[:_WIDTH]}..."
    return short.replace("\n", " ").translate(_SPECIAL)


def _code(text: str) -> str:
    return f"`{text[:_WIDTH].replace('`', ' ').replace('|', '/')}`"
