"""The report as one page: verdict first, then curves, findings, what was reached, the clauses."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from vmfuzz.report.coverage_page import cell_chip, cell_rank
from vmfuzz.report.explorer.page import SCRIPTS, STYLES
from vmfuzz.report.folder.cards import card, chip
from vmfuzz.report.folder.curves import Curve, chart, duration, short
from vmfuzz.report.folder.document import STATUSES, reached
from vmfuzz.report.html import page, text
from vmstore.clauses import CLAUSES
from vmstore.clauses.own import OWN_CLAUSES

Json = dict[str, Any]
Filmed = Callable[[int], tuple[Json | None, str]]  # of a bucket: its film, or why there is none
MAX_CARDS: Final = 300
LIMITS: Final = (
    "A clean run shows that this many steps of this model broke none of its clauses. It does not"
    " show that the code is correct: threads do not interleave inside an op, memory is sequentially"
    " consistent, other CPUs serve their interrupts at once, and what no op of the model does was"
    " not tried."
)


def report_page(document: Json, filmed: Filmed) -> str:
    """Return the report of a document; `filmed` gives what its explorers show."""
    body = [
        *_head(document),
        *_charts(document),
        *_buckets(document, filmed),
        *_reached(document),
        *_clauses(document),
        *_runs(document),
        *_footer(document),
    ]
    title = f"{document['verdict']['headline']} - vmfuzz report"
    return page(title, body, styles=(*STYLES, "report.css"), scripts=(*SCRIPTS, "report.js"))


def _head(document: Json) -> Iterator[str]:
    verdict, totals = document["verdict"], document["totals"]
    sign = {"clean": "&#10003;", "finding": "&#10007;", "unsure": "?"}[verdict["kind"]]
    yield f'<header class="top"><div><h1>Campaign {text(document["folder"])}</h1>'
    yield f'<p class="dim">model of {text(document["upstream"])}</p></div></header>'
    kind = "" if verdict["kind"] == "clean" else f" {verdict['kind']}"
    yield f'<div class="verdict{kind}"><b>{sign} {text(verdict["headline"])}</b>'
    yield f"<br>{text(verdict['words'])}</div>"
    if document["problems"]:
        items = "".join(f"<li>{text(problem)}</li>" for problem in document["problems"])
        yield f'<div class="problems"><b>Not everything could be read</b><ul>{items}</ul></div>'
    yield from _tiles(document, totals)
    sections = {"curves": document["curves"], "findings": True, "reached": document["cells"],
                "clauses": True, "runs": document["runs"]}  # fmt: skip
    links = "".join(f'<a href="#{name}">{name}</a>' for name, shown in sections.items() if shown)
    yield f'<nav class="toc" aria-label="sections">{links}</nav>'


def _tiles(document: Json, totals: Json) -> Iterator[str]:
    found = reached(document)
    tiles = [(f"{document['counts'][name]:,}", name) for name in STATUSES
             if name in {"new", "known", "resolved"} or document["counts"][name]]  # fmt: skip
    if not document["has_log"]:
        tiles = [(f"{len(document['buckets']):,}", "findings in the folder")]
    if totals["steps"]:
        rate = totals["steps"] / totals["seconds"] if totals["seconds"] else 0
        tiles += [
            (short(totals["steps"]), f"checked steps in {duration(totals['seconds'])}"),
            (short(rate), "steps per second"),
        ]
    if document["cells"]:
        tiles += [
            (f"{found['ops']} of {found['of_ops']}", "ops run"),
            (f"{found['cells']} of {found['of_cells']}", "possible outcomes reached"),
        ]
    if totals["corpus"]:
        tiles.append((f"{totals['corpus']:,}", "traces in the corpus"))
    items = "".join(f"<li><b>{text(n)}</b><span>{text(name)}</span></li>" for n, name in tiles)
    yield f'<ul class="tiles">{items}</ul>'


def _charts(document: Json) -> Iterator[str]:
    if not document["curves"]:
        return
    yield '<h2 id="curves">Over time</h2><div class="charts">'
    for row in document["curves"]:
        curve = Curve(row["name"], row["unit"], tuple(row["points"]), row["stepped"])
        drawn = chart(curve, document["totals"]["seconds"], document["run_starts"])
        yield f"<figure><figcaption>{curve.name} <span>{curve.unit}</span></figcaption>{drawn}"
        yield "</figure>"
    yield "</div>"
    if document["run_starts"]:
        yield '<p class="dim">Dashed: another run began.</p>'


def _buckets(document: Json, filmed: Filmed) -> Iterator[str]:
    buckets = document["buckets"]
    yield f'<h2 id="findings">Findings ({len(buckets) + document["more_buckets"]:,})</h2>'
    if not buckets:
        yield "<p>None.</p>"
    for number, bucket in enumerate(buckets[:MAX_CARDS]):
        film, note = filmed(number)
        yield from card(number, bucket, film, note, is_open=len(buckets) == 1)
    rest = buckets[MAX_CARDS:]
    if rest:
        yield f"<p>{len(rest):,} more, without their traces:</p><ul>"
        yield from (
            f"<li>{chip(b['status'])}<code>{text(b['signature'])}</code></li>" for b in rest
        )
        yield "</ul>"
    if document["more_buckets"]:
        yield f"<p>{document['more_buckets']:,} more buckets in the folder were not read.</p>"


def _reached(document: Json) -> Iterator[str]:
    """Yield the matrix of ops and outcomes, those with gaps first and open."""
    if not document["cells"]:
        return
    rows: dict[str, list[Json]] = {}
    for cell in document["cells"]:
        rows.setdefault(cell["op"], []).append(cell)
    gaps = {op: cells for op, cells in rows.items() if not min(map(cell_rank, cells))}
    rest = {op: cells for op, cells in rows.items() if op not in gaps}
    found = reached(document)
    amount = f"{found['cells']} of {found['of_cells']}"
    yield f'<h2 id="reached">Ops and outcomes ({amount} reached)</h2>'
    yield (
        '<p><span class="chip miss">never reached</span>'
        '<span class="chip elsewhere">needs a world that this campaign does not draw</span>'
        '<span class="chip hit">reached, with its count</span></p>'
    )
    if gaps:
        yield from _matrix(gaps)
    else:
        yield "<p>Every outcome that these worlds allow was reached.</p>"
    yield f'<details class="fold"><summary>the other {len(rest)} ops, without a gap</summary>'
    yield from _matrix(rest)
    yield "</details>"
    if document["quirks"]:
        met = ", ".join(f"{name} {count:,}" for name, count in document["quirks"].items())
        yield f"<p>Upstream's own known defects that were met: {text(met)}.</p>"


def _matrix(rows: dict[str, list[Json]]) -> Iterator[str]:
    yield '<div class="wide"><table class="data"><tr><th>op</th><th>outcomes</th></tr>'
    for op, cells in rows.items():
        chips = "".join(map(cell_chip, sorted(cells, key=cell_rank)))
        yield f'<tr><td class="id">{text(op)}</td><td>{chips}</td></tr>'
    yield "</table></div>"


def _clauses(document: Json) -> Iterator[str]:
    rows = document["clauses"]
    broken = sorted((row for row in rows if row["findings"]), key=lambda row: -row["findings"])
    amount = sum(row["is_clause"] for row in broken)
    yield f'<h2 id="clauses">Clauses ({amount} of {len(CLAUSES) + len(OWN_CLAUSES)} broken)</h2>'
    if broken:
        yield from _clause_table(broken)
    yield '<details class="fold"><summary>the clauses that no finding broke</summary>'
    yield from _clause_table([row for row in rows if not row["findings"]])
    yield "</details>"


def _clause_table(rows: list[Json]) -> Iterator[str]:
    yield '<div class="wide"><table class="data"><tr><th>clause</th><th class="n">findings</th>'
    yield "<th>text</th><th>source</th></tr>"
    for row in rows:
        kind = ' class="missing"' if row["findings"] else ""
        yield f'<tr{kind}><td class="id">{text(row["id"])}</td><td class="n">{row["findings"]}</td>'
        yield f"<td>{text(row['text'])}</td><td>{text(row['source'])}</td></tr>"
    yield "</table></div>"


def _runs(document: Json) -> Iterator[str]:
    if not document["runs"]:
        return
    yield '<h2 id="runs">Runs</h2><div class="wide"><table class="data"><tr><th class="n">run</th>'
    yield "<th>date</th><th>engines</th><th>limit</th><th>took</th><th>seed</th><th>faults</th>"
    yield "<th>exit</th><th>verdict</th></tr>"
    for run in document["runs"]:
        workers = f", {run['workers']} workers" if run["workers"] > 1 else ""
        cells = [
            (f"{run['run']}{' (resumed)' if run['is_resumed'] else ''}", "n"),
            (run["date"], ""),
            (", ".join(run["engines"]) + workers, ""),
            (run["limit"], ""),
            (duration(run["ends"] - run["begins"]), ""),
            (str(run["seed"]), ""),
            (", ".join(run["faults"]), ""),
            ("no end" if run["exit"] is None else str(run["exit"]), ""),
            (run["verdict"], ""),
        ]
        yield "<tr>" + "".join(f'<td class="{kind}">{text(v)}</td>' for v, kind in cells) + "</tr>"
    yield "</table></div>"
    yield from _replayed(document["replayed"])
    yield from _events("Stages", document["stages"], "name", "state", "words")
    yield from _events(
        "What went wrong with workers", document["workers"], "what", "reason", "path"
    )


def _replayed(replayed: Json) -> Iterator[str]:
    unreadable = replayed["unreadable"]
    broken = {**replayed["broken"], **unreadable}
    if not broken and not replayed["passes"]:
        return
    words = f"{replayed['passes']:,} end as they say, {len(replayed['broken']):,} do not"
    words += f", {len(unreadable):,} cannot be read" if unreadable else ""
    yield f'<details class="fold"{" open" if broken else ""}>'
    yield f"<summary>Traces that were kept: {words}</summary><ul>"
    for name, why in broken.items():
        yield f"<li>{text(name)}: {text(why)}</li>"
    yield "</ul></details>"


def _events(heading: str, rows: list[Json], *fields: str) -> Iterator[str]:
    if not rows:
        return
    yield f'<details class="fold"><summary>{heading} ({len(rows):,})</summary><ul>'
    for row in rows:
        said = ": ".join(str(row[name]) for name in fields if row[name])
        yield f"<li>{duration(row['at'])}, run {row['run']}: {text(said)}</li>"
    yield "</ul></details>"


def _footer(document: Json) -> Iterator[str]:
    versions = ", ".join(f"{name} {value}" for name, value in document["versions"].items())
    yield f"<footer><p>{LIMITS}</p><p>Modelled: {text(document['upstream'])}."
    yield f" {text(versions)}</p></footer>"
