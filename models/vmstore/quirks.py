"""Quirks: upstream's own live bugs that the model reproduces. Allowed, counted, strict findings."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Quirk:
    """One known defect of the modelled code: its id, what happens, where it is described.

    `is_fatal` where memory is no longer safe after it, so that nothing that follows means anything.
    """

    id: str
    text: str
    source: str
    is_fatal: bool = False


QUIRKS: Final = (
    Quirk(
        "empty-segment-reads-foreign-frame",
        "converting an empty segment reads the metadata of a page that it does not own",
        "asterinas issue 3920",
    ),
    Quirk(
        "slice-wraps-outside-parent",
        "a slice whose offsets wrap lies outside of its parent (variant slice_check=wrapping-sum)",
        "asterinas issue 3165, fixed by 43bc501c4",
    ),
    Quirk(
        "reference-count-panics-at-max",
        "reading a legal count of REF_COUNT_MAX panics in a debug build",
        "Frame::reference_count asserts < REF_COUNT_MAX, inc_ref_count allows it",
    ),
    Quirk(
        "exact-huge-range-guard-too-low",
        "a range of exactly one huge page cannot map that page: its guard is a level below",
        "asterinas issue 3731",
    ),
    Quirk(
        "map-over-empty-table",
        "a huge page cannot be mapped where a table without entries was left behind",
        "CursorMut::map asserts that the entry is absent",
    ),
    Quirk(
        "map-panic-leaks-frame",
        "a property or address that cannot be encoded loses the frame's reference for ever",
        "Entry::replace encodes after it has counted the entry",
    ),
    Quirk(
        "iomem-mapped-but-unrecorded",
        "device memory that reaches beyond the range stays mapped, and its region unknown",
        "CursorMut::map_iomem records the region last",
    ),
    Quirk(
        "search-never-ends",
        "at the end of the address space a release build's search goes on at 0 for ever",
        "Cursor::find_next_impl moves to an end that wraps",
    ),
    Quirk(
        "cursor-leaves-its-range",
        "past the kernel's last entry a release build's cursor goes on at 0: it maps where no table"
        " of the kernel is, and takes out tables that lie in the ranges of others",
        "Cursor::cur_va_range wraps where a debug build panics",
        is_fatal=True,
    ),
)
FATAL: Final = frozenset(quirk.id for quirk in QUIRKS if quirk.is_fatal)
