"""Bugs of page-table cursors."""

from typing import Final

from vmstore.faults.record import Fault

_COW: Final = "copy-on-write and fork of the kernel's process layer, which only calls cursors"
_AREAS: Final = "the kernel's bookkeeping of memory areas, which only calls cursors"

FAULTS: Final = (
    Fault(
        "cow-readfault-maps-writable",
        "cursor",
        "upstream",
        "asterinas 7bee03f91",
        "a read fault maps the parent's page writable into the child",
        reason=_COW,
    ),
    Fault(
        "exact-huge-range-guard-too-low",
        "cursor",
        "upstream",
        "asterinas issue 3731",
        "a range of exactly one huge page is locked too low to take the huge page",
    ),
    Fault(
        "fault-beyond-object-end",
        "cursor",
        "upstream",
        "asterinas fe24c2d8a",
        "a fault past the object's end is reported as handled, and faults again for ever",
        reason="page-fault handling over the page cache, in the kernel above",
    ),
    Fault(
        "fork-mmio-jump-to-end",
        "cursor",
        "upstream",
        "asterinas 970ec2508",
        "fork jumps past a device mapping that ends the range, and fails",
        reason=_COW,
    ),
    Fault(
        "jump-misaligned-contract",
        "cursor",
        "upstream",
        "asterinas d7c12c100",
        "jump accepts an address that is not page aligned",
        "OUT.cursor_jump",
    ),
    Fault(
        "query-range-unaligned-in-huge",
        "cursor",
        "upstream",
        "asterinas a1accf430",
        "a query inside a huge page reports a range that starts at the cursor",
        "OUT.cursor_query",
    ),
    Fault(
        "remap-jump-to-barrier-end",
        "cursor",
        "upstream",
        "asterinas 751e0b2eb",
        "moving a mapping jumps to the end of the range after the last page, and unwraps",
        reason="the kernel's mremap; the cursor reports the error that it documents",
    ),
    Fault(
        "take-next-skip-leaves-va-short",
        "cursor",
        "upstream",
        "asterinas 9a6e1b03e",
        "unmapping a range with an absent tail leaves the cursor short of its end",
    ),
    Fault(
        "find-next-overshoots-barrier",
        "cursor",
        "upstream",
        "asterinas ddb39ccb1",
        "a search that finds nothing leaves the cursor beyond its range",
        "CUR.INV.2'",
    ),
    Fault(
        "jump-node-end-wrap",
        "cursor",
        "upstream",
        "asterinas 9ed6b760b",
        "the end of the last node wraps to zero, and a jump inside of it panics",
        "OUT.cursor_jump",
    ),
    Fault(
        "protect-merge-removes-next",
        "cursor",
        "upstream",
        "asterinas c7b633e9b",
        "an area that merged with its neighbour is looked up again while protecting a range",
        reason=_AREAS,
    ),
    Fault(
        "twin-cursor-new-foreign-owner",
        "cursor",
        "twin",
        "vostd 55470b500",
        "a cursor is opened with the lock of another page table",
        "CUR.INV.10",
    ),
    Fault(
        "aplus-fork-loses-ro",
        "cursor",
        "analogue",
        "aplus #44",
        "resolving copy-on-write makes a read-only page writable",
        reason=_COW,
    ),
    Fault(
        "uros-cow-fastpath-no-protect",
        "cursor",
        "analogue",
        "Uros #385",
        "resolving copy-on-write leaves the old translation of a page that is freed",
        reason=_COW,
    ),
    Fault(
        "kvm-stale-pte-revalidate",
        "cursor",
        "analogue",
        "KVM f7d9c7b7b902",
        "an entry read before the lock was taken is acted on after it",
        schedule="concurrent",
    ),
    Fault(
        "redcow-dirty-retry",
        "cursor",
        "analogue",
        "Linux CVE-2016-5195",
        "a retried lookup forgets that it wants to write, and gets the shared page",
        schedule="concurrent",
        reason=_COW,
    ),
)
