"""The page on what an audit confirmed, for whoever maintains the contracts."""

from collections.abc import Iterable

from vmfuzz.audit.recorded import file_name
from vmfuzz.audit.report import Row, confirmed, unconfirmed
from vmfuzz.trace_text import format_step
from vmstore.contracts.suspects import SUSPECT_BY_ID

_HEAD = """\
# What the audit confirms

The proof of the store rests on contracts that are trusted, not proved. Here is every suspect among
them that vmfuzz confirms: what the contract says, what the code does instead, and the shortest
trace, state or value that shows it. `vmfuzz audit` finds all of it again; `vmfuzz audit TRACE` says
which clauses each step of a trace breaks; [contracts.md](contracts.md) has every clause. In a trace
`ostd` is upstream's behaviour, `vostd` the verified twin's. This page is written by
`python docs/tables.py` from the recorded traces.
"""


def page(rows: Iterable[Row]) -> str:
    """Return the page in Markdown."""
    rows = list(rows)
    known, open_ = confirmed(rows), unconfirmed(rows)
    parts = [_HEAD, _overview(known)]
    parts += [_section(ax, of) for ax, of in known.items()]
    parts.append("## Not confirmed\n\n| suspect | contract | reason |\n|---|---|---|")
    lines = [f"| {ax} | {SUSPECT_BY_ID[ax].contract} | {why} |" for ax, why in open_.items()]
    return "\n".join([*parts, *lines]) + "\n"


def _overview(known: dict[str, list[Row]]) -> str:
    lines = [
        f"{len(known)} suspects are confirmed.\n",
        "| suspect | contract | shown by |",
        "|---|---|---|",
    ]
    for ax, of in known.items():
        link = f"[{ax}](#{ax.lower()})"
        lines.append(f"| {link} | {_contract(ax, of)} | {_how(_shortest(of))} |")
    return "\n".join(lines) + "\n"


def _how(row: Row) -> str:
    if row.evidence is not None:
        amount = len(row.evidence.trace.steps)
        return f"a trace of {amount} {'op' if amount == 1 else 'ops'}"
    if row.status == "unsatisfiable":
        return "a state without a successor"
    return "values"


def _shortest(rows: list[Row]) -> Row:
    """Return the row that shows most with least: a trace before a state, the shorter first."""
    return min(rows, key=lambda row: len(row.evidence.trace.steps) if row.evidence else 1000)


def _contract(ax: str, rows: list[Row]) -> str:
    """Return the contract's name; a gap that is no suspect of the store has its clause's."""
    return SUSPECT_BY_ID[ax].contract if ax in SUSPECT_BY_ID else rows[0].source


def _section(ax: str, rows: list[Row]) -> str:
    suspect = SUSPECT_BY_ID.get(ax)
    said = f"`{_contract(ax, rows)}` says: "
    said += f"{suspect.says}. The code: {suspect.does}." if suspect else f"{rows[0].text}."
    lines = [
        f"## {ax}\n",
        f"{said}\n",
        "| clause | profile | status | what it says |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{r.id}` | {r.profile or '-'} | {r.status} | {r.text} |" for r in rows]
    shown = _shortest(rows)
    lines.append("")
    if shown.evidence is None:
        lines += [f"Shown by {shown.witness}.", ""]
        return "\n".join(lines)
    trace = shown.evidence.trace
    name = file_name(ax, shown.id, shown.profile or "")
    settings = " ".join(f"{key}={value}" for key, value in trace.world.settings().items())
    lines += [
        f"`{name}`, in {f'the world `{settings}`' if settings else 'the default world'}:\n",
        "```",
        *(format_step(step) for step in trace.steps),
        "```",
        "",
        f"The last step breaks `{shown.id}`: {shown.witness}.",
        "",
    ]
    return "\n".join(lines)
