"""The explorer of one trace as a page."""

from collections.abc import Iterator
from typing import Any, Final

from vmfuzz.amounts import counted
from vmfuzz.report.html import data_block, page, text

Json = dict[str, Any]
STYLES: Final = ("page.css", "explorer.css")
SCRIPTS: Final = ("dom.js", "records.js", "panels.js", "explorer.js")


def explorer_page(name: str, film: Json) -> str:
    """Return the page of a film; `name` is what the trace is called."""
    body = [*_head(name, film), '<section class="explorer" id="explorer"></section>',
            data_block("film", film)]  # fmt: skip
    return page(f"{name} - vmfuzz", body, styles=STYLES, scripts=(*SCRIPTS, "explain.js"))


def _head(name: str, film: Json) -> Iterator[str]:
    yield f'<header class="top"><div><h1>{text(name)}</h1>'
    yield f'<p class="mono dim">{text(film["world"])}'
    yield "".join(
        f' <span class="chip warn">fault {text(fault)}</span>' for fault in film["faults"]
    )
    yield "</p>"
    yield f"<p>{text(' '.join(film['comment']))}</p>" if film["comment"] else ""
    yield "</div></header>"
    yield verdict(film)
    yield from (f'<p class="dim">{note}</p>' for note in notes(film))
    yield "<noscript><p>A script shows the steps; `vmfuzz explain` prints them.</p></noscript>"


def verdict(film: Json) -> str:
    """Return what became of the trace, in a box."""
    found = film["finding"]
    if found is None:
        steps = counted(film["ended"], "step")
        held = f"each of the {film['clauses']} clauses holds after every one of {steps}"
        return f'<div class="verdict"><b>&#10003; Clean</b>: {held}.</div>'
    return (
        f'<div class="verdict finding"><b>&#10007; {text(found["clause"])}</b> broke at step'
        f" {found['step']} (<code>{text(found['op'])}</code>): {text(found['text'])}</div>"
    )


def notes(film: Json) -> Iterator[str]:
    """Yield what this page leaves out of the trace."""
    after = film["total"] - film["ended"]
    if after:
        yield f"The run ended before {after:,} of the {film['total']:,} steps, which are not shown."
    gaps = sum(item.get("gap", 0) for item in film["steps"])
    if gaps:
        yield f"A long trace: {gaps:,} steps in the middle are not shown one by one."
    if film.get("is_cut"):
        yield "The states are too large for one page; only the steps themselves are shown."
