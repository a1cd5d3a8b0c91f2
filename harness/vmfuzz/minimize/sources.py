"""The pass that gets a handle the short way: from an op that needs no other handle."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from vmfuzz.minimize.arguments import pages_named
from vmfuzz.minimize.handles import without_producers
from vmfuzz.minimize.shrinker import Shrinker
from vmfuzz.trace import Step
from vmstore.arch import PAGE_SIZE
from vmstore.ids import MetaKind, Paddr, PaddrEnd
from vmstore.ops import DECLARATIONS, GENERATED, Declaration, Op
from vmstore.ops.declaration import is_required

_PAGES: Final = 3  # pages tried, and lengths of a range
# Per handle kind, the ops that produce one from addresses alone.
_SOURCES: Final[dict[str, list[Declaration]]] = {}
for _declaration in GENERATED:
    if not _declaration.handles and len(_declaration.destinations) == 1:
        _kind = _declaration.destinations[0].kind
        if _kind is not None and {f.type for f in _declaration.arguments if is_required(f)} <= {
            Paddr,
            PaddrEnd,
        }:
            _SOURCES.setdefault(_kind.name, []).append(_declaration)


def produce_directly(shrinker: Shrinker) -> None:
    """Replace a producer that needs handles by a source; its own producers can then go."""
    at = 0
    while at < len(shrinker.steps):
        declaration = DECLARATIONS[type(shrinker.steps[at].op)]
        if declaration.handles and len(declaration.destinations) == 1:
            _replace(shrinker, at, declaration)
        at += 1


def _replace(shrinker: Shrinker, at: int, declaration: Declaration) -> None:
    steps = shrinker.steps
    destination = declaration.destinations[0]
    handle = getattr(steps[at].op, destination.name)
    before = without_producers(steps[:at], steps[at])
    for source in _SOURCES.get(destination.kind.name if destination.kind else "", []):
        for claim in _claims(source, handle, steps):
            if shrinker.propose([*before, Step(claim), *steps[at + 1 :]]):
                return


def _claims(source: Declaration, handle: int, steps: list[Step]) -> Iterator[Op]:
    """Yield claims of the pages, and with the kinds of metadata, that the trace names."""
    kinds = dict.fromkeys(getattr(step.op, "meta", "unit") for step in steps)
    lengths = 1 + _PAGES if any(f.type is PaddrEnd for f in source.arguments) else 2
    for page, kind, length in product(pages_named(steps)[:_PAGES], kinds, range(1, lengths)):
        yield _claim(source, handle, page, kind, length)


def _claim(source: Declaration, handle: int, page: int, kind: str, length: int) -> Op:
    start = page * PAGE_SIZE
    values: dict[str, Any] = {source.destinations[0].name: handle}
    for field in source.arguments:
        if field.type is Paddr:
            values[field.name] = start
        elif field.type is PaddrEnd:
            values[field.name] = start + length * PAGE_SIZE
        elif field.type is MetaKind:
            values[field.name] = kind
    op: Op = source.make(values)
    return op
