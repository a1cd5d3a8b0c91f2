"""What a contract speaks of: the store before a call and the store after it, as plain values.

A value is never changed after construction, so two of them can be compared, kept and shown. The
same clauses judge a call of a campaign and a pair of values that a search made up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED, index_to_meta
from vmstore.owner import EntryAt, Usage
from vmstore.store import SegmentEntry
from vmstore.vm_io_owner import VmIoOwner

NO_PATHS: frozenset[EntryAt] = frozenset()


class SlotValue(NamedTuple):
    """One metadata slot with its owner: memory (count, storage, vtable, tag) and ghost state.

    `parked` says whether the slot's permission is a key of the region's `slots`; `paths` are the
    entries that map the page; `obligations` is its multiplicity in `frame_obligations`.
    Source: `MetaSlotOwner`, `MetaRegionOwners`.
    """

    rc: int = REF_COUNT_UNUSED
    storage: bool = False
    vtable: str = ""
    in_list: int = 0
    usage: Usage = "Unused"
    paths: frozenset[EntryAt] = NO_PATHS
    slot_vaddr: int = 0
    parked: bool = True
    obligations: int = 0

    @property
    def is_live(self) -> bool:
        """Whether the count is neither a sentinel nor 0."""
        return self.rc not in (0, REF_COUNT_UNUSED, REF_COUNT_UNIQUE)


def pristine(index: int) -> SlotValue:
    """Return slot `index` as boot leaves it."""
    return SlotValue(slot_vaddr=index_to_meta(index))


Prop = tuple[int, str, int]  # flags, cache policy, privileged flags
NO_PROP: Prop = (0, "WB", 0)


def changes(index: int, old: SlotValue, new: SlotValue) -> str:
    """Return what differs between two values of slot `index`, as people write it."""
    pairs = zip(_shown(old).items(), _shown(new).values(), strict=True)
    told = [f"{name} {before} -> {after}" for (name, before), after in pairs if before != after]
    return f"slot {index * PAGE_SIZE:#x}: {', '.join(told)}"


def _shown(slot: SlotValue) -> dict[str, str]:
    words = {REF_COUNT_UNUSED: "UNUSED", REF_COUNT_UNIQUE: "UNIQUE"}
    return {
        "rc": words.get(slot.rc, str(slot.rc)),
        "storage": "init" if slot.storage else "uninit",
        "vtable": slot.vtable or "uninit",
        "in_list": str(slot.in_list),
        "usage": slot.usage,
        "P": str(len(slot.paths)),
        "parked": str(slot.parked),
        "obligations": str(slot.obligations),
    }


class LeafValue(NamedTuple):
    """A leaf below a cursor: its path, the page it maps, its size in bytes, where it is mapped."""

    at: EntryAt
    paddr: int
    size: int
    is_tracked: bool
    va: int = 0
    prop: Prop = NO_PROP


class NodeValue(NamedTuple):
    """A page-table node below a cursor: the path that links it, its page, whether it is locked.

    `va` is the address that its first entry is for.
    """

    at: EntryAt | None
    page: int
    level: int
    children: int
    is_locked: bool
    va: int = 0


class TreeValue(NamedTuple):
    """What hangs below a cursor, the owner's tree: the leaves and the nodes, in address order.

    Only what meets the cursor's range: the rest of a guard's table may be another cursor's.
    """

    leaves: tuple[LeafValue, ...] = ()
    nodes: tuple[NodeValue, ...] = ()


@dataclass(frozen=True, slots=True)
class CursorValue:
    """An open cursor: what was asked for, where it stands, and the tree it owns.

    Units: bytes. `start` and `end` are the requested range, `va` the position; `has_left` says
    that the cursor was popped out of its guard's table (`popped_too_high`).
    """

    vm_space: int
    kind: Literal["ReadOnly", "Mutable"]
    start: int
    end: int
    va: int
    level: int
    guard_level: int
    has_left: bool
    tree: TreeValue


class VmIoValue(NamedTuple):
    """A reader or writer: what it was made with, and what its owner has left."""

    vm_space: int | None
    kind: Literal["Reader", "Writer"]
    vaddr: int
    length: int
    owner: "OwnerValue"


class OwnerValue(NamedTuple):
    """The owner of a reader or writer: its place and its bytes `[start, end)`."""

    place: tuple[str, int]
    start: int
    end: int
    is_fallible: bool
    is_kernel: bool
    has_view: bool

    @classmethod
    def of(cls, owner: VmIoOwner) -> "OwnerValue":
        """Return the value of a live owner."""
        has_view = owner.view is not None
        at = owner.place
        return cls(at, owner.start, owner.end, owner.is_fallible, owner.is_kernel, has_view)


IndexPath = tuple[int, ...]  # from the root down, an index for each level
Projection = Mapping[EntryAt, IndexPath]


@dataclass(frozen=True, slots=True)
class StoreValue:
    """A store. `slots` answers for every index of the world; equal registries are equal values.

    `cached` are the translations that processors may use, as (cpu, page, paddr); `roots` the pages
    of the spaces' root tables; `active` the live space that each processor uses, `cpu` the one
    that runs; `lists` the pages of each list. `projected` are the paths of a slot as sequences of
    indices, which do not name the space; it follows from `slots` and is not compared.
    """

    slots: Mapping[int, SlotValue]
    frames: Mapping[int, int] = field(default_factory=dict)
    segments: Mapping[int, SegmentEntry] = field(default_factory=dict)
    uniques: Mapping[int, int] = field(default_factory=dict)
    vm_spaces: Mapping[int, bool] = field(default_factory=dict)  # id -> is it active
    cursors: Mapping[int, CursorValue] = field(default_factory=dict)
    vm_ios: Mapping[int, VmIoValue] = field(default_factory=dict)
    cached: frozenset[tuple[int, int, int]] = frozenset()
    roots: Mapping[int, int] = field(default_factory=dict)
    active: Mapping[int, int] = field(default_factory=dict)
    cpu: int = 0
    lists: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    projected: Mapping[int, Projection] = field(default_factory=dict, compare=False)

    def at(self, paddr: int) -> SlotValue:
        """Return the slot of the page that contains `paddr`."""
        return self.slots[paddr // PAGE_SIZE]

    def handles(self, index: int) -> int:
        """Return H: how many frames are registered at a page. Source: `handle_count`."""
        return sum(1 for paddr in self.frames.values() if paddr // PAGE_SIZE == index)

    def index_paths(self, index: int) -> frozenset[IndexPath]:
        """Return the paths of a page as upstream writes them: without the space they are in.

        A path that nothing is known of is taken for the index sequence itself.
        """
        known = self.projected.get(index, {})
        return frozenset(known.get(at, at) for at in self.slots[index].paths)

    def covers(self, index: int) -> int:
        """Return C: how many segments cover a page. Source: `segment_cover_count`."""
        at = index * PAGE_SIZE
        return sum(1 for entry in self.segments.values() if entry.start <= at < entry.end)


REGISTRIES = ("frames", "segments", "uniques", "vm_spaces", "cursors", "vm_ios", "cached", "lists")


def unchanged(old: StoreValue, new: StoreValue, *but: str) -> bool:
    """Return whether all registries are the same, apart from those named."""
    return all(getattr(old, name) == getattr(new, name) for name in REGISTRIES if name not in but)


def is_insert(old: Mapping[int, object], new: Mapping[int, object], key: int) -> bool:
    """Return whether `new` is `old` with one entry more, under the fresh id `key`."""
    return key not in old and {**old, key: new.get(key)} == new and key in new


def is_remove(old: Mapping[int, object], new: Mapping[int, object], key: int) -> bool:
    """Return whether `new` is `old` without the entry `key`."""
    return key in old and new == {k: v for k, v in old.items() if k != key}


SlotTest = Callable[[SlotValue, SlotValue], bool]
