"""`VirtPtr`: an address together with the range that it may be used in."""

from dataclasses import dataclass, replace

from vmstore.arch import U64_MASK
from vmstore.ghost.mem_view import MemView
from vmstore.spaces import RequiresError


@dataclass(frozen=True, slots=True)
class VirtPtr:
    """A pointer to `vaddr` with the ghost range `[start, end)`. Source: vostd `VirtPtr`.

    Errors: `RequiresError` where a function's requires does not hold.
    """

    vaddr: int
    start: int
    end: int

    @classmethod
    def from_vaddr(cls, vaddr: int, length: int) -> "VirtPtr":
        """Return a pointer to the first of `length` bytes. Requires: they end below 2^64."""
        _require(vaddr + length <= U64_MASK, f"{vaddr:#x} + {length:#x} overflows")
        return cls(vaddr, vaddr, vaddr + length)

    @classmethod
    def new(cls, vaddr: int, length: int) -> "VirtPtr":
        """Return the same without a requires: the end wraps, and VP.1 may then be false."""
        return cls(vaddr, vaddr, vaddr + length & U64_MASK)

    def inv(self) -> bool:
        """Return whether `start <= vaddr <= end` (VP.1)."""
        return self.start <= self.vaddr <= self.end

    def is_valid(self) -> bool:
        """Return whether the byte at the pointer may be used: VP.1, and it is not at the end."""
        return self.start <= self.vaddr < self.end

    @property
    def remain(self) -> int:
        """Bytes from the pointer to the end of its range."""
        return self.end - self.vaddr

    def add(self, n: int) -> "VirtPtr":
        """Return the pointer `n` bytes on, out of its range or not. Requires: no overflow."""
        _require(self.vaddr + n < U64_MASK, f"{self.vaddr:#x} + {n:#x} overflows")
        return replace(self, vaddr=self.vaddr + n)

    def sub(self, n: int) -> "VirtPtr":
        """Return the pointer `n` bytes back, out of its range or not. Requires: no underflow."""
        _require(n <= self.vaddr, f"{self.vaddr:#x} - {n:#x} underflows")
        return replace(self, vaddr=self.vaddr - n)

    def wrapping_add(self, n: int) -> "VirtPtr":
        """Return the pointer `n` bytes on, modulo 2^64."""
        return replace(self, vaddr=self.vaddr + n & U64_MASK)

    def split(self, n: int) -> tuple["VirtPtr", "VirtPtr"]:
        """Return pointers to the first `n` bytes and to the rest.

        Requires: valid, at the start of its range, and `n` is at most the length.
        """
        _require(self.is_valid() and self.vaddr == self.start, "not at the start of its range")
        _require(n <= self.remain, f"{n:#x} bytes of {self.remain:#x}")
        cut = self.vaddr + n
        return VirtPtr(self.vaddr, self.vaddr, cut), VirtPtr(cut, cut, self.end)

    def read(self, view: MemView) -> int:
        """Return the byte. Requires: valid, mapped, initialised."""
        return self.read_volatile(view, 1)[0]

    def write(self, view: MemView, byte: int) -> MemView:
        """Return the view with the byte changed. Requires: valid, mapped."""
        return self.write_volatile(view, bytes((byte,)))

    def read_volatile(self, view: MemView, size: int) -> bytes:
        """Return `size` bytes, exactly those of the view.

        Requires: they are in range, aligned to `size`, and each mapped, with its frame, Init.
        """
        self._check(size)
        found = view.read_bytes(self.vaddr, size)
        known = [byte for byte in found if byte is not None]
        mapped = view.translates(self.vaddr, self.vaddr + size)
        _require(mapped and len(known) == size, f"{self.vaddr:#x} is not initialised")
        return bytes(known)

    def write_volatile(self, view: MemView, data: bytes) -> MemView:
        """Return the view with the bytes changed.

        Requires: they are in range, aligned to their size, and each mapped; a frame for them need
        not be there (AX-36 d).
        """
        self._check(len(data))
        return view.write_bytes(self.vaddr, data)

    def _check(self, size: int) -> None:
        _require(self.is_valid() and size <= self.remain, f"{size} bytes of {self.remain:#x}")
        _require(size > 0 and self.vaddr % size == 0, f"{self.vaddr:#x} is not {size}-aligned")


def memcpy(
    source: VirtPtr, source_view: MemView, target: VirtPtr, target_view: MemView, n: int
) -> MemView:
    """Return the target's view after `n` bytes were copied, the highest first.

    The source's view is not changed by it, so that a copy between overlapping ranges is that of a
    snapshot, while the verified code copies without regard to overlap (AX-50). Requires: both
    ranges have `n` bytes from the pointer on; the source's are Init, the target's mapped.
    Source: `VirtPtr::memcpy_spec`.
    """
    for n_done in range(n - 1, -1, -1):
        byte = source.add(n_done).read(source_view)
        target_view = target.add(n_done).write(target_view, byte)
    return target_view


def _require(is_met: bool, problem: str) -> None:
    if not is_met:
        raise RequiresError(problem)
