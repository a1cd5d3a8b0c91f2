"""Which code runs only while a bug is planted: mutating that would change nothing on a clean model.

A flag is any attribute of an object named `faults`, or a name that was bound to one. With every
flag false, tests are decided as far as that goes, and what they never reach is left out.
"""

import ast
from collections.abc import Iterable, Iterator

Function = ast.FunctionDef


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield every function of a module with its qualified name, in source order."""
    yield from _functions(tree.body, "")


def _functions(body: Iterable[ast.stmt], prefix: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield f"{prefix}{node.name}", node
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


def unreachable(tree: ast.Module) -> set[ast.AST]:
    """Return the nodes of a module that only a planted bug gives a meaning.

    These are what no clean run evaluates, the tests of flags themselves, and private functions that
    nothing else refers to.
    """
    dead: set[ast.AST] = set()
    for _, function in functions(tree):
        _Flags(function).mark(function.body, dead)
    by_name = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    orphans = set(by_name)
    while orphans:
        named = {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in dead
        }
        found = {
            name
            for name in orphans
            if name.startswith("_") and name not in named and by_name[name] not in dead
        }
        if not found:
            break
        for name in found:
            dead.update(ast.walk(by_name[name]))
    return dead


class _Flags:
    """The flags of one function: `truth` decides a test, `mark` follows the decisions."""

    def __init__(self, function: Function) -> None:
        self.objects, self.names = {"faults"}, set[str]()
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                for target, value in _pairs(node.targets[0], node.value):
                    if isinstance(value, ast.Attribute) and value.attr == "faults":
                        self.objects.add(target)
                    elif self.truth(value) is False:
                        self.names.add(target)

    def truth(self, node: ast.expr) -> bool | None:
        """Return what a test is worth while nothing is planted, None if that does not decide it."""
        if isinstance(node, ast.Attribute):
            owner = node.value
            is_flag = (isinstance(owner, ast.Attribute) and owner.attr == "faults") or (
                isinstance(owner, ast.Name) and owner.id in self.objects
            )
            return False if is_flag else None
        if isinstance(node, ast.Name):
            return False if node.id in self.names else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found = self.truth(node.operand)
            return None if found is None else not found
        if isinstance(node, ast.BoolOp):
            deciding = isinstance(node.op, ast.Or)
            found_all = [self.truth(value) for value in node.values]
            if deciding in found_all:
                return deciding
            return None if None in found_all else not deciding
        if isinstance(node, ast.IfExp):
            test = self.truth(node.test)
            return None if test is None else self.truth(node.body if test else node.orelse)
        return None

    def mark(self, body: Iterable[ast.AST], dead: set[ast.AST]) -> None:
        """Add to `dead` what the decided tests below `body` never reach, and these tests."""
        for node in body:
            if isinstance(node, ast.expr) and self.truth(node) is not None:
                dead.update(ast.walk(node))
            elif isinstance(node, ast.If | ast.IfExp) and self.truth(node.test) is not None:
                self._mark_branch(node, dead)
            elif isinstance(node, ast.Assign) and self._binds_a_flag(node):
                dead.update(ast.walk(node))
            else:
                self.mark(ast.iter_child_nodes(node), dead)

    def _mark_branch(self, node: ast.If | ast.IfExp, dead: set[ast.AST]) -> None:
        dead.update(ast.walk(node.test))
        dead.add(node)
        taken, skipped = (node.body, node.orelse) if self.truth(node.test) else (
            node.orelse,
            node.body,
        )  # fmt: skip
        for child in _listed(skipped):
            dead.update(ast.walk(child))
        self.mark(_listed(taken), dead)

    def _binds_a_flag(self, node: ast.Assign) -> bool:
        pairs = list(_pairs(node.targets[0], node.value))
        return bool(pairs) and all(name in self.names for name, _ in pairs)


def _listed(part: ast.expr | list[ast.stmt]) -> list[ast.AST]:
    return list(part) if isinstance(part, list) else [part]


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that an assignment binds, each with its value where that is written out."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, its)
