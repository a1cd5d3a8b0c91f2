"""One boolean per planted bug; all off is the clean model."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from vmstore.faults.catalogue import FAULT_BY_ID


class UnknownFault(ValueError):
    """A fault id that the catalogue does not have."""

    def __init__(self, fault: str) -> None:
        near = get_close_matches(fault, FAULT_BY_ID, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        super().__init__(f"unknown fault {fault!r}{hint}")


@dataclass(slots=True)
class Faults:
    """The switches; a fault's flag is its id with underscores."""

    inc_ref_temp_handle: bool = False
    refcount_32bit_wrap: bool = False
    frame_clone_uncounted: bool = False
    clone_skips_saturation_check: bool = False
    from_raw_counts_again: bool = False
    last_drop_leaves_busy: bool = False
    teardown_keeps_storage: bool = False
    teardown_keeps_vtable: bool = False
    teardown_skips_on_drop: bool = False
    from_unused_last_frame_rejected: bool = False
    raw_range_in_frames: bool = False
    slice_offset_wrap: bool = False
    segment_next_keeps_cover: bool = False
    segment_rollback_leaks: bool = False
    segment_split_overlaps: bool = False
    segment_clone_misses_last: bool = False
    drop_meta_precondition_excludes_unique: bool = False
    repurpose_skips_write: bool = False
    into_shared_keeps_unique: bool = False
    try_unique_ignores_covers: bool = False
    reset_calls_dealloc: bool = False
    twin_insert_missing_in_list: bool = False
    list_id_overflow: bool = False
    take_current_keeps_in_list: bool = False
    take_current_keeps_prev: bool = False

    @classmethod
    def of(cls, ids: Iterable[str]) -> "Faults":
        """Return the switches with `ids` on. Errors: UnknownFault."""
        flags = cls()
        for fault in ids:
            if fault not in FAULT_BY_ID:
                raise UnknownFault(fault)
            setattr(flags, fault.replace("-", "_"), True)
        return flags
