"""Every mutant of the exec layer, under an id that stays as long as its line does."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import vmstore
from vmfuzz.errors import VmfuzzError, closest
from vmfuzz.mutants.operators import OPERATORS, Source
from vmfuzz.mutants.planted import unreachable

MODELS: Final = Path(vmstore.__file__).parent
_LAYER: Final = "exec"
_NAMES_OF_CODE: Final = {"__slots__", "__all__"}  # no behaviour: a wrong one cannot be loaded


@dataclass(frozen=True, slots=True)
class Context:
    """What identifies a mutant when lines move: where it is, what it changes, how, and which one.

    Shape: `code` is the mutated node, normalized, `change` the operator with the number of its
    edit on that node, `ordinal` counts equal ones within the function from 0.
    """

    module: str
    function: str
    code: str
    change: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module. Shape: `id` is `exec/frame.py:41:compare:0`.

    `[start, end)` of the source, in characters, becomes `text`.
    """

    id: str
    module: str
    operator: str
    context: Context
    start: int
    end: int
    text: str

    @property
    def import_name(self) -> str:
        """The name under which the module is imported."""
        return f"vmstore.{self.module.removesuffix('.py').replace('/', '.')}"

    def source(self) -> str:
        """Return the text of the mutated module."""
        text = module_text(self.module)
        return text[: self.start] + self.text + text[self.end :]

    def diff(self) -> str:
        """Return the change as a unified diff, with a line of context on each side."""
        before, after = module_text(self.module), self.source()
        lines = unified_diff(
            before.splitlines(), after.splitlines(), self.module, self.module, lineterm="", n=1
        )
        return "\n".join(lines)


def modules() -> list[str]:
    """Return the modules of the exec layer, as `exec/frame.py`."""
    names = (path.name for path in (MODELS / _LAYER).glob("*.py"))
    return sorted(f"{_LAYER}/{name}" for name in names)


@cache
def module_text(module: str) -> str:
    """Return the source of a module of the exec layer."""
    return (MODELS / module).read_text(encoding="utf-8")


@cache
def mutants_of(module: str) -> tuple[Mutant, ...]:
    """Return every mutant of a module, in source order."""
    source = Source(module_text(module))
    numbers: Counter[str] = Counter()
    equal: Counter[tuple[str, str, str]] = Counter()
    found = []
    skipped = unreachable(source.tree, _used_outside(module))
    for function, node in _nodes(source.tree, "", ""):
        if node in skipped:
            continue
        for operator, edits in OPERATORS.items():
            code = _normalized(node) if isinstance(node, ast.expr | ast.stmt) else ""
            for choice, (start, end, text) in enumerate(edits(source, node)):
                line = source.text.count("\n", 0, start) + 1
                prefix = f"{module}:{line}:{operator}"
                change = f"{operator}.{choice}"
                context = Context(module, function, code, change, equal[function, code, change])
                equal[function, code, change] += 1
                id = f"{prefix}:{numbers[prefix]}"
                numbers[prefix] += 1
                found.append(Mutant(id, module, operator, context, start, end, text))
    return tuple(found)


def _used_outside(module: str) -> set[str]:
    """Return every name that the model's other modules use: some may be of this one."""
    others = (path for path in sorted(MODELS.rglob("*.py")) if path != MODELS / module)
    return {name for path in others for name in _names(path)}


@cache
def _names(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.name for alias in node.names)
    return frozenset(found)


def _normalized(node: ast.AST) -> str:
    """Return a node's code on one line, of a compound statement its head alone."""
    return ast.unparse(node).partition("\n")[0]


def _nodes(node: ast.AST, function: str, returns: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the nodes that run, in source order, each with the function it is in.

    Annotations, docstrings, decorators, slots and assertions, which only narrow types, do not.
    """
    for child in _running(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            name = f"{function}.{child.name}".lstrip(".")
            given = getattr(child, "returns", None)
            yield from _nodes(child, name, ast.unparse(given) if given else "")
            continue
        if isinstance(child, ast.Return):
            child.returns = returns  # type: ignore[attr-defined]  # for `return_value`
        yield function, child
        yield from _nodes(child, function, returns)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children of a node that are evaluated when it runs."""
    if isinstance(node, ast.FunctionDef):
        yield from (default for default in node.args.kw_defaults if default is not None)
        yield from (*node.args.defaults, *node.body)
    elif isinstance(node, ast.ClassDef):
        yield from node.body
    elif isinstance(node, ast.AnnAssign):
        yield from [node.value] if node.value is not None else []
    elif not _is_silent(node):
        yield from ast.iter_child_nodes(node)


def _is_silent(node: ast.AST) -> bool:
    """Return whether nothing in a statement or formatted string is worth a mutant."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id in _NAMES_OF_CODE for t in node.targets)
    return isinstance(node, ast.Assert | ast.Import | ast.ImportFrom | ast.JoinedStr)


def select(pattern: str) -> list[Mutant]:
    """Return the mutants of the modules that match, in order. Errors: VmfuzzError if none does."""
    known = modules()
    chosen = [
        name for name in known if fnmatchcase(name, pattern) or fnmatchcase(name[5:-3], pattern)
    ]
    if not chosen:
        short = [name[5:-3] for name in known]
        raise VmfuzzError(f"no module matches {pattern[:60]!r}{closest(pattern, short)}")
    return [mutant for name in chosen for mutant in mutants_of(name)]


def sample(mutants: list[Mutant], amount: int, seed: int) -> list[Mutant]:
    """Return so many of them, drawn evenly and without repetition, in their order."""
    if amount >= len(mutants):
        return mutants
    drawn = sorted(Random(seed).sample(range(len(mutants)), amount))
    return [mutants[at] for at in drawn]


def find(id: str) -> Mutant:
    """Return the mutant of an id. Errors: VmfuzzError for one that is not in the catalogue."""
    module = id.partition(":")[0]
    if module not in modules():
        raise VmfuzzError(f"no mutant {id[:80]!r}: no module{closest(module, modules())}")
    for mutant in mutants_of(module):
        if mutant.id == id:
            return mutant
    known = [mutant.id for mutant in mutants_of(module)]
    raise VmfuzzError(f"no mutant {id[:80]!r}{closest(id, known)}")
