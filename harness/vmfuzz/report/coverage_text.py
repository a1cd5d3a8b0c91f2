"""Coverage as plain text: what was not reached first, the totals last."""

from collections.abc import Iterator
from typing import Any, Final

from vmfuzz.amounts import counted
from vmfuzz.report.coverage_document import needs_text

Json = dict[str, Any]
_NAMES: Final = {
    "ops": "ops",
    "outcomes": "(op, outcome) cells",
    "preconditions": "truth values of preconditions",
    "goals": "goals",
    "clauses": "clauses, non-vacuously",
}
_INDENT: Final = "  "


def coverage_lines(document: Json, *, gaps_only: bool = False) -> Iterator[str]:
    """Yield the report: matrix, preconditions, goals, clauses, code, totals.

    `gaps_only` leaves out what was reached.
    """
    yield from _matrix(document["cells"], gaps_only=gaps_only)
    yield from _preconditions(document["preconditions"], gaps_only=gaps_only)
    yield from _goals(document["goals"], gaps_only=gaps_only)
    yield from _clauses(document["clauses"], gaps_only=gaps_only)
    if document["code"] is not None:
        yield from _code(document["code"], gaps_only=gaps_only)
    if document["unlisted"]:
        yield "Outcomes that the model's own list has not got: a defect of that list"
        for row in document["unlisted"]:
            yield f"{_INDENT}{row['op']}: {row['outcome']} ({row['count']:,})"
        yield ""
    yield from totals(document)


def totals(document: Json) -> Iterator[str]:
    """Yield one line per part: how much of it was reached."""
    runs = f"{counted(document['traces'], 'trace')}, {counted(document['steps'], 'step')}"
    ended = document["findings"]
    yield runs + (f"; {ended:,} ended in a finding, which is not counted" if ended else "")
    for part, row in document["summary"].items():
        line = f"{row['reached']:>5,} of {row['of']:,} {_NAMES[part]}"
        if row.get("elsewhere"):
            line += f"; {row['elsewhere']:,} of the others need another world"
        yield line
    if document["code"] is not None:
        yield f"{document['code']['percent']:5.1f} % of the model's lines and branches"


def _matrix(cells: list[Json], *, gaps_only: bool) -> Iterator[str]:
    """Yield the ops with empty cells, then the others."""
    rows: dict[str, list[Json]] = {}
    for cell in cells:
        rows.setdefault(cell["op"], []).append(cell)
    width = max(map(len, rows))
    empty = {op: [c for c in row if not c["count"]] for op, row in rows.items()}
    yield "Outcomes never reached"
    for op, missing in empty.items():
        if missing:
            yield f"{_INDENT}{op:{width}}  {', '.join(map(_missing_cell, missing))}"
    if not any(empty.values()):
        yield f"{_INDENT}none"
    yield ""
    if gaps_only:
        return
    yield "Outcomes reached"
    for op in sorted(rows, key=lambda name: (not empty[name], list(rows).index(name))):
        seen = [f"{c['outcome']} {c['count']:,}" for c in rows[op] if c["count"]]
        if seen:
            yield f"{_INDENT}{op:{width}}  {', '.join(seen)}"
    yield ""


def _missing_cell(cell: Json) -> str:
    needs = needs_text(cell)
    return f"{cell['outcome']} ({needs})" if needs else str(cell["outcome"])


def _preconditions(rows: list[Json], *, gaps_only: bool) -> Iterator[str]:
    yield "Preconditions: which conjuncts held when an op ran"
    width = max(len(row["op"]) for row in rows)
    for row in sorted(rows, key=lambda row: row["count"] > 0):
        if gaps_only and row["count"]:
            continue
        truth = "not: " + "; ".join(row["false"]) if row["false"] else "all hold"
        seen = ", ".join(f"{word} {count:,}" for word, count in row["outcomes"].items())
        yield f"{_INDENT}{row['op']:{width}}  {truth}: {seen or 'never'}"
    yield ""


def _goals(goals: list[Json], *, gaps_only: bool) -> Iterator[str]:
    width = max(len(goal["id"]) for goal in goals)
    missing = [goal for goal in goals if not goal["count"]]
    yield "Goals never reached"
    for goal in missing:
        needs = needs_text(goal)
        line = f"{_INDENT}{goal['id']:{width}}  {goal['text']}"
        yield f"{line} ({needs})" if needs else line
    if not missing:
        yield f"{_INDENT}none"
    yield ""
    if gaps_only:
        return
    yield "Goals reached"
    for goal in goals:
        if goal["count"]:
            yield f"{_INDENT}{goal['id']:{width}}  {goal['count']:>9,}  {goal['text']}"
    yield ""


def _clauses(clauses: list[Json], *, gaps_only: bool) -> Iterator[str]:
    yield "Clauses: evaluated, and at how many of these subjects they had something to say"
    width = max(len(clause["id"]) for clause in clauses)
    for clause in sorted(clauses, key=lambda row: row["nonvacuous"] > 0):
        if gaps_only and clause["nonvacuous"]:
            continue
        counts = f"{clause['evaluated']:>11,} {clause['nonvacuous']:>11,}"
        yield f"{_INDENT}{clause['id']:{width}} {counts}  {clause['text']}"
    yield ""


def _code(code: Json, *, gaps_only: bool) -> Iterator[str]:
    yield "Code of the model: percent of lines and branches, missing lines, missing branches"
    for row in sorted(code["modules"], key=lambda row: (row["percent"], row["module"])):
        if gaps_only and row["percent"] == 100:
            continue
        lines = row["lines"] - row["lines_run"]
        branches = row["branches"] - row["branches_run"]
        yield f"{_INDENT}{row['module']:40} {row['percent']:5.1f} % {lines:>5} {branches:>5}"
    yield ""
