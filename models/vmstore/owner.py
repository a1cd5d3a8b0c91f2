"""The owner of one metadata slot: ghost state and reference counts by kind."""

from collections.abc import Set as AbstractSet
from typing import Final, Literal

from vmstore.arch import index_to_meta

Usage = Literal["Unused", "Reserved", "Frame", "PageTable", "Meta", "Kernel", "MMIO"]


# Where an entry lies: the page of its table, its index there. As long as page tables are trees this
# names an address space and a path in it, which does not change while tables are cut out.
EntryAt = tuple[int, int]
NOWHERE: Final[frozenset[EntryAt]] = frozenset()


class SlotOwner:
    """The owner of one metadata slot: ghost state and the number of references by kind.

    `paths` are the entries that own a reference on the page (`paths_in_pt`), `mappings` P their
    number. `handles` H (live and raw frames), `covers` C (live and raw segments), `uniques`
    U (live, raw, in a list), `forgotten` how many of H and U are raw or in a list, `deferred` D,
    `links` a table's own references to a page-table node, `leaked` references that a panic or
    abort is known to lose. `obligations` is the multiplicity of the slot in `frame_obligations`.
    Source: vostd `MetaSlotOwner`, `handle_count`, `segment_cover_count`.
    """

    __slots__ = (
        "covers",
        "deferred",
        "forgotten",
        "handles",
        "index",
        "leaked",
        "links",
        "mappings",
        "obligations",
        "parked",
        "paths",
        "slot_vaddr",
        "stamp",
        "uniques",
        "usage",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.slot_vaddr = index_to_meta(index)
        self.usage: Usage = "Unused"
        self.paths: AbstractSet[EntryAt] = NOWHERE
        self.parked = True
        self.handles = 0
        self.mappings = 0
        self.covers = 0
        self.uniques = 0
        self.forgotten = 0
        self.deferred = 0
        self.links = 0
        self.leaked = 0
        self.obligations = 0
        self.stamp = 0

    def add_path(self, at: EntryAt) -> None:
        """Record that an entry maps the page. Effect: P + 1."""
        self.mappings += 1
        if isinstance(self.paths, set):
            self.paths.add(at)
        else:
            self.paths = {at}

    def drop_path(self, at: EntryAt) -> None:
        """Record that an entry does not map the page any more. Effect: P - 1."""
        self.mappings -= 1
        if isinstance(self.paths, set):
            self.paths.discard(at)

    def references(self) -> int:
        """Return how many counted references exist: H + P + C + D, links and known leaks."""
        return self.handles + self.covers + self.mappings + self.deferred + self.links + self.leaked
