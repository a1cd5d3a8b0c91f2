"""Address arithmetic of the modelled machine (x86-64, 48-bit) and the reference-count sentinels.

All functions are pure. Addresses are bytes, indices count 4 KiB pages, ends are exclusive.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

U64_MASK: Final = (1 << 64) - 1
PAGE_SIZE: Final = 0x1000
META_SLOT_SIZE: Final = 0x40
META_BASE: Final = 0xFFFF_E000_0000_0000
META_CAP: Final = 0xFFFF_E100_0000_0000
LINEAR_BASE: Final = 0xFFFF_8000_0000_0000
HEAP_BASE: Final = 0xFFFF_C000_0000_0000  # where kernel buffers lie
KERNEL_BASE: Final = LINEAR_BASE  # the lowest kernel address

REF_COUNT_UNUSED: Final = U64_MASK
REF_COUNT_UNIQUE: Final = U64_MASK - 1
REF_COUNT_MAX: Final = (1 << 63) - 1
MAX_LIST_ID: Final = (1 << 63) - 1


class AddressOverflow(ArithmeticError):
    """Checked address arithmetic left the 64-bit range (debug builds only)."""


def frame_to_index(paddr: int) -> int:
    """Return the slot index of the page that contains `paddr`."""
    return paddr // PAGE_SIZE


def index_to_frame(index: int) -> int:
    """Return the physical address of page `index`."""
    return index * PAGE_SIZE


def index_to_meta(index: int) -> int:
    """Return the virtual address of metadata slot `index`."""
    return META_BASE + index * META_SLOT_SIZE


def frame_to_meta(paddr: int, *, debug: bool = True) -> int:
    """Return the slot address for `paddr`; a misaligned address maps to its page's slot.

    Errors: AddressOverflow in a debug build when the sum leaves 64 bits; a release build wraps.
    Source: `mapping::frame_to_meta`.
    """
    vaddr = META_BASE + paddr // PAGE_SIZE * META_SLOT_SIZE
    if vaddr > U64_MASK and debug:
        raise AddressOverflow(f"frame_to_meta({paddr:#x}) overflows")
    return vaddr & U64_MASK


def meta_to_frame(vaddr: int, *, debug: bool = True) -> int:
    """Return the physical address whose slot contains `vaddr`.

    Errors: AddressOverflow in a debug build when `vaddr` is below the metadata range; a release
    build wraps. Source: `mapping::meta_to_frame`.
    """
    if vaddr < META_BASE and debug:
        raise AddressOverflow(f"meta_to_frame({vaddr:#x}) underflows")
    return ((vaddr - META_BASE) & U64_MASK) // META_SLOT_SIZE * PAGE_SIZE & U64_MASK


def meta_to_index(vaddr: int) -> int:
    """Return the slot index of the metadata address `vaddr`."""
    return frame_to_index(meta_to_frame(vaddr))


def is_valid_frame_paddr(paddr: int, max_paddr: int) -> bool:
    """Return whether `paddr` names a page below `max_paddr`. Source: `valid_frame_paddr`."""
    return paddr % PAGE_SIZE == 0 and 0 <= paddr < max_paddr


def are_disjoint(ranges: Iterable[tuple[int, int]]) -> bool:
    """Return whether no two of the ranges, ends exclusive, share an address."""
    ordered = sorted(ranges)
    return len(ordered) < 2 or all(a[1] <= b[0] for a, b in pairwise(ordered))
