"""Coverage as one page: no network, no script, everything from outside escaped, light and dark."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, Final

from vmfuzz.amounts import counted
from vmfuzz.report.coverage_document import needs_text

Json = dict[str, Any]
_TILES: Final = {
    "ops": "ops run",
    "outcomes": "op × outcome cells",
    "preconditions": "precondition truth values",
    "goals": "goals",
    "clauses": "clauses, non-vacuous",
}
_STYLE: Final = """
:root { color-scheme: light dark; --line: #d0d5dd; --soft: #f4f6f8; --dim: #5b6573;
  --good: #1a7f4b; --good-soft: #e3f4ea; --bad: #b42318; --bad-soft: #fdebe9; --text: #16202c;
  --page: #fff; }
@media (prefers-color-scheme: dark) { :root { --line: #333d49; --soft: #1b222b; --dim: #9aa6b4;
  --good: #6fd39c; --good-soft: #15301f; --bad: #ff9c91; --bad-soft: #3d1916; --text: #e4e9ef;
  --page: #11161c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--page);
  color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { margin: .3rem 0; color: var(--dim); } nav a { margin-right: 1rem; color: inherit; }
code, td.id, th.id { font-family: ui-monospace, monospace; font-size: .86em; }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; }
.tile { flex: 1 1 10rem; border: 1px solid var(--line); border-radius: .5rem; padding: .7rem; }
.tile b { font-size: 1.3rem; } .tile meter { width: 100%; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .28rem .6rem .28rem 0;
  border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.missing td { background: var(--bad-soft); } tr.elsewhere td { background: var(--soft); }
.chip { display: inline-block; border-radius: .3rem; padding: 0 .45rem;
  margin: .1rem .25rem .1rem 0; border: 1px solid transparent; font-size: .86em;
  white-space: nowrap; }
.chip.hit { background: var(--good-soft); color: var(--good); }
.chip.miss { background: var(--bad-soft); color: var(--bad); border-color: var(--bad); }
.chip.elsewhere { color: var(--dim); border: 1px dashed var(--line); }
"""


def coverage_page(document: Json) -> str:
    """Return the whole page as HTML."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>vmfuzz coverage</title><style>{_STYLE}</style></head><body>",
        *_head(document),
        *_matrix(document["cells"]),
        *_preconditions(document["preconditions"]),
        *_goals(document["goals"]),
        *_clauses(document["clauses"]),
        *(_code(document["code"]) if document["code"] is not None else ()),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _head(document: Json) -> Iterator[str]:
    yield "<h1>What these runs reached</h1>"
    ended = document["findings"]
    text = f"{counted(document['traces'], 'trace')}, {counted(document['steps'], 'step')}"
    text += " the oracle accepted"
    text += f"; {counted(ended, 'trace')} ended in a finding" if ended else ""
    yield f"<p>{text}.</p>"
    links = ["outcomes", "preconditions", "goals", "clauses"]
    links += ["code"] if document["code"] is not None else []
    yield "<nav>" + "".join(f'<a href="#{name}">{name}</a>' for name in links) + "</nav>"
    yield '<div class="tiles">'
    for part, row in document["summary"].items():
        elsewhere = row.get("elsewhere", 0)
        note = f"{elsewhere:,} need another world" if elsewhere else ""
        yield _tile(_TILES[part], f"{row['reached']:,} of {row['of']:,}",
                    row["reached"], row["of"], note)  # fmt: skip
    if document["code"] is not None:
        percent = document["code"]["percent"]
        yield _tile("lines and branches of the model", f"{percent:.1f} %", percent, 100, "")
    yield "</div>"
    if document["unlisted"]:
        found = ", ".join(f"{row['op']}: {row['outcome']}" for row in document["unlisted"])
        yield f"<p>Outcomes that the model's own list has not got: {escape(found)}</p>"


def _tile(name: str, value: str, reached: float, of: float, note: str) -> str:
    meter = f'<meter min="0" max="{of}" value="{reached}">{escape(value)}</meter>'
    return (
        f'<div class="tile"><b>{escape(value)}</b><br>{escape(name)}{meter}<p>{escape(note)}</p>'
        "</div>"
    )


def _state(row: Json, key: str = "count") -> str:
    if row[key]:
        return "hit"
    return "miss" if row.get("possible_here", True) else "elsewhere"


def _matrix(cells: list[Json]) -> Iterator[str]:
    rows: dict[str, list[Json]] = {}
    for cell in cells:
        rows.setdefault(cell["op"], []).append(cell)
    order = {op: at for at, op in enumerate(rows)}
    worst = {op: min(cell_rank(c) for c in row) for op, row in rows.items()}
    yield '<h2 id="outcomes">Ops and outcomes</h2>'
    yield (
        '<p><span class="chip miss">never reached</span>'
        '<span class="chip elsewhere">needs a world that none of these runs had</span>'
        '<span class="chip hit">reached, with its count</span></p>'
    )
    yield '<div class="wide"><table><tr><th>op</th><th>outcomes</th></tr>'
    for op in sorted(rows, key=lambda name: (worst[name], order[name])):
        chips = "".join(map(cell_chip, sorted(rows[op], key=cell_rank)))
        yield f'<tr><td class="id">{escape(op)}</td><td>{chips}</td></tr>'
    yield "</table></div>"


def cell_rank(cell: Json) -> int:
    """Return 0 for a cell that was missed, 1 for one of another world, 2 for one reached."""
    return ("miss", "elsewhere", "hit").index(_state(cell))


def cell_chip(cell: Json) -> str:
    """Return an (op, outcome) cell as a label with its count."""
    state, needs = _state(cell), needs_text(cell)
    count = f" {cell['count']:,}" if cell["count"] else ""
    title = f' title="{escape(needs)}"' if needs else ""
    return f'<span class="chip {state}"{title}>{escape(cell["outcome"])}{count}</span>'


def _table(
    anchor: str, heading: str, columns: Iterable[tuple[str, str]], rows: Iterable[str]
) -> Iterator[str]:
    yield f'<h2 id="{anchor}">{escape(heading)}</h2><div class="wide"><table><tr>'
    yield "".join(f'<th class="{kind}">{escape(name)}</th>' for name, kind in columns) + "</tr>"
    yield from rows
    yield "</table></div>"


def _row(state: str, cells: Iterable[tuple[object, str]]) -> str:
    kind = {"miss": "missing", "elsewhere": "elsewhere"}.get(state, "")
    texts = [
        (f"{value:,}" if isinstance(value, int) else str(value), style) for value, style in cells
    ]
    inner = "".join(f'<td class="{style}">{escape(text)}</td>' for text, style in texts)
    return f'<tr class="{kind}">{inner}</tr>'


def _preconditions(rows: list[Json]) -> Iterator[str]:
    def line(row: Json) -> str:
        truth = "not: " + "; ".join(row["false"]) if row["false"] else "all hold"
        seen = ", ".join(f"{word} {count:,}" for word, count in row["outcomes"].items())
        return _row(_state(row), [(row["op"], "id"), (truth, ""), (row["count"], "n"), (seen, "")])

    columns = [("op", "id"), ("conjuncts", ""), ("steps", "n"), ("outcomes", "")]
    ordered = sorted(rows, key=lambda row: row["count"] > 0)
    yield from _table(
        "preconditions", "Preconditions of the contracts", columns, map(line, ordered)
    )


def _goals(goals: list[Json]) -> Iterator[str]:
    def line(goal: Json) -> str:
        needs = needs_text(goal)
        text = f"{goal['text']} ({needs})" if needs else goal["text"]
        return _row(
            _state(goal),
            [(goal["id"], "id"), (goal["area"], ""), (goal["count"], "n"), (text, "")],
        )

    columns = [("goal", "id"), ("area", ""), ("times", "n"), ("situation", "")]
    yield from _table(
        "goals", "Reachability goals", columns, map(line, sorted(goals, key=cell_rank))
    )


def _clauses(clauses: list[Json]) -> Iterator[str]:
    def line(clause: Json) -> str:
        return _row(
            _state(clause, "nonvacuous"),
            [
                (clause["id"], "id"),
                (clause["evaluated"], "n"),
                (clause["nonvacuous"], "n"),
                (clause["text"], ""),
            ],
        )

    columns = [("clause", "id"), ("evaluated", "n"), ("non-vacuous", "n"), ("text", "")]
    ordered = sorted(clauses, key=lambda row: row["nonvacuous"] > 0)
    yield from _table("clauses", "Clauses", columns, map(line, ordered))


def _code(code: Json) -> Iterator[str]:
    def line(row: Json) -> str:
        lines, branches = row["lines"] - row["lines_run"], row["branches"] - row["branches_run"]
        percent = f"{row['percent']:.1f}"
        return _row(
            "hit" if row["lines_run"] else "miss",
            [(row["module"], "id"), (percent, "n"), (lines, "n"), (branches, "n")],
        )

    columns = [("module", "id"), ("percent", "n"), ("missing lines", "n"), ("branches", "n")]
    ordered = sorted(code["modules"], key=lambda row: (row["percent"], row["module"]))
    yield from _table("code", "Code of the model", columns, map(line, ordered))
