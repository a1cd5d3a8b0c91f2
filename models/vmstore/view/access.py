"""Reads and writes of the view's contents, through user mappings where the place is user memory."""

from collections.abc import Iterator

from vmstore.arch import PAGE_SIZE
from vmstore.view.state import View
from vmstore.view.user_memory import physical
from vmstore.vm_io_owner import MEMORY, Place, VmIoOwner

Piece = tuple[Place, int, int]  # place that is not user memory, offset, length


def pieces(v: View, place: Place, start: int, length: int, *, want_write: bool) -> Iterator[Piece]:
    """Yield where the bytes lie, ascending, up to the first that faults."""
    if place[0] != "user":
        yield place, start, length
        return
    end = start + length
    while start < end:
        paddr = physical(v, start, want_write=want_write)
        if paddr is None:
            return
        stop = min(end, start - start % PAGE_SIZE + PAGE_SIZE)
        yield MEMORY, paddr, stop - start
        start = stop


def reach(v: View, owner: VmIoOwner, length: int, *, want_write: bool) -> int:
    """Return how many of the next `length` bytes can be accessed before one faults."""
    found = pieces(v, owner.place, owner.start, length, want_write=want_write)
    return sum(size for _, _, size in found)


def fetch(v: View, owner: VmIoOwner, length: int) -> bytes:
    """Return the next `length` bytes. Requires: they can be read."""
    found = pieces(v, owner.place, owner.start, length, want_write=False)
    return b"".join(v.contents.read(*piece) for piece in found)


def put(v: View, owner: VmIoOwner, data: bytes) -> None:
    """Store the next bytes. Requires: they can be written."""
    v.contents.open_step(v.store.stamp)
    done = 0
    for place, start, size in pieces(v, owner.place, owner.start, len(data), want_write=True):
        v.contents.write(place, start, data[done : done + size])
        done += size


def put_zeros(v: View, owner: VmIoOwner, length: int) -> None:
    """Store zeros. Requires: the bytes can be written."""
    v.contents.open_step(v.store.stamp)
    for place, start, size in pieces(v, owner.place, owner.start, length, want_write=True):
        v.contents.write(place, start, bytes(size))


def transfer(v: View, source: VmIoOwner, target: VmIoOwner, length: int) -> None:
    """Copy byte by byte, ascending: a byte already written is read as written.

    Requires: source and target can be accessed that far.
    """
    read_from = list(pieces(v, source.place, source.start, length, want_write=False))
    write_to = list(pieces(v, target.place, target.start, length, want_write=True))
    if not _pages(read_from) & _pages(write_to):
        put(v, target, fetch(v, source, length))
        return
    if len(read_from) == len(write_to) == 1:
        ahead = write_to[0][1] - read_from[0][1]
        if 0 < ahead < length:  # what is ahead repeats what lies before it
            put(v, target, (fetch(v, source, ahead) * (length // ahead + 1))[:length])
        else:
            put(v, target, fetch(v, source, length))
        return
    v.contents.open_step(v.store.stamp)
    for (place, at), (to, there) in zip(_each(read_from), _each(write_to), strict=True):
        v.contents.write(to, there, v.contents.read(place, at, 1))


def _pages(found: list[Piece]) -> set[tuple[Place, int]]:
    return {
        (place, index)
        for place, start, size in found
        for index in range(start // PAGE_SIZE, (start + size - 1) // PAGE_SIZE + 1)
    }


def _each(found: list[Piece]) -> Iterator[tuple[Place, int]]:
    for place, start, size in found:
        for offset in range(size):
            yield place, start + offset
