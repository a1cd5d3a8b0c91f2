"""Bugs of exclusive frame handles."""

from typing import Final

from vmstore.faults.record import Fault

FAULTS: Final = (
    Fault(
        "drop-meta-precondition-excludes-unique",
        "unique",
        "upstream",
        "asterinas ab59d2989",
        "in-place metadata drop asserts a zero count, which repurpose never has",
        "OUT.unique_repurpose",
    ),
    Fault(
        "repurpose-skips-write",
        "unique",
        "twin",
        "vostd 4c01a2b62",
        "repurpose tears the old metadata down and writes none",
        "SLOT.05",
    ),
    Fault(
        "linux-cow-gup-exclusive",
        "unique",
        "analogue",
        "Linux CVE-2020-29374",
        "exclusiveness is granted while a second reference exists",
        "OUT.unique_try_from_shared",
    ),
    Fault(
        "linux-anon-vma-reuse",
        "unique",
        "analogue",
        "Linux CVE-2022-42703",
        "an exclusive page counts as reusable because only its list is asked, not its handles",
        "OUT.unique_from_unused",
    ),
    Fault(
        "linux-thp-mapcount-split",
        "unique",
        "analogue",
        "Linux CVE-2020-29368",
        "exclusiveness is granted by a count read before another reference was taken",
        "ACCT.3b",
        schedule="concurrent",
    ),
    Fault(
        "repurpose-keeps-payload",
        "unique",
        "ours",
        "UniqueFrame::repurpose",
        "the new metadata type is installed over the old payload",
        "UNQ.GINV'",
    ),
    Fault(
        "repurpose-skips-teardown",
        "unique",
        "ours",
        "UniqueFrame::repurpose",
        "the old metadata is overwritten without its drop hook",
        "VIEW.O7",
    ),
    Fault(
        "into-shared-keeps-unique",
        "unique",
        "ours",
        "Frame::from(UniqueFrame)",
        "the conversion to a shared handle leaves the sentinel count",
        "ACCT.3b",
    ),
    Fault(
        "try-from-shared-drops",
        "unique",
        "ours",
        "TryFrom<Frame> for UniqueFrame",
        "a refused conversion gives the caller's reference back as well as the frame",
        "ACCT.3c",
    ),
    Fault(
        "reset-calls-dealloc",
        "unique",
        "ours",
        "UniqueFrame::reset_as_unused",
        "reset_as_unused hands the page to the allocator",
        "VIEW.O6",
    ),
)
