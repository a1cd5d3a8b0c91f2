"""Where the three described systems differ: each difference is a variant with one value each.

A profile is a set of variant values: `ostd` (upstream today, the recorded vectors), `vostd` (its
verified twin) and `seed` (the revision of the project's seed documents).
"""

from dataclasses import dataclass
from typing import Final

PROFILES: Final = ("ostd", "vostd", "seed")


@dataclass(frozen=True, slots=True)
class Variant:
    """One behaviour that differs between the described systems.

    Shape: `values` lists every legal value; `ostd`, `vostd` and `seed` are three of them.
    """

    name: str
    values: tuple[str, ...]
    ostd: str
    vostd: str
    seed: str
    text: str
    source: str

    def value_for(self, profile: str) -> str:
        """Return this variant's value under `profile`, one of `PROFILES`."""
        if profile == "vostd":
            return self.vostd
        return self.seed if profile == "seed" else self.ostd


VARIANTS: Final = (
    Variant(
        "push_back",
        ("append", "before-last"),
        ostd="append",
        vostd="before-last",
        seed="before-last",
        text="LinkedList::push_back appends, or inserts before the last element",
        source="LinkedList::push_back",
    ),
    Variant(
        "slice_check",
        ("offsets", "wrapping-sum"),
        ostd="offsets",
        vostd="offsets",
        seed="wrapping-sum",
        text="Segment::slice checks its offsets, or the sums start + offset after they wrapped",
        source="asterinas issue 3165; seed 003 assumes the sums do not overflow",
    ),
    Variant(
        "top_page",
        ("accepted", "rejected"),
        ostd="accepted",
        vostd="accepted",
        seed="accepted",
        text="Segment::from_unused accepts a range that ends exactly at max_paddr, or rejects it",
        source="asterinas 14dc4752f; seeds 000 and 003 accept, the era of seed 001 rejects",
    ),
    Variant(
        "rollback",
        ("released", "leaked"),
        ostd="released",
        vostd="released",
        seed="released",
        text="Segment::from_unused releases the pages before the failing one, or leaks them",
        source="asterinas 1bbed2e07; seed 003 releases, the era of seed 001 leaks",
    ),
    Variant(
        "slot_presence",
        ("always", "extracted"),
        ostd="always",
        vostd="always",
        seed="always",
        text="slot permissions stay parked in the region, or leave it while the page is live",
        source="MetaRegionOwners; seeds 000, 002 and 003 always, seed 001 extracted",
    ),
    Variant(
        "debug_assertions",
        ("checked", "omitted"),
        ostd="checked",
        vostd="omitted",
        seed="omitted",
        text="debug assertions of the frame layer exist in a debug build, or not at all",
        source="vostd omits nearly all of them",
    ),
    Variant(
        "dealloc_upcall",
        ("called", "omitted"),
        ostd="called",
        vostd="omitted",
        seed="omitted",
        text="the last drop of a page tells the allocator, or not",
        source="Drop for Frame; vostd leaves the call out",
    ),
    Variant(
        "ledger",
        ("exact", "literal"),
        ostd="exact",
        vostd="literal",
        seed="literal",
        text="frame_obligations counts every owner, or moves exactly as the proof's contracts say",
        source="MetaRegionOwners::frame_obligations",
    ),
    Variant(
        "map_over",
        ("panics", "replaces"),
        ostd="panics",
        vostd="replaces",
        seed="replaces",
        text="mapping where something is mapped panics, or replaces it and flushes before it goes",
        source="CursorMut::map; DIF.1",
    ),
    Variant(
        "map_level",
        ("up-to-guard", "below-guard"),
        ostd="up-to-guard",
        vostd="below-guard",
        seed="below-guard",
        text="a page is mapped at the level of the cursor's guard node, or only below it",
        source="CursorMut::map; vostd asserts level < guard_level",
    ),
    Variant(
        "query_item",
        ("borrows", "clones"),
        ostd="borrows",
        vostd="clones",
        seed="clones",
        text="a query borrows the frame that it shows, or takes a reference while it shows it",
        source="Cursor::query; DIF.2",
    ),
    Variant(
        "jump_from_end",
        ("allowed", "panics"),
        ostd="allowed",
        vostd="panics",
        seed="panics",
        text="a jump back from the end of the guard node's range works, or pops beyond the guard",
        source="Cursor::jump; upstream before December 2025",
    ),
    Variant(
        "flush_limit",
        ("pages", "requests"),
        ostd="pages",
        vostd="requests",
        seed="requests",
        text="32 pages that wait are flushed as everything, or 33 requests or a longer range",
        source="tlb::OpsStack::push",
    ),
    Variant(
        "mem_view_wf",
        ("literal", "disjoint-views"),
        ostd="disjoint-views",
        vostd="literal",
        seed="literal",
        text="a space's owner is well-formed as written, which no mapped memory with a writer is"
        " (AX-39), or iff each view is a part of the total one and no page of a writer in another",
        source="VmSpaceOwner::mem_view_wf; seed 004",
    ),
)

VARIANT_BY_NAME: Final = {variant.name: variant for variant in VARIANTS}
