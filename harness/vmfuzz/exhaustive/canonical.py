"""The canonical form of a state: equal for two states whose futures are the same but for ids.

The form is a complete description of machine and view under ids that are numbered anew. Numbering
two alike states differently would only keep them apart; leaving something out would hide bugs,
which is why everything is read by reflection (`parts`).
"""

from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from typing import Any, Final

from vmfuzz.exhaustive.handles import order
from vmfuzz.exhaustive.parts import CONSTANT_CLASSES, REGISTRIES, reader, state_names
from vmstore.cells import Cells, Slot
from vmstore.exec.io_state import IoHandle
from vmstore.exec.space_state import VmSpace
from vmstore.owner import SlotOwner
from vmstore.spaces import CursorEntry, VmIoEntry
from vmstore.step import State
from vmstore.store import VmStore
from vmstore.view.spaces import SpaceView
from vmstore.view.state import ListView
from vmstore.vm_io_owner import VmIoOwner

DIGEST_BYTES: Final = 16
_ATOMS: Final = frozenset({int, str, bool, type(None), bytes})
_EMPTY: Final[tuple[Any, ...]] = ()

# Attributes that hold the id of a handle of this kind, or None.
_ID_FIELDS: Final[dict[tuple[type, str], str]] = {
    (CursorEntry, "vm_space"): "vs",
    (VmIoEntry, "vm_space"): "vs",
    (VmSpace, "number"): "vs",
    (SpaceView, "number"): "vs",
    (SpaceView, "handle"): "vs",
    (ListView, "handle"): "list",
}
# Attributes that hold a pair of a kind and an id.
_PAIR_FIELDS: Final = frozenset({(IoHandle, "lender"), (VmIoOwner, "lender"), (VmIoOwner, "place")})
_PAIR_KINDS: Final = {"user": "vs"}
_CONTENTS: Final = frozenset({(Cells, "slots"), (VmStore, "owners")})  # elsewhere only referred to
_Form = Callable[["_Walk", Any], Any]


def digest(state: State) -> bytes:
    """Return a digest of the canonical form. Shape: `DIGEST_BYTES` bytes."""
    return blake2b(repr(canonical(state)).encode(), digest_size=DIGEST_BYTES).digest()


def canonical(state: State) -> tuple[Any, ...]:
    """Return the canonical form. Shape: nested tuples of numbers and texts."""
    walk = _Walk(state)
    form: tuple[Any, ...] = _plan(State)(walk, state)
    return form


class _Walk:
    """One walk over a state. `ranks` are the new ids by kind, `seen` the objects met so far."""

    __slots__ = ("ranks", "seen", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self.ranks: dict[str, dict[int, int]] = {}
        self.seen: dict[int, int] = {}

    def ranks_of(self, kind: str) -> dict[int, int]:
        """Return the new ids of a kind."""
        found = self.ranks.get(kind)
        if found is None:
            ids = order(self.state, kind)
            found = self.ranks[kind] = {old: new for new, old in enumerate(ids)}
        return found

    def rank(self, kind: str, handle: int) -> tuple[int, bool]:
        """Return the new id of a handle, and whether a trace can name it.

        One that is dead but still spoken of gets the next number.
        """
        ranks = self.ranks_of(kind)
        return ranks.setdefault(handle, len(ranks)), handle >= 0

    def form(self, value: Any) -> Any:
        """Return the form of any value."""
        kind = value.__class__
        if kind in _ATOMS:
            return value
        return _FORMS.get(kind, _object)(self, value)


def _object(walk: _Walk, value: Any) -> Any:
    """Describe an object where it is met first; after that it is its number."""
    number = walk.seen.get(id(value))
    if number is not None:
        return ("@", number)
    if isinstance(value, tuple):
        return _sequence(walk, value)
    walk.seen[id(value)] = len(walk.seen)
    return _plan(value.__class__)(walk, value)


def _plain(walk: _Walk, value: Any) -> Any:
    return walk.form(value)


def _sequence(walk: _Walk, value: Any) -> tuple[Any, ...]:
    return tuple([walk.form(item) for item in value]) if value else _EMPTY


def _set(_walk: _Walk, value: Any) -> tuple[Any, ...]:
    return tuple(sorted(value)) if value else _EMPTY


def _mapping(walk: _Walk, value: dict[Any, Any]) -> tuple[Any, ...]:
    if not value:
        return _EMPTY
    return tuple([(key, walk.form(value[key])) for key in sorted(value)])


def _buffer(_walk: _Walk, value: bytearray) -> bytes:
    return blake2b(value, digest_size=DIGEST_BYTES).digest()


_FORMS: Final[dict[type, _Form]] = {
    list: _sequence,
    tuple: _sequence,
    set: _set,
    frozenset: _set,
    dict: _mapping,
    bytearray: _buffer,
    Slot: lambda _walk, slot: slot.index,
    SlotOwner: lambda _walk, owner: owner.index,
    **dict.fromkeys(CONSTANT_CLASSES, lambda _walk, value: getattr(value, "name", "")),
}


def _contents(walk: _Walk, value: dict[int, Any]) -> tuple[Any, ...]:
    """Describe slots or owners themselves, by index."""
    described = _plan(Slot if value and isinstance(value[next(iter(value))], Slot) else SlotOwner)
    return tuple([(index, described(walk, value[index])) for index in sorted(value)])


def _registry(kind: str) -> _Form:
    def describe(walk: _Walk, value: dict[int, Any]) -> tuple[Any, ...]:
        if not value:
            return _EMPTY
        named = sorted((walk.rank(kind, handle), handle) for handle in value)
        return tuple([(*new, walk.form(value[handle])) for new, handle in named])

    return describe


def _identity(kind: str) -> _Form:
    return lambda walk, value: None if value is None else walk.rank(kind, value)


def _pair(walk: _Walk, value: tuple[str, int]) -> tuple[Any, ...]:
    kind, handle = value
    return (kind, 0) if kind == "memory" else (kind, walk.rank(_PAIR_KINDS.get(kind, kind), handle))


def _io_registry(walk: _Walk, value: dict[int, Any]) -> tuple[Any, ...]:
    """Describe readers and writers, of one registry: twice the id, plus the kind."""
    named = sorted(
        (("reader", "writer")[vio % 2], walk.rank(("reader", "writer")[vio % 2], vio // 2), vio)
        for vio in value
    )
    return tuple([(kind, new, walk.form(value[vio])) for kind, new, vio in named])


def _field(kind: type, name: str) -> _Form:
    """Return how one attribute is described."""
    at = (kind, name)
    if at in REGISTRIES:
        return _registry(REGISTRIES[at])
    if at in _ID_FIELDS:
        return _identity(_ID_FIELDS[at])
    if at in _PAIR_FIELDS:
        return _pair
    if at == (VmStore, "vm_ios"):
        return _io_registry
    return _contents if at in _CONTENTS else _plain


@cache
def _plan(kind: type) -> _Form:
    """Return how an object of a class is described: attribute by attribute.

    Most attributes are numbers and empty containers, which is decided here without a call.
    """
    names = state_names(kind)
    read = reader(names)
    if kind is Slot:
        return lambda _walk, slot: read(slot)
    fields = tuple(_field(kind, name) for name in names)

    def describe(walk: _Walk, value: Any) -> tuple[Any, ...]:
        form, described = walk.form, []
        for field, item in zip(fields, read(value), strict=True):
            if item.__class__ in _ATOMS:
                described.append(item if field is _plain else field(walk, item))
            elif item:
                described.append(form(item) if field is _plain else field(walk, item))
            else:
                described.append(_EMPTY)
        return tuple(described)

    return describe
