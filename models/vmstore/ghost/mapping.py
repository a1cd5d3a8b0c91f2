"""`Mapping`: a run of virtual addresses and the run of physical ones that it leads to."""

from dataclasses import dataclass
from typing import Final

from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import Prop

MAX_PADDR: Final = 0x8000_0000  # of the proof; a world has its own
PAGE_SIZES: Final = (PAGE_SIZE, PAGE_SIZE << 9, PAGE_SIZE << 18)
READ_WRITE: Final[Prop] = (3, "WB", 0)


@dataclass(frozen=True, slots=True, order=True)
class Mapping:
    """One leaf of a page table. Units: bytes; ends are exclusive, `va_end` may be 2^64.

    Source: vostd `Mapping`.
    """

    va_start: int
    va_end: int
    pa_start: int
    pa_end: int
    page_size: int
    prop: Prop

    @classmethod
    def page(cls, va: int, pa: int, size: int = PAGE_SIZE, prop: Prop = READ_WRITE) -> "Mapping":
        """Return the mapping of one page of `size` bytes. No checks."""
        return cls(va, va + size, pa, pa + size, size, prop)

    def broken(
        self, max_paddr: int = MAX_PADDR, page_sizes: tuple[int, ...] = PAGE_SIZES
    ) -> list[str]:
        """Return which of MAP.1 to MAP.4 are false.

        MAP.1: the size is one of `page_sizes`. MAP.2: both ranges have it as length and alignment.
        MAP.3: the physical end is at most `max_paddr`. MAP.4: the virtual range fits in 64 bits.
        Source: `Mapping::inv`.
        """
        size = self.page_size
        ranges = ((self.va_start, self.va_end), (self.pa_start, self.pa_end))
        holds = {
            "MAP.1": size in page_sizes,
            "MAP.2": size > 0
            and all(end - start == size and start % size == 0 for start, end in ranges),
            "MAP.3": self.pa_end <= max_paddr,
            "MAP.4": self.va_start >= 0 and self.va_end <= U64_MASK + 1,
        }
        return [clause for clause, is_true in holds.items() if not is_true]

    def covers(self, va: int) -> bool:
        """Return whether `va` lies in the virtual range."""
        return self.va_start <= va < self.va_end

    def overlaps(self, start: int, end: int) -> bool:
        """Return whether the virtual range has `m.start < end` and `m.end > start`.

        For an empty `[start, end)` inside the mapping this is true, as in the specification.
        """
        return self.va_start < end and self.va_end > start

    def overlaps_pa(self, start: int, end: int) -> bool:
        """Return the same of the physical range."""
        return self.pa_start < end and self.pa_end > start

    def piece(self, size: int, n: int) -> "Mapping":
        """Return the `n`-th part of `size` bytes. Source: `CursorView::split_index`."""
        at = n * size
        return Mapping.page(self.va_start + at, self.pa_start + at, size, self.prop)

    def is_piece_of(self, other: "Mapping") -> bool:
        """Return whether this is a part of `other`: same property, same distance, inside it."""
        return (
            other.va_start <= self.va_start
            and self.va_end <= other.va_end
            and self.pa_start - self.va_start == other.pa_start - other.va_start
            and self.prop == other.prop
        )
