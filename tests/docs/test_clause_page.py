"""The tables of the tutorial on clauses are those of the code."""

import importlib
import re

from pages import DOCS
from vmstore.clauses import CLAUSES, Clause
from vmstore.clauses.registry import SCOPES

TEXT = (DOCS / "tutorials" / "add-a-clause.md").read_text(encoding="utf-8")


def rows(head: str) -> list[list[str]]:
    """Return the cells of the table whose first column has this head."""
    _, found, rest = TEXT.partition(f"| {head} |")
    assert found, f"no table of '{head}'"
    lines = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names(cell: str) -> list[str]:
    return cell.split(", ")


def test_each_module_has_these_clauses() -> None:
    listed: list[Clause] = []
    for module, scopes, prefixes in rows("module in `vmstore/clauses`"):
        found = importlib.import_module(f"vmstore.clauses.{module.strip('`')}").CLAUSES
        listed += found

        assert names(scopes) == sorted({c.scope for c in found}, key=SCOPES.index), module
        assert names(prefixes) == list(dict.fromkeys(c.id.split(".")[0] for c in found)), module
    assert tuple(listed) == CLAUSES


def test_each_scope_is_decided_by_functions_that_exist() -> None:
    decided = rows("scope")

    assert sorted(scope for row in decided for scope in names(row[0])) == sorted(SCOPES)
    for scopes, everything, step in decided:
        text = f"{everything} {step}"
        modules = re.findall(r"`(\w+)\.py`", text)
        found = [importlib.import_module(f"vmstore.clauses.{module}") for module in modules]
        functions = re.findall(r"`(\w+)`", text.replace("`address_spaces`", ""))

        assert functions, scopes
        for function in functions:
            assert any(hasattr(module, function) for module in found), f"{scopes}: {function}"
