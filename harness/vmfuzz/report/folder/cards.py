"""One bucket on the page: what broke, its shortest trace, how to replay it, its explorer."""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

from vmfuzz.amounts import counted
from vmfuzz.report.folder.curves import duration
from vmfuzz.report.html import data_block, lines, text

Json = dict[str, Any]
_SAID: Final = 160  # characters of a witness in the headline
CHIPS: Final = {"new": "bad", "flaky": "warn", "stored": "bad", "known": "warn", "resolved": "good"}
SIGNS: Final = {"new": "&#10007; new", "flaky": "? flaky", "stored": "&#10007; stored",
                "known": "= known", "resolved": "&#10003; resolved"}  # fmt: skip


def card(
    number: int, bucket: Json, film: Json | None, note: str, *, is_open: bool
) -> Iterator[str]:
    """Yield the bucket as a box to open. `note` says why there is no explorer."""
    yield f'<details class="bucket" id="bucket-{number}"{" open" if is_open else ""}><summary>'
    yield chip(bucket["status"])
    anchor = f' id="{text(bucket["name"])}"' if bucket["name"] else ""
    yield f'<span class="sig mono"{anchor}>{text(bucket["signature"])}</span>'
    said = bucket["text"] or bucket["witness"][:_SAID]
    yield f'<span>{text(said)}</span><span class="more">{_amounts(bucket)}</span>'
    yield "</summary><div>"
    yield from _facts(bucket)
    if bucket["replay"]:
        yield command(bucket["replay"])
    if bucket["trace"]:
        yield f'<div class="command"><pre>{lines(bucket["trace"])}</pre>'
        yield '<button type="button" data-copy-trace>Copy</button></div>'
    if bucket["words"]:
        yield f'<details class="fold"><summary>finding.txt</summary><pre>{lines(bucket["words"])}'
        yield "</pre></details>"
    if film is not None:
        name = f"film-{number}"
        yield _replayed(bucket, film)
        yield f'<section class="explorer" data-film="{name}" aria-label="trace explorer"></section>'
        yield data_block(name, film)
    elif note:
        yield f'<p class="dim">{text(note)}</p>'
    yield "</div></details>"


def chip(status: str) -> str:
    """Return a status as a label; its sign and word say it without the colour."""
    return f'<span class="chip {CHIPS[status]}">{SIGNS[status]}</span>'


def command(line: str) -> str:
    """Return a command with a button that copies it."""
    return (
        f'<div class="command"><code>{text(line)}</code>'
        f'<button type="button" data-copy="{escape(line)}">Copy</button></div>'
    )


def _amounts(bucket: Json) -> str:
    ops = counted(bucket["ops"], "op")
    found = f", found with {bucket['ops_found']:,}" if bucket["ops_found"] else ""
    return ops + found


def _facts(bucket: Json) -> Iterator[str]:
    rows = {
        "broke": bucket["witness"],
        "source": bucket["source"],
        "why " + bucket["status"]: bucket["reason"],
        "found by": bucket["engine"],
        "first met": _first(bucket),
        "traces kept": f"{bucket['kept']:,}" if bucket["kept"] else "",
        "problem": bucket["problem"],
    }
    shown = [(name, value) for name, value in rows.items() if value]
    if shown:
        yield "<dl>"
        yield from (f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in shown)
        yield "</dl>"


def _first(bucket: Json) -> str:
    if bucket["at"] is None:
        return ""
    return f"{duration(bucket['at'])} into the campaign, run {bucket['run']}"


def _replayed(bucket: Json, film: Json) -> str:
    """Return what the shortest trace comes to in this version of the model."""
    found = film["finding"]
    if found is None:
        return (
            '<p class="dim">Replayed for this page in the model, its trace is clean: it is fixed,'
            " or only a live system shows it.</p>"
        )
    name = f"{found['clause']}/{found['op']}"
    if name == bucket["signature"]:
        return ""
    return f'<p class="dim">Replayed for this page, its trace breaks {text(name)}.</p>'
