"""The contents of modelled memory: bytes of pages and of kernel buffers. The only place to write.

Like `cells`, every write is journalled: the first write to a page in a step saves what it held.
Pages are lazy and zero until somebody writes to them; freeing a page and claiming it again leaves
its contents alone. Addresses are kernel virtual: the linear map, and above it the heap of buffers.
"""

from typing import Final

from vmstore.arch import HEAP_BASE, LINEAR_BASE, PAGE_SIZE
from vmstore.cells import Cells

EMPTY_PAGE: Final = bytes(PAGE_SIZE)
HEAP_PAGE: Final = (HEAP_BASE - LINEAR_BASE) // PAGE_SIZE  # index of the first page of the heap


class Memory:
    """Bytes by page, with the journal of the current step.

    `journal` holds the old contents of each page written in step `stamp` of `cells`; it is empty
    in effect once that step is over, which is why nobody has to clear it.
    Shape: page `i` of memory is at `LINEAR_BASE + i * PAGE_SIZE`; the heap's pages follow high up.
    """

    __slots__ = ("cells", "heap_end", "journal", "pages", "stamp")

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self.pages: dict[int, bytearray] = {}
        self.journal: dict[int, bytes] = {}
        self.stamp = 0
        self.heap_end = HEAP_BASE

    def written(self) -> dict[int, bytes]:
        """Return the old contents of every page that the current step has written to."""
        return self.journal if self.stamp == self.cells.stamp else {}

    def allocate(self, data: bytes) -> int:
        """Return the address of a fresh kernel buffer that holds `data`, at the start of a page.

        Making it is no write: nobody could see its pages before.
        """
        address = self.heap_end
        self.heap_end += (len(data) // PAGE_SIZE + 1) * PAGE_SIZE
        first = (address - LINEAR_BASE) // PAGE_SIZE
        for at in range(0, len(data), PAGE_SIZE):
            page = data[at : at + PAGE_SIZE].ljust(PAGE_SIZE, b"\0")
            self.pages[first + at // PAGE_SIZE] = bytearray(page)
        return address

    def read(self, address: int, length: int) -> bytes:
        """Return `length` bytes from `address` on. Requires: kernel addresses."""
        pieces: list[bytes] = []
        while length > 0:
            index, start = divmod(address - LINEAR_BASE, PAGE_SIZE)
            piece = min(length, PAGE_SIZE - start)
            page = self.pages.get(index, EMPTY_PAGE)
            pieces.append(bytes(page[start : start + piece]))
            address += piece
            length -= piece
        return b"".join(pieces)

    def write(self, address: int, data: bytes) -> None:
        """Store `data` from `address` on. Requires: kernel addresses."""
        while data:
            index, start = divmod(address - LINEAR_BASE, PAGE_SIZE)
            piece = min(len(data), PAGE_SIZE - start)
            self._writable(index)[start : start + piece] = data[:piece]
            address += piece
            data = data[piece:]

    def page(self, index: int) -> bytes:
        """Return the contents of page `index`."""
        return bytes(self.pages.get(index, EMPTY_PAGE))

    def _writable(self, index: int) -> bytearray:
        page = self.pages.get(index)
        if page is None:
            page = self.pages[index] = bytearray(PAGE_SIZE)
        if self.stamp != self.cells.stamp:
            self.stamp = self.cells.stamp
            self.journal = {}
        if index not in self.journal:
            self.journal[index] = bytes(page)
        return page
