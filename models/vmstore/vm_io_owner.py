"""What a reader or writer owns: which bytes are left, and its view of kernel memory.

Source: vostd `VmIoOwner`, `MemView`. A place names a run of addresses in which bytes lie side by
side; offsets in it are physical addresses, user addresses, or bytes from a buffer's start.
"""

from dataclasses import dataclass
from typing import Final, Literal

from vmstore.arch import PAGE_SIZE, are_disjoint
from vmstore.ids import PREFIXES

Place = tuple[Literal["memory", "user", "buf"], int]  # with the space's or buffer's id, or 0
Kind = Literal["Reader", "Writer"]
MEMORY: Final[Place] = ("memory", 0)

Lender = tuple[Literal["frame", "segment", "buf", "vs"], int]  # the handle that is borrowed


@dataclass(slots=True)
class VmIoMemView:
    """The mappings through which a kernel handle sees its bytes: ranges, end exclusive."""

    kind: Literal["ReadView", "WriteView"]
    mappings: tuple[tuple[int, int], ...]

    def translates(self, start: int, end: int) -> bool:
        """Return whether every byte of `[start, end)` is in a mapping. Source: `addr_transl`."""
        if start >= end:
            return True
        at = start
        for first, last in sorted(self.mappings):
            if first <= at < last:
                at = last
        return at >= end

    def is_disjoint(self) -> bool:
        """Return whether no two mappings overlap. Source: `mappings_are_disjoint`."""
        return are_disjoint(self.mappings)


@dataclass(slots=True)
class VmIoOwner:
    """The bytes `[start, end)` of `place` that a handle has left; `view` is None for user memory.

    Unlike the proof's owner this one follows `skip` and `limit`.
    """

    place: Place
    start: int
    end: int
    lender: Lender
    is_fallible: bool
    is_kernel: bool
    view: VmIoMemView | None = None

    @property
    def remain(self) -> int:
        """Bytes left."""
        return self.end - self.start


def page_mappings(start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Return the mappings of whole pages that cover `[start, end)`."""
    first = start - start % PAGE_SIZE
    return tuple((at, at + PAGE_SIZE) for at in range(first, end, PAGE_SIZE))


def vio_of(kind: Kind, handle: int) -> int:
    """Return the id in the store's one registry of a trace's reader or writer."""
    return 2 * handle + (kind == "Writer")


def handle_of(vio: int) -> tuple[Kind, int]:
    """Return the kind and the trace's id of a registered reader or writer: `vio_of` backwards."""
    return "Writer" if vio % 2 else "Reader", vio // 2


def name_of(vio: int) -> str:
    """Return the name that a registered reader or writer has in traces: `r0`, `w3`."""
    kind, handle = handle_of(vio)
    return f"{PREFIXES[kind.lower()]}{handle}"
