"""The owner of one metadata slot: ghost state and reference counts by kind."""

from typing import Literal

from vmstore.arch import index_to_meta

Usage = Literal["Unused", "Reserved", "Frame", "PageTable", "Meta", "Kernel", "MMIO"]


class SlotOwner:
    """The owner of one metadata slot: ghost state and the number of references by kind.

    `handles` H (live and raw frames), `mappings` P, `covers` C (live and raw segments), `uniques`
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
        self.paths: frozenset[tuple[int, ...]] = frozenset()
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

    def references(self) -> int:
        """Return how many counted references exist: H + P + C + D, links and known leaks."""
        return self.handles + self.covers + self.mappings + self.deferred + self.links + self.leaked
