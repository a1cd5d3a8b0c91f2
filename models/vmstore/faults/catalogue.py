"""The catalogue of planted bugs: id, where it comes from, and the clause that has to name it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """One switchable bug.

    `origin` is `upstream` (shipped or reviewed there), `twin` (the verified copy), `analogue`
    (another system) or `ours`; `clause` is the id under which the oracle reports it.
    """

    id: str
    component: str
    origin: str
    upstream: str
    clause: str
    text: str


CATALOGUE: Final[tuple[Fault, ...]] = (
    Fault(
        "inc-ref-temp-handle",
        "frame",
        "upstream",
        "asterinas a0ec68731",
        "ACCT.3c",
        "adding a reference drops the temporary handle it was made through",
    ),
    Fault(
        "refcount-32bit-wrap",
        "frame",
        "upstream",
        "asterinas b59cd9cea",
        "ACCT.3c",
        "the count is narrower than the number of handles (3 bits here)",
    ),
    Fault(
        "frame-clone-uncounted",
        "frame",
        "analogue",
        "nyx-os #21",
        "ACCT.3c",
        "a handle is copied without taking a reference",
    ),
    Fault(
        "clone-skips-saturation-check",
        "frame",
        "analogue",
        "Linux c8070b787519",
        "OUT.frame_clone",
        "the count passes its maximum unchecked",
    ),
    Fault(
        "from-raw-counts-again",
        "frame",
        "ours",
        "Frame::from_raw",
        "ACCT.3c",
        "restoring a forgotten handle takes a second reference",
    ),
    Fault(
        "last-drop-leaves-busy",
        "frame",
        "ours",
        "Drop for Frame",
        "ACCT.2",
        "the last drop forgets the teardown",
    ),
    Fault(
        "teardown-keeps-storage",
        "frame",
        "ours",
        "drop_meta_in_place",
        "SLOT.01",
        "teardown leaves the metadata storage initialised",
    ),
    Fault(
        "teardown-keeps-vtable",
        "frame",
        "ours",
        "drop_meta_in_place",
        "SLOT.02",
        "teardown leaves the vtable pointer initialised",
    ),
    Fault(
        "teardown-skips-on-drop",
        "frame",
        "ours",
        "AnyFrameMeta::on_drop",
        "VIEW.O7",
        "teardown forgets the metadata's drop hook",
    ),
    Fault(
        "from-unused-last-frame-rejected",
        "segment",
        "upstream",
        "asterinas 14dc4752f",
        "OUT.segment_from_unused",
        "a segment that ends at the top of memory is refused",
    ),
    Fault(
        "raw-range-in-frames",
        "segment",
        "upstream",
        "asterinas d3e4f175c",
        "OUT.segment_from_raw",
        "a raw range is rebuilt in frames instead of bytes",
    ),
    Fault(
        "slice-offset-wrap",
        "segment",
        "upstream",
        "asterinas 43bc501c4",
        "OUT.segment_slice",
        "slice checks start + offset after the sum wrapped",
    ),
    Fault(
        "segment-next-keeps-cover",
        "segment",
        "ours",
        "Segment::next",
        "VIEW.RANGE",
        "next yields the first page but leaves it in the segment",
    ),
    Fault(
        "segment-rollback-leaks",
        "segment",
        "upstream",
        "asterinas 1bbed2e07",
        "ACCT.2",
        "a failed from_unused keeps the pages it had claimed",
    ),
    Fault(
        "segment-split-overlaps",
        "segment",
        "ours",
        "Segment::split",
        "VIEW.RANGE",
        "the right part of a split starts one page early",
    ),
    Fault(
        "segment-clone-misses-last",
        "segment",
        "ours",
        "Segment::clone",
        "ACCT.3c",
        "clone takes no reference on the last page",
    ),
    Fault(
        "drop-meta-precondition-excludes-unique",
        "unique",
        "upstream",
        "asterinas ab59d2989",
        "OUT.unique_repurpose",
        "in-place metadata drop asserts a zero count, which repurpose never has",
    ),
    Fault(
        "repurpose-skips-write",
        "unique",
        "twin",
        "vostd 4c01a2b62",
        "SLOT.05",
        "repurpose tears the old metadata down and writes none",
    ),
    Fault(
        "into-shared-keeps-unique",
        "unique",
        "ours",
        "Frame::from(UniqueFrame)",
        "ACCT.3b",
        "the conversion to a shared handle leaves the sentinel count",
    ),
    Fault(
        "try-unique-ignores-covers",
        "unique",
        "analogue",
        "Linux CVE-2020-29374",
        "OUT.unique_try_from_shared",
        "exclusiveness is granted while a second reference exists",
    ),
    Fault(
        "reset-calls-dealloc",
        "unique",
        "ours",
        "UniqueFrame::reset_as_unused",
        "VIEW.O6",
        "reset_as_unused hands the page to the allocator",
    ),
    Fault(
        "twin-insert-missing-in-list",
        "list",
        "twin",
        "vostd 9944131e7",
        "STRUCT.03'",
        "an inserted frame is not tagged with the list's id",
    ),
    Fault(
        "list-id-overflow",
        "list",
        "upstream",
        "asterinas 0b050d5e6",
        "OUT.list_contains",
        "the id counter wraps and two lists share an id",
    ),
    Fault(
        "take-current-keeps-in-list",
        "list",
        "ours",
        "CursorMut::take_current",
        "STRUCT.03'",
        "a taken frame keeps its list tag",
    ),
    Fault(
        "take-current-keeps-prev",
        "list",
        "ours",
        "CursorMut::take_current",
        "VIEW.O5",
        "the successor of a taken frame keeps its old back link",
    ),
)

FAULT_BY_ID: Final = {fault.id: fault for fault in CATALOGUE}
