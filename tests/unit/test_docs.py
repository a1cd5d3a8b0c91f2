"""The reference pages list what the code has."""

from pathlib import Path

import pytest

from vmstore.clauses import CLAUSES
from vmstore.clauses.registry import Clause
from vmstore.faults import CATALOGUE, PLANTED, Fault
from vmstore.ops import DECLARATIONS
from vmstore.variants import PROFILES, VARIANTS

DOCS = Path(__file__).parents[2] / "docs"


def clause_row(clause: Clause) -> str:
    statuses = [clause.status(profile) for profile in PROFILES]
    status = statuses[0] if len(set(statuses)) == 1 else " / ".join(statuses)
    reason = clause.reason or ", ".join(sorted(set(clause.known.values())))
    return f"| `{clause.id}` | {status} | {clause.text} | {clause.source} | {reason} |"


def op_row(name: str) -> str:
    d = next(d for d in DECLARATIONS.values() if d.name == name)
    made = ", ".join(f.kind.name for f in d.destinations if f.kind)
    taken = ", ".join(f"{f.name} (ends)" if f.is_consumed else f.name for f in d.fields
                      if not f.is_destination)  # fmt: skip
    return f"| `{d.name}` | {made} | {taken} | `{d.source}` | {d.vmstore_op} |"


def fault_row(fault: Fault) -> str:
    state = "yes" if fault in PLANTED else fault.reason or "not yet"
    clause = f"`{fault.clause}`" if fault.clause else ""
    schedule = "" if fault.schedule == "sequential" else fault.schedule
    source = f"{fault.origin}: {fault.upstream}"
    return f"| `{fault.id}` | {fault.text} | {source} | {schedule} | {state} | {clause} |"


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.id)
def test_the_clause_page_has_the_clause_as_it_is(clause: Clause) -> None:
    assert clause_row(clause) in (DOCS / "clauses.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [d.name for d in DECLARATIONS.values()])
def test_the_op_page_has_the_op_as_it_is(name: str) -> None:
    assert op_row(name) in (DOCS / "ops.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: fault.id)
def test_the_fault_page_has_the_bug_as_it_is(fault: Fault) -> None:
    assert fault_row(fault) in (DOCS / "faults.md").read_text(encoding="utf-8")


def test_the_variant_page_has_every_variant() -> None:
    page = (DOCS / "variants.md").read_text(encoding="utf-8")

    for variant in VARIANTS:
        row = f"| `{variant.name}` | {variant.ostd} | {variant.vostd} | {variant.seed} |"
        assert row in page


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_counts_in_prose_are_those_of_the_code(page: str) -> None:
    text = (DOCS.parent / page).read_text(encoding="utf-8")

    assert f"{len(CLAUSES)} named clauses" in text
    if page == "CHANGELOG.md":
        assert f"{len(PLANTED)} switchable" in text
