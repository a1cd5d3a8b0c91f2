"""What each op can come to: the cells of the op x outcome matrix.

A cell is an op and a word: `ok`, `none` (a success that found nothing), the name of an error,
`panic CODE`, `abort CODE`, `blocked`, `diverges`. Listed is what some world allows without test
hooks and planted bugs; a count of 0, and with it the error Busy, exists only inside a call. The
list is written down, not derived: `tests/model/witnesses.traces` reaches every cell of it, and
no campaign may reach a cell that is not in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vmstore.ops import GENERATED
from vmstore.world import World

_CLAIM: Final = "ok, NotAligned, OutOfBound, Unique, InUse"
_SHORT: Final = "ok, Borrowed, WrongType, InvalidArgs"
_OPEN: Final = "panic no-memory, panic overflow"
_SEARCH: Final = "ok, none, panic len-unaligned, panic len-beyond-barrier"
_MAP: Final = (
    "ok, panic cursor-at-barrier, panic level-at-guard, panic no-memory, panic map-over-mapping,"
    " panic cache-policy-unsupported"
)
_TARGET: Final = "ok, NotUntyped, panic paddr-out-of-bound"

# What an op that is not named here can come to is `ok` alone.
_WORDS: Final[dict[str, str]] = {
    "frame_from_unused": _CLAIM,
    "frame_from_in_use": "ok, NotAligned, OutOfBound, Unused, Unique, abort ref-count-saturated",
    "frame_clone": "ok, abort ref-count-saturated",
    "frame_reference_count": "ok, panic ref-count-saturated",
    "frame_borrow": "ok, panic ref-count-saturated",
    "frame_downcast": "ok, WrongType",
    "frame_to_uframe": "ok, NotUntyped",
    "segment_from_unused": f"{_CLAIM}, panic range-empty",
    "segment_split": "ok, panic offset-unaligned, panic offset-out-of-bound",
    "segment_slice": (
        "ok, panic offset-unaligned, panic overflow, panic offset-out-of-bound,"
        " abort ref-count-saturated"
    ),
    "segment_clone": "ok, abort ref-count-saturated",
    "segment_next": "ok, none",
    "segment_downcast": "ok, WrongType, panic paddr-out-of-bound",
    "segment_to_usegment": _TARGET,
    "unique_from_unused": _CLAIM,
    "unique_try_from_shared": "ok, Shared",
    "list_push_front": "ok, Borrowed, WrongType, abort list-id-exhausted",
    "list_push_back": "ok, Borrowed, WrongType, abort list-id-exhausted",
    "list_pop_front": "ok, none, Borrowed",
    "list_pop_back": "ok, none, Borrowed",
    "list_contains": "ok, Borrowed, abort list-id-exhausted",
    "list_size": "ok, Borrowed",
    "list_drop": "ok, Borrowed",
    "list_cursor_front": "ok, Borrowed",
    "list_cursor_back": "ok, Borrowed",
    "list_cursor_at": "ok, none, Borrowed, abort list-id-exhausted",
    "lcursor_current_meta": "ok, none",
    "lcursor_take_current": "ok, none",
    "lcursor_insert_before": "ok, WrongType, abort list-id-exhausted",
    "pt_new": "ok, panic no-memory",
    "pt_drop": "ok, Borrowed",
    "pt_page_walk": "ok, none",
    "pt_largest_pages": "ok, panic len-unaligned, panic overflow, panic range-invalid",
    "pt_cursor_open": f"ok, InvalidVaddrRange, UnalignedVaddr, blocked, {_OPEN}",
    "pt_cursor_open_mut": f"ok, InvalidVaddrRange, UnalignedVaddr, blocked, {_OPEN}",
    "pt_cursor_drop": "ok, panic overflow",
    "pt_cursor_query": "ok, none, InvalidVaddr, panic overflow",
    "pt_cursor_find_next": f"{_SEARCH}, panic overflow, diverges",
    "pt_cursor_jump": (
        "ok, panic va-unaligned, InvalidVaddr, panic level-at-guard, panic level-popped-too-high"
    ),
    "pt_cursor_map": (
        f"{_MAP}, NotUntyped, panic reserved-prop-bit, panic level-unsupported,"
        " panic va-unaligned-for-level, panic map-beyond-barrier, panic level-popped-too-high,"
        " panic paddr-invalid-bits"
    ),
    "pt_cursor_map_frame": f"{_MAP}, NotUntyped, panic reserved-prop-bit",
    "pt_cursor_take_next": f"{_SEARCH}, {_OPEN}, diverges",
    "pt_cursor_protect_next": f"{_SEARCH}, {_OPEN}, diverges, panic cache-policy-unsupported",
    "vmspace_new": "ok, panic no-memory",
    "vmspace_drop": "ok, Borrowed",
    "vmspace_activate": "ok, abort ref-count-saturated",
    "cpu_set": "ok, OutOfBound, Borrowed",
    "cursor_open": "ok, AccessDenied, blocked, panic no-memory",
    "cursor_open_mut": "ok, AccessDenied, blocked, panic no-memory",
    "cursor_query": (
        "ok, none, AccessDenied, abort ref-count-saturated, panic ref-count-saturated"
    ),
    "cursor_find_next": _SEARCH,
    "cursor_jump": "ok, panic va-unaligned, AccessDenied, panic level-at-guard",
    "cursor_map": f"{_MAP}, WrongType, NotUntyped, abort ref-count-saturated",
    "cursor_map_iomem": (
        f"{_MAP}, WrongType, panic len-unaligned, panic overflow, panic paddr-invalid-bits,"
        " abort ref-count-saturated"
    ),
    "cursor_find_iomem": "ok, none, WrongType, panic overflow",
    "cursor_unmap": (
        "ok, WrongType, panic overflow, panic len-unaligned, panic len-beyond-barrier,"
        " abort ref-count-saturated"
    ),
    "cursor_protect_next": f"{_SEARCH}, WrongType, panic cache-policy-unsupported",
    "cursor_flusher_issue": (
        "ok, WrongType, panic range-unaligned, panic range-empty, panic flush-op-page-count"
    ),
    "cursor_flusher_dispatch": "ok, WrongType",
    "cursor_flusher_sync": "ok, WrongType",
    "vs_reader": "ok, AccessDenied",
    "vs_writer": "ok, AccessDenied",
    "vs_reader_writer": "ok, AccessDenied",
    "vmio_read_bytes": f"{_TARGET}, Overflow, InvalidArgs",
    "vmio_write_bytes": f"{_TARGET}, Overflow, InvalidArgs",
    "vmio_read_val": f"{_TARGET}, InvalidArgs",
    "vmio_write_val": f"{_TARGET}, InvalidArgs",
    "vmio_read_once": f"{_TARGET}, panic io-beyond-end, InvalidArgs, panic io-unaligned",
    "vmio_write_once": f"{_TARGET}, panic io-beyond-end, InvalidArgs, panic io-unaligned",
    "vmio_fill_zeros": f"{_TARGET}, InvalidArgs",
    "vmio_read": f"{_TARGET}, Borrowed, WrongType, Overflow, InvalidArgs, PageFault",
    "vmio_write": f"{_TARGET}, Borrowed, WrongType, Overflow, InvalidArgs, PageFault",
    "reader_new": f"{_TARGET}, OutOfBound",
    "reader_remain": "ok, Borrowed",
    "reader_skip": "ok, Borrowed, panic io-beyond-end",
    "reader_limit": "ok, Borrowed",
    "reader_clone": "ok, Borrowed",
    "reader_to_fallible": "ok, Borrowed, WrongType",
    "reader_read_val": "ok, Borrowed, InvalidArgs, PageFault",
    "reader_read_once": f"{_SHORT}, panic io-unaligned",
    "reader_atomic_load": f"{_SHORT}, panic io-unaligned, PageFault",
    "reader_read": "ok, Borrowed, WrongType",
    "reader_read_fallible": "ok, Borrowed, WrongType, PageFault",
    "writer_new": f"{_TARGET}, OutOfBound",
    "writer_avail": "ok, Borrowed",
    "writer_skip": "ok, Borrowed, panic io-beyond-end",
    "writer_limit": "ok, Borrowed",
    "writer_to_fallible": "ok, Borrowed, WrongType",
    "writer_write_val": "ok, Borrowed, InvalidArgs, PageFault",
    "writer_write_once": f"{_SHORT}, panic io-unaligned",
    "writer_fill_zeros": "ok, Borrowed, PageFault",
    "writer_write": "ok, Borrowed, WrongType",
    "writer_write_fallible": "ok, Borrowed, WrongType, PageFault",
    "writer_atomic_compare_exchange": (
        f"{_SHORT}, panic address-mismatch, panic io-unaligned, PageFault"
    ),
    "access": "ok, PageFault",
    "rcu_sync": "ok, Borrowed",
}

_DEBUG: Final = ("build=debug",)
_ASSERTS: Final = ("build=debug", "variant.debug_assertions=checked")
_RELEASE: Final = ("build=release",)
_SMALL_COUNTS: Final = ("rc_max",)
# What a word needs of the world, whatever the op; a bare name is a setting below its default.
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "abort ref-count-saturated": _SMALL_COUNTS,
    "abort list-id-exhausted": ("list_ids",),
    "panic ref-count-saturated": (*_ASSERTS, *_SMALL_COUNTS),
    "panic paddr-out-of-bound": _ASSERTS,
    "panic reserved-prop-bit": _ASSERTS,
    "panic flush-op-page-count": _ASSERTS,
    "panic overflow": _DEBUG,
    "panic level-popped-too-high": _RELEASE,
    "diverges": _RELEASE,
    "panic map-over-mapping": ("variant.map_over=panics",),
    "panic level-at-guard": ("variant.map_level=below-guard",),
}
_JUMP: Final = ("variant.jump_from_end=panics",)
_REPLACES: Final = (*_SMALL_COUNTS, "variant.map_over=replaces")
# The same for single cells, where it differs.
_CELL_NEEDS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("segment_slice", "panic overflow"): (*_DEBUG, "variant.slice_check=wrapping-sum"),
    ("pt_cursor_map", "panic level-at-guard"): _ASSERTS,
    ("pt_cursor_jump", "panic level-at-guard"): _JUMP,
    ("cursor_jump", "panic level-at-guard"): _JUMP,
    ("cursor_map", "abort ref-count-saturated"): _REPLACES,
    ("cursor_map_iomem", "abort ref-count-saturated"): _REPLACES,
    ("cursor_query", "abort ref-count-saturated"): (*_SMALL_COUNTS, "variant.query_item=clones"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One possible (op, outcome). `needs` are the settings without which no world shows it."""

    op: str
    word: str
    needs: tuple[str, ...] = ()

    def is_possible_in(self, world: World) -> bool:
        """Return whether the world has all that the cell needs."""
        return all(has_setting(world, need) for need in self.needs)


def has_setting(world: World, need: str) -> bool:
    """Return whether a world has `name=value`, or the setting `name` below its default."""
    name, _, value = need.partition("=")
    if name.startswith("variant."):
        return world.variant(name.removeprefix("variant.")) == value
    if value:
        return str(getattr(world, name)) == value
    return bool(getattr(world, name) < getattr(World(), name))


def _cells(op: str) -> tuple[Cell, ...]:
    words = _WORDS.get(op, "ok").split(", ")
    return tuple(
        Cell(op, word, _CELL_NEEDS.get((op, word), _NEEDS.get(word, ()))) for word in words
    )


POSSIBLE: Final[dict[str, tuple[Cell, ...]]] = {d.name: _cells(d.name) for d in GENERATED}
CELLS: Final[tuple[Cell, ...]] = tuple(cell for cells in POSSIBLE.values() for cell in cells)


def cells_of(worlds: Iterable[World]) -> frozenset[tuple[str, str]]:
    """Return the (op, word) pairs that at least one of these worlds allows."""
    known = tuple(worlds)
    return frozenset(
        (cell.op, cell.word) for cell in CELLS if any(cell.is_possible_in(w) for w in known)
    )
