"""What can be tried in a state: the alphabet's ops with handles that are live there."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Final

from vmfuzz.exhaustive.alphabet import Alphabet, Letter
from vmfuzz.exhaustive.handles import classes
from vmstore.ids import HANDLE_KINDS
from vmstore.ops import DECLARATIONS, Op
from vmstore.step import State

_KINDS: Final = tuple(kind.name for kind in HANDLE_KINDS.values())
_MADE: Final = {
    d.op: tuple(f.kind.name for f in d.destinations if f.kind) for d in DECLARATIONS.values()
}
_Groups = dict[str, list[list[int]]]
_Chosen = tuple[int, ...]


class Moves:
    """The ops that can be tried, made once and used again: ops are never changed."""

    def __init__(self, alphabet: Alphabet) -> None:
        self.alphabet = alphabet
        self._made: dict[tuple[int, _Chosen, _Chosen], tuple[Op, ...]] = {}

    def of(self, state: State, path: Sequence[Op]) -> Iterator[tuple[Op, int]]:
        """Yield ops with how many traces each stands for: one per choice of alike handles.

        `path` are the ops that led here. A destination is an id that no op of it has named.
        Effect: none; what comes out is a function of path and alphabet.
        """
        fresh = dict.fromkeys(_KINDS, 0)
        for op in path:
            for kind in _MADE[type(op)]:
                fresh[kind] += 1
        groups: _Groups = {kind: classes(state, kind) for kind in _KINDS if state.live[kind]}
        for number, letter in enumerate(self.alphabet.letters):
            made = _destinations(letter, fresh)
            for handles, amount in _assignments(letter, groups):
                for op in self._ops(number, letter, handles, made):
                    yield op, amount

    def _ops(self, number: int, letter: Letter, handles: _Chosen, made: _Chosen) -> tuple[Op, ...]:
        key = (number, handles, made)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = tuple(_make(letter, handles, made))
        return found


def _destinations(letter: Letter, fresh: dict[str, int]) -> _Chosen:
    """Return the ids that an op's destinations get: the next of their kind."""
    ids: list[int] = []
    met: dict[str, int] = {}
    for field in letter.declaration.destinations:
        kind = field.kind.name if field.kind else ""
        ids.append(fresh[kind] + met.get(kind, 0))
        met[kind] = met.get(kind, 0) + 1
    return tuple(ids)


def _assignments(letter: Letter, groups: _Groups) -> Iterator[tuple[_Chosen, int]]:
    """Yield handles for an op, and how many ways of choosing alike ones they stand for.

    Of a group of alike handles an op uses the first, then the second, and so on.
    """
    fields = [f for f in letter.fields if f.kind and not f.is_destination]
    kinds = [f.kind.name for f in fields if f.kind]
    if not fields:
        yield (), 1
        return
    options = [range(len(groups.get(kind, ()))) for kind in kinds]
    for chosen in product(*options):
        members = [groups[kind][group] for kind, group in zip(kinds, chosen, strict=True)]
        yield from _members(fields, kinds, members, (), 1)


def _members(
    fields: list[Any], kinds: list[str], members: list[list[int]], taken: _Chosen, amount: int
) -> Iterator[tuple[_Chosen, int]]:
    """Choose a member of each group, the rest of `members` after those in `taken`."""
    at = len(taken)
    if at == len(members):
        if not _consumes_twice(fields, kinds, taken):
            yield taken, amount
        return
    group = members[at]
    used = [i for i, kind in zip(taken, kinds, strict=False) if kind == kinds[at] and i in group]
    used = sorted(set(used))
    for member in used:
        yield from _members(fields, kinds, members, (*taken, member), amount)
    if len(used) < len(group):
        unused = next(i for i in group if i not in used)
        ways = len(group) - len(used)
        yield from _members(fields, kinds, members, (*taken, unused), amount * ways)


def _consumes_twice(fields: list[Any], kinds: list[str], taken: _Chosen) -> bool:
    ended = [(kind, i) for f, kind, i in zip(fields, kinds, taken, strict=True) if f.is_consumed]
    return len(set(ended)) < len(ended)


def _make(letter: Letter, handles: _Chosen, made: _Chosen) -> Iterator[Op]:
    declaration = letter.declaration
    used = [f.name for f in letter.fields if f.kind and not f.is_destination]
    base: dict[str, Any] = dict(zip(used, handles, strict=True))
    base |= {f.name: i for f, i in zip(declaration.destinations, made, strict=True)}
    base |= {f.name: None for f in declaration.alternatives if f not in letter.fields}
    for arguments in letter.combinations():
        yield declaration.make(base | arguments)
