"""The page on the seed documents names places and tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from vmstore.clauses import CLAUSES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for section in SECTIONS
    for line in section.splitlines()
    if line.startswith("| ") and not line.startswith("| item")
]
IDS = {clause.id for clause in CLAUSES}
PLACE = re.compile(r"`([\w/]+\.py):([\w.]+)`")
TEST = re.compile(r"`(\w+/\w+\.py)::(\w+)(?:\[([^\]]+)\])?`")
CLAUSE = re.compile(r"`([A-Z]+(?:\.[A-Z]+)*\.[A-Z0-9]+[a-z]?'?|[A-Z]+\.[A-Z]+)`")


@cache
def names(path: Path) -> frozenset[str]:
    """Return what a module defines: `function`, `Class`, `Class.method`, `Class.field`, `CONST`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        found |= targets(node)
        if isinstance(node, ast.ClassDef):
            inside = [targets(part) for part in node.body]
            inside += [attributes(part) for part in ast.walk(node)]
            found |= {f"{node.name}.{name}" for name in set().union(*inside)}
    return frozenset(found)


def targets(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    assigned = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        assigned = [node.target]
    return {target.id for target in assigned if isinstance(target, ast.Name)}


def attributes(node: ast.AST) -> set[str]:
    """Return what a method assigns to `self`, several at once included."""
    assigned = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        assigned = [node.target]
    return {
        target.attr
        for target in assigned
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }


@cache
def strings(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_the_page_has_a_section_for_every_document_and_every_row_has_three_cells() -> None:
    assert len(SECTIONS) == 5
    assert all(section.count("\n| ") > 25 for section in SECTIONS)
    assert [row for row in ROWS if len(row) != 3] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_what_a_row_names_exists(row: list[str]) -> None:
    item, places, tests = row
    known = PLACE.findall(places)
    clauses = CLAUSE.findall(places)

    assert item
    for path, name in known:
        base = ROOT if path.startswith("harness/") else ROOT / "models" / "vmstore"
        assert name in names(base / path), f"{path} has no {name}"
    assert set(clauses) <= IDS
    for path, name, case in TEST.findall(tests):
        assert name.startswith("test_")
        assert name in names(ROOT / "tests" / path), f"{path} has no {name}"
        assert not case or case in strings(ROOT / "tests" / path), f"{path} has no case {case}"
    rest = CLAUSE.sub("", PLACE.sub("", places))
    assert ".py" not in rest, "a place that is not read as one"
    assert len(TEST.sub("", tests).replace(", ", "").strip()) <= 1
    assert "todo" not in rest.lower()
    if known or clauses:
        assert TEST.search(tests)
    else:
        assert tests == "–"
        assert len(rest.split()) > 5, "a reason in a phrase"


def test_an_item_is_named_once_in_its_section() -> None:
    for section in SECTIONS:
        items = re.findall(r"^\| (.+?) \| ", section, flags=re.MULTILINE)
        assert len(items) == len(set(items))


def test_a_name_that_is_not_defined_is_seen() -> None:
    found = names(ROOT / "models" / "vmstore" / "ghost" / "vm_space_owner.py")

    assert {"VmSpaceOwner", "VmSpaceOwner.active", "VmSpaceOwner.activate_reader"} <= found
    assert "VmSpaceOwner.lent" not in found  # a variable of a method
    assert "activate_reader" not in found
