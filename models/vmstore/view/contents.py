"""What memory must contain: bytes by page and by buffer, as the ops wrote them.

Independent of the exec layer's memory: no addresses, no journal. `touched_*` are what the current
step may have changed; they are those of step `stamp` of the store and stale once that is over.
"""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.vm_io_owner import Place

_ZEROS: Final = bytes(PAGE_SIZE)


class Contents:
    """The bytes of pages and buffers, and the handles and bytes that this step touched."""

    __slots__ = ("bufs", "pages", "stamp", "touched_bufs", "touched_pages", "touched_vios")

    def __init__(self) -> None:
        self.pages: dict[int, bytearray] = {}
        self.bufs: dict[int, bytearray] = {}
        self.stamp = 0
        self.touched_pages: set[int] = set()
        self.touched_bufs: set[int] = set()
        self.touched_vios: set[int] = set()

    def open_step(self, stamp: int) -> None:
        """Forget what earlier steps touched. Effect: nothing when called again in a step."""
        if self.stamp != stamp:
            self.stamp = stamp
            self.touched_pages, self.touched_bufs, self.touched_vios = set(), set(), set()

    def page(self, index: int) -> bytes:
        """Return what page `index` holds: zeros until somebody writes."""
        return bytes(self.pages.get(index, _ZEROS))

    def read(self, place: Place, start: int, length: int) -> bytes:
        """Return bytes of a buffer or of physical memory."""
        if place[0] == "buf":
            return bytes(self.bufs[place[1]][start : start + length])
        end = start + length
        data = b""
        while start < end:
            stop = min(end, start - start % PAGE_SIZE + PAGE_SIZE)
            page = self.pages.get(start // PAGE_SIZE, _ZEROS)
            data += page[start % PAGE_SIZE : start % PAGE_SIZE + stop - start]
            start = stop
        return data

    def write(self, place: Place, start: int, data: bytes) -> None:
        """Store bytes into a buffer or into physical memory. Requires: `open_step`."""
        if place[0] == "buf":
            self.bufs[place[1]][start : start + len(data)] = data
            self.touched_bufs.add(place[1])
            return
        done = 0
        while done < len(data):
            index, offset = divmod(start + done, PAGE_SIZE)
            piece = data[done : done + PAGE_SIZE - offset]
            page = self.pages.setdefault(index, bytearray(PAGE_SIZE))
            page[offset : offset + len(piece)] = piece
            self.touched_pages.add(index)
            done += len(piece)
