"""Which code runs only while a bug is planted: mutating that would change nothing on a clean model.

A flag is any attribute of an object named `faults`, or a name that was bound to one. With every
flag false, tests are decided as far as that goes, and what they never reach is left out.
"""

import ast
from collections.abc import Container, Iterable, Iterator

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


def unreachable(tree: ast.Module, used_elsewhere: Container[str]) -> set[ast.AST]:
    """Return the nodes of a module that only a planted bug gives a meaning.

    These are what no clean run evaluates, the tests of flags themselves, and functions and
    constants that nothing else refers to. `used_elsewhere` are names that other modules use.
    """
    dead: set[ast.AST] = set()
    for _, function in functions(tree):
        _Flags(function).mark(function.body, dead)
    orphans = _private(tree, used_elsewhere)
    while True:
        named = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in dead
        }
        found = [node for name, node in orphans.items() if name not in named and node not in dead]
        if not found:
            return dead
        for node in found:
            dead.update(ast.walk(node))


def _private(tree: ast.Module, used_elsewhere: Container[str]) -> dict[str, ast.stmt]:
    """Return the private functions, and the constants that no other module uses.

    Other functions may be found by their name, as those of the ops are.
    """
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_"):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return {name: node for name, node in found.items() if name not in used_elsewhere}


class _Flags:
    """The flags of one function: `truth` decides a test, `mark` follows the decisions."""

    def __init__(self, function: Function) -> None:
        self.objects, self.names = {"faults"}, set[str]()
        bound: list[str] = []
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                for target, value in _pairs(node.targets[0], node.value):
                    bound.append(target)
                    if isinstance(value, ast.Attribute) and value.attr == "faults":
                        self.objects.add(target)
                    elif self.truth(value) is False:
                        self.names.add(target)
        self.names -= {name for name in self.names if bound.count(name) > 1}

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
            if test is None:
                either = self.truth(node.body)
                return either if either == self.truth(node.orelse) else None
            taken = node.body if test else node.orelse
            is_none = isinstance(taken, ast.Constant) and taken.value is None
            return False if is_none else self.truth(taken)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.IsNot):
            return self.truth(node.left) if isinstance(node.left, ast.Name) else None
        return None

    def mark(self, body: Iterable[ast.AST], dead: set[ast.AST]) -> None:
        """Add to `dead` what the decided tests below `body` never reach, and these tests."""
        body, has_left = list(body), False
        for node in body:
            if has_left and isinstance(node, ast.stmt):
                dead.update(ast.walk(node))
                continue
            has_left = isinstance(node, ast.If) and self._leaves(node)
            if isinstance(node, ast.expr) and self.truth(node) is not None:
                dead.update(ast.walk(node))
            elif isinstance(node, ast.If | ast.IfExp) and self.truth(node.test) is not None:
                self._mark_branch(node, dead)
            elif isinstance(node, ast.Assign) and self._binds_a_flag(node):
                dead.update(ast.walk(node))
            else:
                for _, part in ast.iter_fields(node):
                    self.mark(_nodes(part), dead)
                if isinstance(node, ast.If) and not node.orelse and dead.issuperset(node.body):
                    dead.update(ast.walk(node))

    def _leaves(self, node: ast.If) -> bool:
        """Return whether a decided branch ends its block: what follows is never reached."""
        test = self.truth(node.test)
        taken = node.body if test else node.orelse
        return test is not None and bool(taken) and isinstance(taken[-1], ast.Raise | ast.Return)

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


def _nodes(part: object) -> list[ast.AST]:
    """Return the nodes of one field of a node."""
    return [n for n in (part if isinstance(part, list) else [part]) if isinstance(n, ast.AST)]


def _listed(part: ast.expr | list[ast.stmt]) -> list[ast.AST]:
    return list(part) if isinstance(part, list) else [part]


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that an assignment binds, each with its value where that is written out."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, its)
