"""Small stores in which a contract is tried: every pair of slots of a dozen kinds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from vmfuzz.audit.search import PATHS, TINY
from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.contracts.slot_inv import broken
from vmstore.contracts.values import NO_PATHS, SlotValue, StoreValue, pristine
from vmstore.owner import EntryAt, Usage
from vmstore.store import SegmentEntry

PAGES: Final = 2  # slots that vary; those above are as boot left them


@dataclass(frozen=True, slots=True)
class Kind:
    """What a slot is and who refers to it: `handles` H, `covers` C, `uniques` U."""

    name: str
    rc: int = REF_COUNT_UNUSED
    usage: Usage = "Frame"
    paths: frozenset[EntryAt] = NO_PATHS
    handles: int = 0
    covers: int = 0
    uniques: int = 0

    def slot(self, index: int) -> SlotValue:
        """Return a slot of this kind."""
        is_used = self.rc != REF_COUNT_UNUSED
        base = pristine(index)._replace(rc=self.rc, usage=self.usage, paths=self.paths)
        references = self.handles + self.covers + self.uniques
        vtable = "unit" if is_used else ""
        return base._replace(storage=is_used, vtable=vtable, obligations=references)


_ONE: Final = frozenset(PATHS[:1])
KINDS: Final = (
    Kind("unused", usage="Unused"),
    Kind("recycled"),
    Kind("held", 1, handles=1),
    Kind("held twice", 2, handles=2),
    Kind("saturated", 3, handles=3),
    Kind("mapped", 1, paths=_ONE),
    Kind("mapped and held", 2, paths=_ONE, handles=1),
    Kind("covered", 1, covers=1),
    Kind("covered and held", 2, covers=1, handles=1),
    Kind("exclusive", REF_COUNT_UNIQUE, uniques=1),
    Kind("a table", 1, usage="PageTable", paths=frozenset(PATHS[1:])),
    Kind("device memory", usage="MMIO"),
)


@dataclass(frozen=True, slots=True)
class Tiny:
    """A store of two slots with its registries, ids in the order of the pages."""

    text: str
    store: StoreValue
    kinds: tuple[Kind, ...]


def stores() -> Iterator[Tiny]:
    """Yield a store for every pair of kinds. Ensures: the invariant holds of each."""
    for kinds in product(KINDS, repeat=PAGES):
        text = " and ".join(f"page {i} {kind.name}" for i, kind in enumerate(kinds))
        tiny = Tiny(text, _store(kinds), kinds)
        if problem := violated(tiny.store):
            raise AssertionError(f"{tiny.text}: {problem}")
        yield tiny


def _store(kinds: tuple[Kind, ...]) -> StoreValue:
    slots = {index: pristine(index) for index in range(TINY.pages)}
    frames: dict[int, int] = {}
    uniques: dict[int, int] = {}
    segments: dict[int, SegmentEntry] = {}
    for index, kind in enumerate(kinds):
        slots[index] = kind.slot(index)
        at = index * PAGE_SIZE
        for _ in range(kind.handles):
            frames[len(frames)] = at
        for _ in range(kind.uniques):
            uniques[len(uniques)] = at
    covered = [index for index, kind in enumerate(kinds) if kind.covers]
    if covered:  # neighbours are covered by one segment
        first, last = min(covered), max(covered)
        segments[0] = SegmentEntry(first * PAGE_SIZE, (last + 1) * PAGE_SIZE)
    return StoreValue(slots, frames=frames, segments=segments, uniques=uniques)


def violated(store: StoreValue) -> str | None:
    """Return a clause of the store's invariant that is false of the slots, None if none is."""
    for index, slot in store.slots.items():
        problem = broken(slot, TINY.rc_max)
        users = store.handles(index) + store.covers(index) + len(slot.paths)
        if problem is not None:
            return problem
        if slot.rc == REF_COUNT_UNUSED and users:
            return "ACCT.1"
        if slot.usage == "Frame" and slot.is_live and slot.rc != users:
            return "ACCT.3c"
    return None
