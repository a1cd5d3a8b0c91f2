"""Are two machines in the same state? What lazy memory has not looked at counts as boot left it."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from vmstore.attributes import own_attributes
from vmstore.cells import Cells
from vmstore.exec.machine import Machine
from vmstore.faults import Faults
from vmstore.memory import EMPTY_PAGE, Memory
from vmstore.node_cells import NodeCells

_PLAIN: Final = (int, str, bytes, bytearray, float, frozenset, set, type(None))
_BOOKKEEPING: Final = frozenset({"stamp", "journal", "head_journal", "faults", "world"})

Pairs = Iterator[tuple[Any, Any]]


def same_state(left: Machine, right: Machine) -> bool:
    """Return whether everything that exec code can reach is equal, events of the step included.

    The journals are not compared: they are about how a state came about. Cost: one walk over all.
    Effect: both machines have looked at the pages that one of them had looked at.
    """
    pending: list[tuple[Any, Any]] = [(left, right)]
    seen: set[tuple[int, int]] = set()
    while pending:
        a, b = pending.pop()
        if a is b or isinstance(a, Faults):
            continue
        if type(a) is not type(b):
            return False
        if isinstance(a, _PLAIN):
            if a != b:
                return False
            continue
        if (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        parts = _parts(a, b)
        if parts is None:
            return False
        pending.extend(parts)
    return True


def _parts(a: Any, b: Any) -> Pairs | None:
    """Return what has to be equal for two values of one type to be; None if they cannot be."""
    if isinstance(a, dict):
        return ((a[key], b[key]) for key in a) if a.keys() == b.keys() else None
    if isinstance(a, list | tuple):
        return zip(a, b, strict=True) if len(a) == len(b) else None
    if isinstance(a, Cells):
        return _lazily(a, b, "slots", a.slot, b.slot)
    if isinstance(a, NodeCells):
        return _lazily(a, b, "nodes", a.node, b.node)
    if isinstance(a, Memory):
        return _lazily(a, b, "pages", _reader(a), _reader(b))
    return _attributes(a, b, _BOOKKEEPING)


def _reader(memory: Memory) -> Callable[[int], bytes]:
    return lambda index: bytes(memory.pages.get(index, EMPTY_PAGE))


def _lazily(
    a: Any, b: Any, name: str, look_a: Callable[[int], Any], look_b: Callable[[int], Any]
) -> Pairs:
    for index in sorted(getattr(a, name).keys() | getattr(b, name).keys()):
        yield look_a(index), look_b(index)
    yield from _attributes(a, b, _BOOKKEEPING | {name})


def _attributes(a: Any, b: Any, left_out: frozenset[str]) -> Pairs:
    for kind in type(a).__mro__:
        for name in own_attributes(kind) or ():
            if name not in left_out:
                yield getattr(a, name), getattr(b, name)
    for name, value in getattr(a, "__dict__", {}).items():
        if name not in left_out:
            yield value, getattr(b, name)
