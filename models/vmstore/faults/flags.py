"""One boolean per planted bug; all off is the clean model."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Final

from vmstore.faults.catalogue import CATALOGUE, FAULT_BY_ID
from vmstore.faults.own import OWN_FAULTS

_LONGEST: Final = 60  # characters of an unknown id in a message


class UnknownFault(ValueError):
    """A fault id that the model cannot plant; the message says why."""

    def __init__(self, fault: str) -> None:
        known = FAULT_BY_ID.get(fault)
        if known is None:
            is_own = "." in fault
            ids = OWN_FAULTS if is_own else (*FAULT_BY_ID, *OWN_FAULTS)
            near = get_close_matches(fault[:_LONGEST], ids, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            if is_own:
                none = "" if near else ", and none that is installed has it"
                hint = f"; ids with a dot belong to an extension{none}{hint}"
            super().__init__(f"unknown fault {fault[:_LONGEST]!r}{hint}")
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
    blog_os_table_frame_double_free: bool = False
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
    entry_cached_pte_stale: bool = False
    protect_none_loses_frame: bool = False
    pte_roundtrip_forces_accessed: bool = False
    translate_drops_page_offset: bool = False
    twin_pte_precondition_assumed: bool = False
    clear_frees_tables_before_flush: bool = False
    largest_pages_va_len_wrap: bool = False
    noperm_upper_leaf_decodes_as_table: bool = False
    aarch64_paging_root_leak: bool = False
    dragonos_alias_unmap_frees: bool = False
    nuttx_level_index: bool = False
    sweb_unmap_double_free: bool = False
    kvm_huge_pde_access_share: bool = False
    nanos_unmap_handler_range: bool = False
    split_loses_privileges: bool = False
    split_repeats_first_part: bool = False
    map_skips_child_count: bool = False
    clear_keeps_child_count: bool = False
    protect_resets_cache: bool = False
    protect_keeps_status_flags: bool = False
    cache_bits_swapped: bool = False
    drop_walks_kernel_half: bool = False
    destroy_skips_last_entry: bool = False
    largest_pages_ignores_paddr: bool = False
    alloc_skips_child_count: bool = False
    split_counts_in_parent: bool = False
    kernel_half_starts_late: bool = False
    jump_misaligned_contract: bool = False
    query_range_unaligned_in_huge: bool = False
    take_next_skip_leaves_va_short: bool = False
    find_next_overshoots_barrier: bool = False
    jump_node_end_wrap: bool = False
    twin_cursor_new_foreign_owner: bool = False
    empty_range_accepted: bool = False
    range_end_zero_underflow: bool = False
    take_next_reports_end: bool = False
    stray_stops_at_root: bool = False
    jump_back_pops_guard: bool = False
    find_next_len_wrap: bool = False
    map_end_wrap: bool = False
    find_next_stops_early: bool = False
    fit_ignores_start: bool = False
    kernel_top_table_taken: bool = False
    forward_keeps_level: bool = False
    jump_climbs_to_guard: bool = False
    map_over_loses_old: bool = False
    map_refused_leaks_frame: bool = False
    guard_covers_exclusive_end: bool = False
    dfs_lock_misses_last: bool = False
    blocked_open_keeps_locks: bool = False
    drop_unlocks_guard_only: bool = False
    stray_counts_tables: bool = False
    stray_not_marked: bool = False
    range_end_inclusive_check: bool = False
    vmspace_dropped_while_active: bool = False
    xous_map_range_alias: bool = False
    query_leaks_clone: bool = False
    user_frame_keeps_mark: bool = False
    iomem_not_marked: bool = False
    iomem_recorded_beyond_end: bool = False
    iomem_whole_ignores_offset: bool = False
    unmap_counts_iomem: bool = False
    activate_keeps_no_space: bool = False
    activate_keeps_translations: bool = False
    activate_forgets_cpu: bool = False
    activate_leaves_old_cpu: bool = False
    activate_leaks_old_root: bool = False
    unmap_returns_before_remote_flush: bool = False
    drop_frame_before_bulk_flush: bool = False
    arceos_flush_wrong_va_bits: bool = False
    osv_flush_waits_offline: bool = False
    rcore_full_flush_local: bool = False
    sel4_unmap_skips_flush_without_tags: bool = False
    xsa_408_flush_condition: bool = False
    microv_va_reuse_local_invlpg: bool = False
    rcore_intermediate_no_invalidate: bool = False
    xsa_480_ept_free_before_flush: bool = False
    flush_limit_counts_requests: bool = False
    twin_keeper_omitted: bool = False
    flush_limit_one_late: bool = False
    unmap_dispatches_if_counted: bool = False
    remote_keeper_uncounted: bool = False
    ipi_to_self: bool = False
    rcu_forgets_older_batch: bool = False
    own: frozenset[str] = frozenset()  # ids of planted bugs from outside

    @classmethod
    def of(cls, ids: Iterable[str]) -> "Faults":
        """Return the switches with `ids` on. Errors: UnknownFault."""
        flags = cls()
        for fault in ids:
            if fault in OWN_FAULTS:
                flags.own |= {fault}
            elif fault in _FLAG_BY_ID:
                setattr(flags, _FLAG_BY_ID[fault], True)
            else:
                raise UnknownFault(fault)
        return flags


_FLAGS: Final = {flag.name for flag in fields(Faults)}
PLANTED: Final = tuple(fault for fault in CATALOGUE if fault.flag in _FLAGS)
_FLAG_BY_ID: Final = {fault.id: fault.flag for fault in PLANTED}
