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
        "cursor-cuts-outside-its-range",
        "past the kernel's last entry a release build's cursor goes on at 0, and takes out tables"
        " that lie in the ranges of others",
        "Cursor::cur_va_range wraps where a debug build panics",
        is_fatal=True,
    ),
)
FATAL: Final = frozenset(quirk.id for quirk in QUIRKS if quirk.is_fatal)
