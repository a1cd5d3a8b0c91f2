"""Axioms and ghost functions tried on small values: each probe states what should hold of them.

A probe returns the values that break its statement, in words, None if none of those it tried does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final, get_args

from vmstore.arch import KERNEL_BASE, PAGE_SIZE
from vmstore.contracts.values import pristine
from vmstore.geometry import config
from vmstore.ghost.frame_contents import FrameContents
from vmstore.ghost.global_mem_view import GlobalMemView
from vmstore.ghost.mapping import Mapping
from vmstore.ghost.mem_view import MemView
from vmstore.ghost.of_view import kernel_mem_view
from vmstore.ghost.virt_ptr import VirtPtr, memcpy
from vmstore.owner import Usage
from vmstore.spaces import RequiresError
from vmstore.view.state import View
from vmstore.world import World

_P = PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Probe:
    """One statement about ghost values, the suspect it belongs to, and what tries it."""

    id: str
    ax: str
    text: str
    source: str
    witness: Callable[[], str | None]


def _viewed(*pages: tuple[int, int]) -> MemView:
    """Return a view of pages (virtual, physical); each byte is its page's number."""
    mapped = frozenset(Mapping.page(va, pa) for va, pa in pages)
    return MemView(mapped, {pa: FrameContents.of(pa, bytes([pa // _P]) * _P) for _, pa in pages})


_TWO: Final = _viewed((_P, 8 * _P), (2 * _P, 4 * _P))
_CUTS: Final = (0, 1, 16, _P - 1, _P, _P + 1, 2 * _P)


def _mmio_by_value() -> str | None:
    owner = pristine(0)
    for a, b in product(get_args(Usage), repeat=2):
        one, other = owner._replace(usage=a), owner._replace(usage=b)
        if (one.usage == "MMIO") != (other.usage == "MMIO"):
            return f"two owners at {one.slot_vaddr:#x}, usage {a} and usage {b}"
    return None


def _tracked_by_bit() -> str | None:
    tracked_word = config("kernel", 4, 512).tracked_word
    leaves = {bit: bit == tracked_word for bit in (0, tracked_word)}
    if len(set(leaves.values())) == 2:
        shown = ", ".join(f"AVAIL1={bit:#x} tracked={leaf}" for bit, leaf in leaves.items())
        return f"kernel leaves of level 1, both at {_P:#x}: {shown}"
    return None


def _closed_under_any_size() -> str | None:
    """Try all maps of four pages into device memory and RAM."""
    pages = 4
    for chosen in product((False, True), repeat=pages):
        is_closed = all(
            chosen[at] == chosen[at + offset]
            for size in range(1, pages + 1)
            for at in range(0, pages, size)
            for offset in range(min(size, pages - at))
        )
        if not is_closed and len(set(chosen)) == 2:
            shown = " ".join("device" if is_device else "RAM" for is_device in chosen)
            return f"pages {shown}: a page of size {pages * _P:#x} at 0 has both"
    return None


def _kernel_view_is_memory() -> str | None:
    view = View(World(frames=2, pt_frames=0))
    reader, writer = (kernel_mem_view(view, 0, 8) for _ in range(2))
    at = min(m.va_start for m in writer.mappings)
    before = reader.read(at)
    written = writer.write(at, 7)
    if reader.read(at) != written.read(at):
        return f"{at:#x}: 7 is written through one view, the other one still reads {before}"
    return None


def _empty_slice_is_in_kernel() -> str | None:
    dangling = VirtPtr.new(1, 0)  # the address of an empty slice of bytes
    if dangling.inv() and dangling.vaddr < KERNEL_BASE:
        return f"the empty slice at {dangling.vaddr:#x} lies below {KERNEL_BASE:#x}"
    return None


def _halves_are_apart() -> str | None:
    for cut in _CUTS:
        left, right = _TWO.split(_P, cut)
        both = left.mappings & right.mappings
        if both:
            found = min(both)
            return f"split({_P:#x}, {cut:#x}): the page at {found.va_start:#x} is in both halves"
    return None


def _halves_join() -> str | None:
    for cut in _CUTS:
        left, right = _TWO.split(_P, cut)
        try:
            left.tracked_join(right)
        except RequiresError as error:
            return f"split({_P:#x}, {cut:#x}), then tracked_join: {error}"
    return None


def _join_keeps_what_was_written() -> str | None:
    for cut in _CUTS[1:]:
        left, right = _TWO.split(_P, cut)
        joined = left.write(_P, 255).join(right)
        if joined.read(_P) != 255:
            return (
                f"split({_P:#x}, {cut:#x}), 255 written at {_P:#x} through the left half, join:"
                f" reads {joined.read(_P)}"
            )
    return None


def _halves_are_the_whole() -> str | None:
    for start in (_P, 2 * _P):
        left, right = _TWO.split(start, 16)
        lost = _TWO.mappings - left.mappings - right.mappings
        if lost:
            return f"split({start:#x}, 0x10): the page at {min(lost).va_start:#x} is in no half"
    return None


def _taking_keeps_all() -> str | None:
    whole = GlobalMemView(_TWO.mappings, _TWO.mappings, frozenset(), _TWO.memory)
    for start, length in product((_P, 2 * _P), (_P, 2 * _P)):
        left, taken = whole.take_view(start, length)
        lost = whole.tlb_mappings - left.tlb_mappings - taken.mappings
        if lost:
            found = min(lost).va_start
            return f"take_view({start:#x}, {length:#x}): the page at {found:#x} is in no part"
    return None


def _overlapping_copy() -> str | None:
    """Compare the specified copy with one that moves bytes in ascending order, as a memcpy may."""
    count, shift = 16, 4
    memory = bytearray(range(32))
    page = FrameContents.of(4 * _P, bytes(memory) + bytes(_P - len(memory)))
    view = MemView(frozenset({Mapping.page(_P, 4 * _P)}), {4 * _P: page})
    source, sink = VirtPtr(_P, _P, _P + count), VirtPtr(_P + shift, _P + shift, _P + shift + count)
    specified = memcpy(source, view, sink, view, count).read_bytes(_P, len(memory))
    for i in range(count):
        memory[shift + i] = memory[i]
    differing = [i for i, byte in enumerate(specified) if byte != memory[i]]
    if differing:
        at = differing[0]
        return (
            f"{count} bytes from {_P:#x} to {_P + shift:#x}: the snapshot has {specified[at]} at"
            f" {_P + at:#x}, a copy in ascending order {memory[at]}"
        )
    return None


def _limit_has_a_lower_bound() -> str | None:
    """Look for what `limit(max)` may leave of `remain` bytes by its contract."""
    for remain, limit in product((0, 8, 16), (4, 8, 32)):
        allowed = [left for left in range(remain + 1) if left <= remain and left <= limit]
        if allowed != [min(remain, limit)]:
            return f"limit({limit}) with {remain} bytes left may leave any of {allowed}"
    return None


PROBES: Final = (
    Probe("AXIOM.MMIO_USAGE", "AX-02", "owners at one address agree on whether they are MMIO",
          "axiom_mmio_usage_iff_mmio_paddr", _mmio_by_value),
    Probe("AXIOM.TRACKED", "AX-03", "leaves at one address agree on whether they are tracked",
          "axiom_frame_is_tracked_iff_not_mmio", _tracked_by_bit),
    Probe("AXIOM.MMIO_CLOSED", "AX-04", "device memory and RAM are possible side by side",
          "axiom_mmio_paddr_huge_page_closed", _closed_under_any_size),
    Probe("AXIOM.KERNEL_VIEW", "AX-34", "two views of one kernel range show one memory",
          "axiom_kernel_mem_view", _kernel_view_is_memory),
    Probe("AXIOM.SLICE", "AX-35", "every slice lies in kernel memory",
          "axiom_slice_in_kernel", _empty_slice_is_in_kernel),
    Probe("MV.SPLIT.APART", "AX-36", "no mapping is in both halves of a split",
          "MemView::split", _halves_are_apart),
    Probe("MV.SPLIT.JOIN", "AX-36", "the halves of a split can be joined again",
          "MemView::tracked_join", _halves_join),
    Probe("MV.JOIN.LEFT", "AX-36", "a join keeps what was written through the left half",
          "MemView::join", _join_keeps_what_was_written),
    Probe("MV.SPLIT.WHOLE", "AX-36", "every mapping is in a half of a split",
          "MemView::split", _halves_are_the_whole),
    Probe("GMV.TAKE.WHOLE", "AX-42", "every mapping is in what is taken or in what is left",
          "GlobalMemView::take_view", _taking_keeps_all),
    Probe("VP.MEMCPY.OVERLAP", "AX-50", "a copy between overlapping ranges is as specified",
          "VirtPtr::memcpy_spec", _overlapping_copy),
    Probe("VIO.LIMIT.EXACT", "AX-51", "a limit leaves as much as it allows",
          "VmReader::limit", _limit_has_a_lower_bound),
)  # fmt: skip
