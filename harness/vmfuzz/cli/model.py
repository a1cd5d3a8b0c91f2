"""`vmfuzz model`: what the model consists of."""

import rich_click as click
from rich.text import Text

from vmfuzz.clause_evidence import evidence
from vmfuzz.cli.extension_evidence import seen_to_fail
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.output import print_json, result_console
from vmstore.clauses import CLAUSES
from vmstore.clauses.own import OWN_CLAUSES
from vmstore.faults import CATALOGUE, PLANTED, Fault
from vmstore.faults.own import OWN_FAULTS, OwnFault
from vmstore.ops import DECLARATIONS
from vmstore.quirks import QUIRKS
from vmstore.variants import PROFILES, VARIANTS

Rows = list[dict[str, object]]

_json = click.option("--json", "as_json", is_flag=True, help="Write the list as JSON.")
_JSON_EVIDENCE_STEPS = 20_000
COMPONENTS = (*dict.fromkeys(fault.component for fault in CATALOGUE), "extension")


@click.group("model")
def command() -> None:
    """Show the ops, clauses, variants, quirks and faults."""


@command.command()
@_json
def ops(as_json: bool) -> int:
    """List the ops: arguments, upstream function, VmStore operation.

    \b
    Examples:
    vmfuzz model ops --json
    """
    rows: Rows = [
        {
            "op": d.name,
            "area": d.area,
            "produces": [f.kind.name for f in d.destinations if f.kind],
            "arguments": [f.name for f in d.fields if not f.is_destination],
            "consumes": [f.name for f in d.handles if f.is_consumed],
            "source": d.source,
            "vmstore": d.vmstore_op,
        }
        for d in DECLARATIONS.values()
    ]
    _print("ops", rows, ("op", "produces", "arguments", "consumes", "source", "vmstore"), as_json)
    return 0


@command.command()
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="ostd",
    show_default=True,
    help="Whose formulas to show the status of.",
)
@_json
def clauses(profile: str, as_json: bool) -> int:
    """List the clauses: status, whether each was seen to fail when broken, how often it applied.

    The last two are measured now: every clause is broken on purpose once, and a short campaign
    counts the looks at which it applied and held. One that no clean state makes apply is looked
    for in campaigns with planted bugs, and so is one of an extension with the faults that name it.

    \b
    Examples:
    vmfuzz model clauses --profile vostd
    """
    seen = evidence(profile, _JSON_EVIDENCE_STEPS)
    fails = seen.fails | seen_to_fail(profile)
    rows: Rows = [
        {
            "id": c.id,
            "text": c.text,
            "source": c.source,
            "group": c.group,
            "scope": c.scope,
            "status": c.status(profile),
            "reason": c.known.get(profile) or c.reason,
            "seen_to_fail": fails[c.id],
            "nonvacuous": seen.nonvacuous.get(c.id, 0),
            "nonvacuous_under": seen.under.get(c.id, ""),
        }
        for c in (*CLAUSES, *OWN_CLAUSES)
    ]
    columns = ("id", "status", "seen_to_fail", "nonvacuous", "text")
    _print("clauses", rows, columns, as_json)
    return 0


@command.command()
@_json
def variants(as_json: bool) -> int:
    """List where the described systems differ, with the value of each profile.

    A world line or --world takes variant.NAME=VALUE.

    \b
    Examples:
    vmfuzz model variants
    """
    rows: Rows = [
        {
            "name": v.name,
            "values": list(v.values),
            "ostd": v.ostd,
            "vostd": v.vostd,
            "seed": v.seed,
            "text": v.text,
            "source": v.source,
        }
        for v in VARIANTS
    ]
    _print("variants", rows, ("name", "ostd", "vostd", "seed", "text", "source"), as_json)
    return 0


@command.command()
@_json
def quirks(as_json: bool) -> int:
    """List upstream's own live bugs that the model reproduces.

    \b
    Examples:
    vmfuzz model quirks
    """
    rows: Rows = [{"id": q.id, "text": q.text, "source": q.source} for q in QUIRKS]
    _print("quirks", rows, ("id", "text", "source"), as_json)
    return 0


@command.command()
@click.option("--component", type=click.Choice(COMPONENTS), help="List only this component's.")
@_json
def faults(component: str | None, as_json: bool) -> int:
    """List the known bugs: whether the model plants them, and the clause that names each.

    --fault takes the planted ones. The others are out of scope, for the reason given, or wait for
    the part of the model that has them.

    \b
    Examples:
    vmfuzz model faults --component segment
    """
    rows: Rows = [
        {
            "id": f.id,
            "component": f.component,
            "upstream": f.upstream,
            "origin": f.origin,
            "schedule": f.schedule,
            "status": f.status,
            "reason": f.reason,
            "clause": f.clause,
            "planted": f in PLANTED or f.id in OWN_FAULTS,
            "text": f.text,
        }
        for f in (*CATALOGUE, *map(_own_fault, OWN_FAULTS.values()))
        if component in {None, f.component}
    ]
    columns = ("id", "status", "planted", "clause", "text")
    _print("faults", rows, columns, as_json)
    return 0


def _own_fault(fault: OwnFault) -> Fault:
    return Fault(fault.id, "extension", "extension", fault.source, fault.text, fault.clause)


def _print(name: str, rows: Rows, columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print_json({name: rows})
        return
    table = PlainTable(*columns)
    for row in rows:
        table.add_row(*[_cell(row[column]) for column in columns])
    result_console().print(table)


def _cell(value: object) -> Text:
    """Return a table cell that Rich takes literally: clause texts contain brackets."""
    if isinstance(value, bool):
        return Text("yes" if value else "NO")
    if isinstance(value, list):
        return Text(", ".join(map(str, value)))
    return Text(f"{value:,}" if isinstance(value, int) else str(value))
