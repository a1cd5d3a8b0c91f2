"""The mutation operators: each turns one node of a syntax tree into edits of its source text.

An edit replaces one span, so that everything else, comments and layout included, stays as it was.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `[start, end)` of a source by `text`. Units: offsets in characters.

    `node` is what the operator was applied to; `choice` tells the edits of one node apart.
    """

    start: int
    end: int
    text: str
    node: ast.AST
    choice: int


class Source:
    """A source text whose nodes can be found in it: a tree counts bytes of lines from 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a statement or expression stands."""
        place = node
        assert isinstance(place, ast.expr | ast.stmt)
        end_line, end_column = place.end_lineno or place.lineno, place.end_col_offset or 0
        return self._offset(place.lineno, place.col_offset), self._offset(end_line, end_column)

    def of(self, node: ast.AST) -> str:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def _offset(self, line: int, column: int) -> int:
        before = self._lines[line - 1].encode()[:column]
        return self._starts[line - 1] + len(before.decode())


Operator = Callable[[Source, ast.AST], Iterator[tuple[int, int, str]]]

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, ...]]] = {
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
_COMPARISON_TEXTS: Final = re.compile(r"<=|>=|==|!=|<|>|is\s+not\b|not\s+in\b|is\b|in\b")
_ARITHMETIC: Final[dict[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
}


_COMMUTATIVE: Final = {"min", "max", "m.add"}


def compare(source: Source, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Move a comparison's boundary, or turn it round."""
    if not isinstance(node, ast.Compare):
        return
    left: ast.expr = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        gap_start, gap_end = source.span(left)[1], source.span(right)[0]
        found = _COMPARISON_TEXTS.search(source.text, gap_start, gap_end)
        assert found is not None
        for text in _COMPARISONS[type(op)]:
            yield found.start(), found.end(), text
        left = right


def arithmetic(source: Source, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Exchange an arithmetic or bit operator, or leave a sign or complement out."""
    if isinstance(node, ast.BinOp):
        old, new = _ARITHMETIC[type(node.op)]
        at = source.text.index(old, source.span(node.left)[1], source.span(node.right)[0])
        yield at, at + len(old), new
    elif isinstance(node, ast.AugAssign):
        old, new = _ARITHMETIC[type(node.op)]
        at = source.text.index(f"{old}=", source.span(node.target)[1], source.span(node.value)[0])
        yield at, at + len(old), new
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
        yield *source.span(node), source.of(node.operand)


def constant(source: Source, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Change a number by one, a truth value, or a string."""
    if not isinstance(node, ast.Constant):
        return
    span, value = source.span(node), node.value
    if isinstance(value, bool):
        yield *span, str(not value)
    elif isinstance(value, int):
        yield *span, str(value + 1)
        if value > 0:
            yield *span, str(value - 1)
    elif isinstance(value, str):
        yield *span, repr(f"{value}-mutated")


def boolean(source: Source, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Exchange `and` and `or`, leave a `not` out, or negate a test that is no comparison."""
    if isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield *source.span(node), _joined(source, node, old, new)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield *source.span(node), source.of(node.operand)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        test = node.test
        has_other_mutants = isinstance(test, ast.Compare | ast.BoolOp | ast.Constant) or (
            isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        )
        if not has_other_mutants:
            yield *source.span(test), f"not ({source.of(test)})"


def _joined(source: Source, node: ast.BoolOp, old: str, new: str) -> str:
    """Return the text of a chain with every `old` between its operands replaced."""
    start, end = source.span(node)
    parts, at = [], start
    for left, right in zip(node.values, node.values[1:], strict=False):
        word = re.compile(rf"\b{old}\b").search(
            source.text, source.span(left)[1], source.span(right)[0]
        )
        assert word is not None
        parts += [source.text[at : word.start()], new]
        at = word.end()
    return "".join([*parts, source.text[at:end]])


def statement(source: Source, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Delete a statement that does something: a call, a store, a raise, a jump.

    A name's first binding stays: without it whatever reads the name would fail.
    """
    is_effect = isinstance(node, ast.Raise | ast.AugAssign | ast.Delete | ast.Break | ast.Continue)
    if isinstance(node, ast.Expr):
        is_effect = not isinstance(node.value, ast.Constant)
    elif isinstance(node, ast.Assign):
        is_effect = any(isinstance(t, ast.Attribute | ast.Subscript) for t in node.targets)
    if is_effect:
        yield *source.span(node), "pass"


def argument_swap(source: Source, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Exchange two neighbouring arguments, where the order has a meaning.

    The machine, which every call has first, stays.
    """
    if not isinstance(node, ast.Call) or ast.unparse(node.func) in _COMMUTATIVE:
        return
    for left, right in zip(node.args, node.args[1:], strict=False):
        one, other = source.of(left), source.of(right)
        is_value = one != "m" and not isinstance(left, ast.Starred | ast.GeneratorExp)
        if is_value and one != other and not isinstance(right, ast.Starred):
            start, end = source.span(left)[0], source.span(right)[1]
            between = source.text[source.span(left)[1] : source.span(right)[0]]
            yield start, end, f"{other}{between}{one}"


def return_value(source: Source, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Return the opposite of a truth value, else one more, nothing, or None.

    Requires: `node.returns` is the annotation of the function, set by the walk.
    """
    if not isinstance(node, ast.Return) or node.value is None:
        return
    text, span = source.of(node.value), source.span(node.value)
    annotation = getattr(node, "returns", "")
    is_literal = isinstance(node.value, ast.Constant)
    if is_literal and (annotation in {"int", "str", "bool"} or text == "None"):
        return  # `constant` has these
    if annotation == "bool":
        yield *span, f"not ({text})"
    elif annotation == "int":
        yield *span, f"({text}) + 1"
    elif annotation.startswith("list") and text != "[]":
        yield *span, "[]"
    else:
        yield *span, "None"


OPERATORS: Final[dict[str, Operator]] = {
    "compare": compare,
    "arithmetic": arithmetic,
    "constant": constant,
    "boolean": boolean,
    "statement": statement,
    "argument-swap": argument_swap,
    "return-value": return_value,
}
