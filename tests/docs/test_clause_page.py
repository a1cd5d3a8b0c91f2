"""The tables of the pages on clauses are those of the code."""

import importlib
import re
from inspect import signature
from operator import attrgetter

from pages import DOCS
from vmstore.clauses import CLAUSES, Clause
from vmstore.clauses.registry import SCOPES
from vmstore.step import State
from vmstore.world import World

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
        where = f"the row of {module} in docs/tutorials/add-a-clause.md"

        assert names(scopes) == sorted({c.scope for c in found}, key=SCOPES.index), where
        assert names(prefixes) == list(dict.fromkeys(c.id.split(".")[0] for c in found)), where
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


def test_a_fault_of_ones_own_is_told_every_method_that_writes() -> None:
    text = (DOCS / "how-to" / "write-your-own-clause.md").read_text(encoding="utf-8")
    machine = State(World(frames=8)).machine
    writers: set[str] = set()
    for row in re.findall(r"^\| (`machine\.(?:cells|nodes|tlbs|io).+) \|$", text, re.M):
        where, _, methods = row.partition(" | ")
        memory = machine.io.memory if "machine.io" in where else attrgetter(path(where))(machine)
        for name, parameters in re.findall(r"`(\w+)\((.*?)\)`", methods):
            assert list(signature(getattr(memory, name)).parameters) == parameters.split(", "), name
            writers.add(name)

    reading = {"slot", "node", "kernel_run", "lookup"}
    known = (machine.cells, machine.nodes, machine.tlbs)
    functions = {name for kind in known for name in vars(type(kind)) if is_method(kind, name)}
    assert writers - {"write"} == functions - reading


def path(cell: str) -> str:
    """Return the attribute of the machine that a cell names."""
    return cell.split("`")[1].removeprefix("machine.")


def is_method(memory: object, name: str) -> bool:
    return not name.startswith("_") and callable(getattr(memory, name))
