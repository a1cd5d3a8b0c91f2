"""Readers, writers and kernel buffers as a caller's variables hold them."""

from vmstore.cells import Cells
from vmstore.exec.space_state import VmSpace
from vmstore.memory import Memory
from vmstore.vm_io_owner import Lender

__all__ = ["IoHandle", "IoState", "Lender"]


class IoHandle:
    """A `VmReader` or `VmWriter` value: the virtual range `[cursor, end)`, and who lends it.

    `space` is the lender if that is an address space, whose handle must outlive the borrow.
    """

    __slots__ = ("cursor", "end", "is_fallible", "lender", "space")

    def __init__(
        self,
        cursor: int,
        end: int,
        lender: Lender,
        *,
        is_fallible: bool,
        space: VmSpace | None = None,
    ) -> None:
        self.cursor = cursor
        self.end = end
        self.lender = lender
        self.is_fallible = is_fallible
        self.space = space

    @property
    def remain(self) -> int:
        """Bytes left; upstream calls it `avail` for a writer."""
        return self.end - self.cursor


class IoState:
    """Everything that the IO layer adds to a machine: contents, buffers, readers, writers.

    Shape: `bufs` maps a buffer to its address and length.
    """

    __slots__ = ("bufs", "memory", "readers", "writers")

    def __init__(self, cells: Cells) -> None:
        self.memory = Memory(cells)
        self.bufs: dict[int, tuple[int, int]] = {}
        self.readers: dict[int, IoHandle] = {}
        self.writers: dict[int, IoHandle] = {}
