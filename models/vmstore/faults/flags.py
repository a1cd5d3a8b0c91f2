"""One boolean per planted bug; all off is the clean model."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from vmstore.faults.catalogue import CATALOGUE, FAULT_BY_ID


class UnknownFault(ValueError):
    """A fault id that the model cannot plant; the message says why."""

    def __init__(self, fault: str) -> None:
        known = FAULT_BY_ID.get(fault)
        if known is None:
            near = get_close_matches(fault, FAULT_BY_ID, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            super().__init__(f"unknown fault {fault!r}{hint}")
        elif known.reason:
            super().__init__(f"fault {fault!r} is catalogued but out of scope: {known.reason}")
        else:
            super().__init__(f"fault {fault!r} is catalogued but not planted yet")


@dataclass(slots=True)
class Faults:
    """The switches; a fault's flag is its id with underscores."""

    inc_ref_temp_handle: bool = False
    refcount_32bit_wrap: bool = False
    dealloc_before_meta_reset: bool = False
    nyx_missing_incref: bool = False
    nyx_u8_refcount: bool = False
    kvm_nonrefcounted_pages: bool = False
    linux_zero_page_pins: bool = False
    from_raw_counts_again: bool = False
    into_raw_drops: bool = False
    bound_before_alignment: bool = False
    unique_reported_in_use: bool = False
    sentinel_taken_for_saturation: bool = False
    saturation_one_early: bool = False
    last_drop_leaves_busy: bool = False
    drop_frees_at_two: bool = False
    drop_skips_dealloc: bool = False
    rejected_meta_on_drop: bool = False
    teardown_keeps_storage: bool = False
    teardown_keeps_vtable: bool = False
    teardown_skips_on_drop: bool = False
    downcast_unchecked: bool = False
    from_unused_last_frame_rejected: bool = False
    raw_range_in_frames: bool = False
    slice_offset_wrap: bool = False
    segment_rollback_leaks: bool = False
    x86_64_range_inclusive_top: bool = False
    tock_shrunk_buffer_alias: bool = False
    segment_bound_on_start: bool = False
    segment_from_unused_empty: bool = False
    segment_rollback_one_short: bool = False
    segment_rollback_one_far: bool = False
    segment_next_keeps_cover: bool = False
    segment_next_yields_last: bool = False
    segment_split_overlaps: bool = False
    segment_split_at_end: bool = False
    segment_split_panic_leaks: bool = False
    segment_slice_absolute_bound: bool = False
    segment_clone_misses_last: bool = False
    segment_drop_descends: bool = False
    drop_meta_precondition_excludes_unique: bool = False
    repurpose_skips_write: bool = False
    linux_cow_gup_exclusive: bool = False
    linux_anon_vma_reuse: bool = False
    repurpose_keeps_payload: bool = False
    repurpose_skips_teardown: bool = False
    into_shared_keeps_unique: bool = False
    try_from_shared_drops: bool = False
    reset_calls_dealloc: bool = False
    twin_insert_missing_in_list: bool = False
    list_id_overflow: bool = False
    rfl_cursor_shared_element: bool = False
    insert_skips_size: bool = False
    insert_front_keeps_front: bool = False
    insert_moves_cursor: bool = False
    take_current_keeps_in_list: bool = False
    take_current_keeps_prev: bool = False
    take_current_keeps_links: bool = False
    take_current_steps_back: bool = False
    move_next_skips_ghost: bool = False
    contains_any_tag: bool = False
    list_drop_keeps_last: bool = False
    cstring_overread_cursor: bool = False
    offset_plus_len_overflow: bool = False
    skip_limit_by_value_ignored: bool = False
    typed_slice_length_in_elements: bool = False
    xsa_219_write_after_ref_drop: bool = False
    copy_leaves_writer_behind: bool = False
    atomic_load_consumes: bool = False
    fill_zeros_one_short: bool = False

    @classmethod
    def of(cls, ids: Iterable[str]) -> "Faults":
        """Return the switches with `ids` on. Errors: UnknownFault."""
        flags = cls()
        for fault in ids:
            if fault not in _FLAG_BY_ID:
                raise UnknownFault(fault)
            setattr(flags, _FLAG_BY_ID[fault], True)
        return flags


PLANTED: Final = tuple(fault for fault in CATALOGUE if fault.flag in Faults.__slots__)
_FLAG_BY_ID: Final = {fault.id: fault.flag for fault in PLANTED}
