"""The files of a report, as text: rendered from what was read, written by the caller."""

import json
from typing import Any, Final

from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.report.explorer.film import film
from vmfuzz.report.folder.buckets import Bucket
from vmfuzz.report.folder.document import as_document
from vmfuzz.report.folder.junit import junit
from vmfuzz.report.folder.page import MAX_CARDS, report_page
from vmfuzz.report.folder.reading import Folder
from vmfuzz.report.folder.sarif import sarif
from vmfuzz.report.folder.summary import summary

Json = dict[str, Any]
MAX_PAGE: Final = 2_000_000  # bytes
PAGE: Final = "report.html"
_MAX_STEPS: Final = 5_000  # of a trace that gets an explorer
_FILMS: Final = 1_200_000  # bytes of all of them together
_ONE: Final = 150_000
_LEAST: Final = 6_000


def render(folder: Folder) -> tuple[Json, dict[str, str]]:
    """Return the document and the files by name. The same folder gives the same bytes."""
    document = as_document(folder)
    return document, {
        PAGE: _page(folder, document),
        "junit.xml": junit(document),
        "report.sarif": sarif(document),
        "summary.md": summary(document, shown(folder.path / PAGE)),
    }


def _page(folder: Folder, document: Json) -> str:
    """Return the page with as many explorers as fit."""
    by_path = {bucket.path: bucket for bucket in folder.buckets if bucket.path}
    films: list[tuple[Json | None, str]] = []
    left = _FILMS
    wanted = document["buckets"][:MAX_CARDS]
    for at, row in enumerate(wanted):
        allowed = min(_ONE, max(_LEAST, left // (len(wanted) - at)))
        films.append(_film(by_path.get(row["path"]), min(allowed, left)))
        found = films[-1][0]
        left -= len(json.dumps(found, separators=(",", ":"))) if found is not None else 0
    text = report_page(document, films.__getitem__)
    if len(text.encode()) <= MAX_PAGE:
        return text
    note = "There are too many findings for explorers; `vmfuzz explain` shows this one."
    short = [{**row, "trace": row["trace"][:1_000], "words": ""} for row in document["buckets"]]
    return report_page({**document, "buckets": short}, lambda _: (None, note))


def _film(bucket: Bucket | None, allowed: int) -> tuple[Json | None, str]:
    if bucket is None or bucket.trace is None:
        return None, ""
    if not bucket.name:
        return None, "This trace ended or hung who ran it, or did not fail again: not run here."
    command = "`vmfuzz explain PATH --html FILE` makes a page of this trace."
    if len(bucket.trace.steps) > _MAX_STEPS:
        return None, f"The trace is too long for this page. {command}"
    if allowed < _LEAST:
        return None, f"This page has no room for one more explorer. {command}"
    try:
        filmed = film(bucket.trace, max_bytes=allowed)
    except VmfuzzError as error:
        return None, f"The trace cannot be replayed: {shown(error)}"
    return filmed, ""
