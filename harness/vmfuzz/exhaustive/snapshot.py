"""A running system as it was, to go back to in place.

What is kept is every attribute and container that can change, by identity: going back costs no
allocation, and everything that refers to an object still does.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from vmfuzz.exhaustive.parts import CONSTANT_CLASSES, fleeting_names, reader, state_names
from vmstore.step import State

_ATOMS: Final = frozenset({int, str, bool, bytes, type(None)})
_Reader = Callable[[Any], tuple[Any, ...]]
_Setters = tuple[Callable[[Any, Any], None], ...]


@cache
def _access(kind: type, *, fleeting: bool) -> tuple[_Reader, _Setters]:
    """Return how the state of a class, or what lasts one step of it, is read and written."""
    names = fleeting_names(kind) if fleeting else state_names(kind)
    return reader(names), tuple(getattr(kind, name).__set__ for name in names)


class _Kept:
    """Objects and containers with what they held.

    Equality is by value, so that an equal object in another's place counts as no change; what was
    kept is put back as soon as the values differ.
    """

    __slots__ = ("buffers", "dicts", "lists", "objects", "sets")

    def __init__(self) -> None:
        self.objects: list[tuple[Any, _Reader, _Setters, tuple[Any, ...]]] = []
        self.dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self.lists: list[tuple[list[Any], list[Any]]] = []
        self.sets: list[tuple[set[Any], frozenset[Any]]] = []
        self.buffers: list[tuple[bytearray, bytes]] = []

    def take(self, roots: list[Any], seen: dict[int, Any]) -> None:
        """Keep all that can be reached from `roots` and is not in `seen` yet."""
        waiting = list(roots)
        while waiting:
            value = waiting.pop()
            kind = value.__class__
            if kind in _ATOMS or kind in CONSTANT_CLASSES or id(value) in seen:
                continue
            seen[id(value)] = value
            if kind is dict:
                self.dicts.append((value, dict(value)))
                waiting += value.values()
            elif kind is list:
                self.lists.append((value, list(value)))
                waiting += value
            elif isinstance(value, tuple | frozenset):
                waiting += value
            elif kind is set:
                self.sets.append((value, frozenset(value)))
            elif kind is bytearray:
                self.buffers.append((value, bytes(value)))
            else:
                read, setters = _access(kind, fleeting=False)
                values = read(value)
                self.objects.append((value, read, setters, values))
                waiting += values

    def holds(self) -> bool:
        """Return whether nothing has changed."""
        for value, read, _, values in self.objects:
            if read(value) != values:
                return False
        containers: tuple[Any, ...] = (self.dicts, self.lists, self.sets, self.buffers)
        return all(held == known for kept in containers for held, known in kept)

    def restore(self) -> None:
        """Put back what has changed; most has not, and comparing is cheaper than storing."""
        for value, read, setters, values in self.objects:
            if read(value) != values:
                for setter, old in zip(setters, values, strict=True):
                    setter(value, old)
        for held, entries in self.dicts:
            if held != entries:
                held.clear()
                held.update(entries)
        for row, items in self.lists:
            if row != items:
                row[:] = items
        for members, known in self.sets:
            if members != known:
                members.clear()
                members |= known
        for buffer, data in self.buffers:
            if buffer != data:
                buffer[:] = data


class Snapshot:
    """All that may change in a state, as it is now. Effect: nothing until `restore`."""

    __slots__ = ("_fleeting", "_state")

    def __init__(self, state: State) -> None:
        seen: dict[int, Any] = {}
        self._state = _Kept()
        self._state.take([state], seen)
        self._fleeting = _Kept()
        values: list[Any] = []
        for value in list(seen.values()):
            if fleeting_names(value.__class__):
                read, setters = _access(value.__class__, fleeting=True)
                self._fleeting.objects.append((value, read, setters, read(value)))
                values += read(value)
        self._fleeting.take(values, seen)

    def holds(self) -> bool:
        """Return whether the state is as it was, but for what each step begins anew."""
        return self._state.holds()

    def restore(self) -> None:
        """Make the state what it was. Effect: objects made since are forgotten."""
        self._state.restore()
        self._fleeting.restore()
