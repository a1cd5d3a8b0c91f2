"""`MemView`: which memory some addresses mean, and the bytes there.

Source: vostd `MemView`. The known defects of its operations (AX-36) are properties of the
specification, kept here; each function names its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from vmstore.arch import U64_MASK, are_disjoint
from vmstore.ghost.frame_contents import Byte, FrameContents
from vmstore.ghost.mapping import Mapping
from vmstore.spaces import RequiresError

Run = tuple[Mapping, int, int]  # the mapping that counts, first address, length


@dataclass(frozen=True, slots=True)
class MemView:
    """Mappings, and the contents of frames by the physical address that a mapping begins at."""

    mappings: frozenset[Mapping] = frozenset()
    memory: dict[int, FrameContents] = field(default_factory=dict)

    def mapping_at(self, va: int) -> Mapping | None:
        """Return the mapping of `va`: any in the specification, here the lowest one."""
        return min((m for m in self.mappings if m.covers(va)), default=None)

    def addr_transl(self, va: int) -> tuple[int, int] | None:
        """Return (base, offset) of the byte at `va`, None where nothing is mapped (MV.T).

        The base is where the mapping begins, not the small page, when the mapping is huge.
        """
        found = self.mapping_at(va)
        return (found.pa_start, va - found.va_start) if found else None

    def mappings_are_disjoint(self) -> bool:
        """Return whether no two mappings share a virtual address (MV.D)."""
        return are_disjoint([(m.va_start, m.va_end) for m in self.mappings])

    def is_mapped(self, va: int, pa: int) -> bool:
        """Return whether `va` translates to a place in the run that begins at `pa` (MV.M)."""
        found = self.addr_transl(va)
        return found is not None and found[0] == pa

    def runs(self, start: int, end: int) -> Iterator[Run]:
        """Yield the mapped parts of `[start, end)`, ascending, each with its mapping."""
        at = start
        for mapping in sorted(self.mappings):
            first = max(at, mapping.va_start)
            last = min(end, mapping.va_end)
            if first < last:
                yield mapping, first, last - first
                at = last

    def translates(self, start: int, end: int) -> bool:
        """Return whether every byte of `[start, end)` is mapped."""
        return start >= end or sum(length for _, _, length in self.runs(start, end)) == end - start

    def is_initialised(self, start: int, end: int) -> bool:
        """Return whether every byte of `[start, end)` translates, has its frame and is Init."""
        return self.translates(start, end) and None not in self.read_bytes(start, end - start)

    def read(self, va: int) -> Byte:
        """Return the byte at `va`, None if it is not initialised (MV.R).

        Where nothing is mapped, or the frame is missing, the specification leaves the value open;
        here it is None.
        """
        (byte,) = self.read_bytes(va, 1)
        return byte

    def read_bytes(self, va: int, length: int) -> list[Byte]:
        """Return `length` bytes; the address wraps at 2^64 (MV.RB)."""
        if va + length > U64_MASK + 1:
            below = U64_MASK + 1 - va
            return self.read_bytes(va, below) + self.read_bytes(0, length - below)
        found: list[Byte] = [None] * length
        for mapping, first, size in self.runs(va, va + length):
            held = self.memory.get(mapping.pa_start)
            if held is not None:
                offset = first - mapping.va_start
                found[first - va : first - va + size] = held.contents[offset : offset + size]
        return found

    def write(self, va: int, byte: int) -> "MemView":
        """Return this view with one byte changed (MV.W). Requires: `va` translates.

        Writing to a frame that is no key adds it, the rest of it unspecified, here not initialised
        (AX-36 d).
        """
        return self.write_bytes(va, bytes((byte,)))

    def write_bytes(self, va: int, data: bytes) -> "MemView":
        """Return this view with bytes changed, ascending from `va`, wrapping at 2^64 (MV.WB).

        Requires: every byte translates. Ensures: the mappings are the same.
        """
        if va + len(data) > U64_MASK + 1:
            below = U64_MASK + 1 - va
            return self.write_bytes(va, data[:below]).write_bytes(0, data[below:])
        if not self.translates(va, va + len(data)):
            raise RequiresError(f"not every byte of {va:#x}..{va + len(data):#x} is mapped")
        memory = dict(self.memory)
        for mapping, first, size in self.runs(va, va + len(data)):
            base = mapping.pa_start
            held = memory.get(base) or FrameContents.uninit(base, mapping.page_size)
            piece = data[first - va : first - va + size]
            memory[base] = held.write(first - mapping.va_start, piece)
        return MemView(self.mappings, memory)

    def eq_at(self, va: int, other: int) -> bool:
        """Return whether two addresses hold the same, not initialised included (MV.E)."""
        return self.read(va) == self.read(other)

    def borrow_at(self, va: int, length: int) -> "MemView":
        """Return the part for `[va, va + length)`: its mappings and their frames (MV.B).

        Ensures: its addresses translate and read as here.
        """
        end = va + length
        mappings = frozenset(m for m in self.mappings if m.overlaps(va, end))
        return MemView(mappings, self._frames(va, end))

    def split(self, va: int, length: int) -> tuple["MemView", "MemView"]:
        """Return the parts for `[va, va + length)` and for what lies above (MV.S).

        Ensures: addresses below the cut translate and read in the left part as here, those from the
        cut on in the right one (MV.S1, MV.S2). Defects (AX-36): a mapping across the cut is in both
        parts, and so is its frame (a); with length 0 inside a page the left part has the mapping
        and no frame (e); mappings below `va` are in neither (f).
        """
        end = va + length
        above = frozenset(m for m in self.mappings if m.va_end > end)
        return self.borrow_at(va, length), MemView(above, self._frames(end, U64_MASK + 1))

    def join(self, other: "MemView") -> "MemView":
        """Return the union; of a frame in both, `other`'s contents count (MV.J).

        So bytes written through the left part of a page that a split has put in both are lost
        (AX-36 c).
        """
        return MemView(self.mappings | other.mappings, self.memory | other.memory)

    def tracked_join(self, other: "MemView") -> "MemView":
        """Return the union. Requires: no mapping in both, so no page that was cut (AX-36 b)."""
        common = self.mappings & other.mappings
        if common:
            raise RequiresError(f"the mapping of {min(common).va_start:#x} is in both views")
        return self.join(other)

    def can_rejoin(self, va: int) -> bool:
        """Return the condition of MV.I: from `va` on, split and join are the identity.

        Every mapping begins at `va` or above, and every frame is reachable from there.
        """
        reached = self._frames(va, U64_MASK + 1)
        return all(m.va_start >= va for m in self.mappings) and reached == self.memory

    def _frames(self, start: int, end: int) -> dict[int, FrameContents]:
        reached = {m.pa_start for m, _, _ in self.runs(start, end)}
        return {base: held for base, held in self.memory.items() if base in reached}


def edges(*views: MemView) -> list[int]:
    """Return the addresses at which some view begins or ceases to translate, ascending.

    Between two neighbours every view translates with one mapping or not at all, so what holds at
    the edges of any statement on translations holds for all addresses.
    """
    found = {0}
    for view in views:
        for m in view.mappings:
            found |= {m.va_start, m.va_end}
    return sorted(found)
