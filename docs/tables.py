"""Write the tables of the reference pages anew, from the code: `python docs/tables.py`.

What stands around a table is written by hand. A page whose tables are up to date is left alone.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vmfuzz.audit.page import page
from vmfuzz.audit.run import recorded_rows
from vmstore.clauses import CLAUSES
from vmstore.clauses.registry import Clause
from vmstore.contracts import catalogue as contracts
from vmstore.contracts.registry import ContractClause
from vmstore.faults import CATALOGUE, PLANTED, Fault
from vmstore.ops import DECLARATIONS, Declaration
from vmstore.preconditions import OP_PRE
from vmstore.step import EXEC
from vmstore.variants import PROFILES, VARIANTS, Variant

DOCS: Final = Path(__file__).parent
_SECTIONS: Final = {
    "frame": "Metadata slots and frames",
    "segment": "Segments",
    "unique": "Exclusive frames",
    "list": "Frame lists",
    "page_table": "Page tables",
    "cursor": "Cursors",
    "vmspace": "Address spaces",
    "tlb": "TLB",
    "io": "Readers and writers",
    "concurrency": "Concurrency",
}


def pages() -> dict[str, str]:
    """Return each reference page as it should be, by its name."""
    faults = _text("faults.md")
    for component, heading in _SECTIONS.items():
        rows = [_fault_row(fault) for fault in CATALOGUE if fault.component == component]
        faults = _with_rows(faults, f"## {heading}\n", rows)
    return {
        "clauses.md": _with_rows(_text("clauses.md"), "# Clauses\n", map(_clause_row, CLAUSES)),
        "ops.md": _with_rows(_text("ops.md"), "# Ops\n", map(_op_row, DECLARATIONS.values())),
        "variants.md": _with_rows(
            _text("variants.md"), "# Profiles and variants\n", map(_variant_row, VARIANTS)
        ),
        "faults.md": faults,
        "contracts.md": _with_rows(
            _text("contracts.md"), "# Contracts\n", map(_contract_row, contracts.CLAUSES)
        ),
    }


def audit_page() -> str:
    """Return the page on the audit as it should be. Cost: some seconds, for the searches."""
    return page(recorded_rows())


def _text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _with_rows(text: str, heading: str, rows: Iterable[str]) -> str:
    """Return the page with other rows in the first table below a heading."""
    start = text.index("|---", text.index(heading))
    start = text.index("\n", start) + 1
    end = start
    while text.startswith("|", end):
        end = text.index("\n", end) + 1
    return text[:start] + "".join(row + "\n" for row in rows) + text[end:]


def _clause_row(clause: Clause) -> str:
    statuses = [clause.status(profile) for profile in PROFILES]
    status = statuses[0] if len(set(statuses)) == 1 else " / ".join(statuses)
    reason = clause.reason or ", ".join(sorted(set(clause.known.values())))
    return _row(f"`{clause.id}`", status, clause.text, clause.source, reason)


def _contract_row(clause: ContractClause) -> str:
    known = sorted({f"{ax} ({profile})" for profile, ax in clause.known.items()})
    if len(known) == len(PROFILES) and len(set(clause.known.values())) == 1:
        known = sorted(set(clause.known.values()))
    ops = ", ".join(f"`{op}`" for op in clause.ops)
    text = clause.text.replace("|", "\\|")
    return _row(f"`{clause.id}`", clause.op, ops, text, clause.source, ", ".join(known))


def _op_row(op: Declaration) -> str:
    made = ", ".join(f.kind.name for f in op.destinations if f.kind)
    taken = ", ".join(
        f"{f.name} (ends)" if f.is_consumed else f.name for f in op.fields if not f.is_destination
    )
    precondition = OP_PRE.get(op.op)
    return _row(
        f"`{op.name}`",
        made,
        taken,
        precondition.text if precondition else "",
        _comes_to(op),
        f"`{op.source}`" if op.source not in {"", "none"} else "",
        op.vmstore_op,
    )


def _comes_to(op: Declaration) -> str:
    """Return what an op may come to but success, in the order of its checks."""
    doc = " ".join((EXEC[op.op].__doc__ or "").split())
    found = re.search(r"Errors(?:, in order)?: (.*?)(?= Source:| Requires:| Effect:|$)", doc)
    return found[1].rstrip(".") if found else "always ok"


def _fault_row(fault: Fault) -> str:
    return _row(
        f"`{fault.id}`",
        fault.text,
        f"{fault.origin}: {fault.upstream}",
        "" if fault.schedule == "sequential" else fault.schedule,
        "yes" if fault in PLANTED else fault.reason or "not yet",
        f"`{fault.clause}`" if fault.clause else "",
    )


def _variant_row(variant: Variant) -> str:
    values = (variant.ostd, variant.vostd, variant.seed)
    return _row(f"`{variant.name}`", *values, variant.text, variant.source)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    for name, text in {**pages(), "audit.md": audit_page()}.items():
        if not (DOCS / name).exists() or text != _text(name):
            (DOCS / name).write_text(text, encoding="utf-8")
            sys.stdout.write(f"docs/{name}: written\n")
