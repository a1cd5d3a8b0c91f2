"""How the swarm draws ops on contents: lengths near what is left, places where no panic waits."""

from collections.abc import Callable
from typing import Any, Final

from vmfuzz.swarm_state import KINDS, RARE, Drawing, Fields, Guard, choose, last_of
from vmstore.arch import PAGE_SIZE, U64_MASK
from vmstore.ids import SCALARS, BufLength, IoLength, IoOffset, IoVal, Payload, Scalar, Seed
from vmstore.ops import Declaration, reader, vm_io, writer
from vmstore.payload import pattern
from vmstore.vm_io_owner import VmIoOwner, vio_of

IO_AREAS: Final = ("vm_io", "reader", "writer")
_BUF: Final = KINDS.index("buf")
_READER: Final = KINDS.index("reader")
_WRITER: Final = KINDS.index("writer")

# Lengths and offsets of contents: mostly whole words, now and then odd, a page's end, a boundary.
_WORDS: Final = (0, 8, 16, 24, 32, 4, 12, 2, 1, 64)
_ENDS: Final = (
    PAGE_SIZE - 8,
    PAGE_SIZE - 4,
    PAGE_SIZE - 1,
    PAGE_SIZE,
    PAGE_SIZE + 1,
    2 * PAGE_SIZE,
)
_BOUNDS: Final = (U64_MASK, U64_MASK - 7, U64_MASK - 1, 5 * PAGE_SIZE)
_FAR: Final = 232  # a byte at or above takes an offset beyond the object


def _io_offset(g: Drawing) -> int:
    choice = g.draw()
    if choice >= _FAR:
        return _BOUNDS[choice % len(_BOUNDS)]
    if choice % 4 == 3:
        return _ENDS[choice // 4 % len(_ENDS)]
    return _WORDS[choice % len(_WORDS)]


def _io_length(g: Drawing) -> int:
    """Mostly within what the reader or writer drawn before has left."""
    choice = g.draw()
    left = g.last_left
    if choice >= RARE:
        special = (left + 1, left, U64_MASK, left + 8)
        return special[g.draw() % len(special)] & U64_MASK
    if choice % 8 == 7:
        return left
    return min(left, _WORDS[choice % len(_WORDS)])


def _offset_length(g: Drawing) -> int:
    choice = g.draw()
    return _WORDS[choice % len(_WORDS)] if choice < RARE else _ENDS[choice % len(_ENDS)]


def _io_val(g: Drawing) -> int:
    choice = g.draw()
    return choice % 4 if choice < 128 else choice * 0x0101_0101_0101_0101 & U64_MASK


def _buf_length(g: Drawing) -> int:
    choice = g.draw()
    return _WORDS[choice % len(_WORDS)] if choice < RARE else 4100 if choice % 4 == 0 else 200


def _payload(g: Drawing) -> bytes:
    choice = g.draw()
    return pattern(choice, _WORDS[choice % len(_WORDS)])


def _scalar(g: Drawing) -> str:
    return SCALARS[g.draw() % len(SCALARS)]


def _used_vio(kind: int) -> Callable[[Drawing], int]:
    def generate(g: Drawing) -> int:
        handle = g.pick(kind)
        g.last_left = _owner(g, kind, handle).remain
        return handle

    return generate


def _owner(g: Drawing, kind: int, handle: int) -> VmIoOwner:
    return g.vm_ios[vio_of("Reader" if kind == _READER else "Writer", handle)].owner


def _used_buf(g: Drawing) -> int:
    handle = g.pick(_BUF)
    g.last_left = len(g.bufs[handle])
    return handle


def _part_start(g: Drawing) -> int:
    """Draw where a part of the buffer drawn before begins."""
    start = min(g.last_left, 8 * (g.draw() % 3))
    g.last_left -= start
    return start


IO_BY_TYPE: Final[dict[object, Callable[[Drawing], Any]]] = {
    IoOffset: _io_offset,
    IoLength: _io_length,
    IoVal: _io_val,
    BufLength: _buf_length,
    Seed: lambda g: g.draw(),
    Scalar: _scalar,
    Payload: _payload,
}
IO_BY_KIND: Final[dict[int, Callable[[Drawing], int]]] = {
    _BUF: _used_buf,
    _READER: _used_vio(_READER),
    _WRITER: _used_vio(_WRITER),
}


# -- readers and writers: aligned where a panic waits, two of one place where they must meet -------


def io_guard(
    declaration: Declaration, names: tuple[str, ...], guard: Guard | None, fields: Fields
) -> tuple[Guard | None, Fields]:
    """Return guard and fields of an op on contents: what is drawn more carefully than by type.

    Shape: `names` are the fields that are given, `fields` the generators of all of them.
    """
    op = declaration.op
    if op is vm_io.VmioFillZeros or op is vm_io.VmioReadBytes:
        fields = (fields[0], _offset_length, *fields[2:])
    elif op in _ONCE:
        fields = (_aligned_offset, *fields[1:])
    elif op is reader.ReaderNew or op is writer.WriterNew:
        part = (_part_start, _io_length) if "buf" in names else (_zero, _zero)
        fields = (*fields[:4], *part)
    elif op in _ALIGNED:
        kind = _ALIGNED[op]
        guard, fields = choose(kind, _is_aligned(kind)), (last_of(kind), *fields[1:])
    elif op is writer.WriterAtomicCompareExchange:
        guard, fields = _can_exchange, (last_of(_WRITER), last_of(_READER), *fields[2:])
    return guard, fields


def _zero(_: Drawing) -> int:
    return 0


def _aligned_offset(g: Drawing) -> int:
    offset = _io_offset(g)
    return offset & 0xFF8 if g.draw() < RARE else offset


def _is_aligned(kind: int) -> Callable[[Drawing, int], bool]:
    return lambda g, handle: _owner(g, kind, handle).start % 8 == 0


def _can_exchange(g: Drawing) -> bool:
    """Choose a writer and a reader at one place, or now and then any two."""
    wanted = _owner(g, _WRITER, g.move_last(_WRITER, g.draw() % len(g.pools[_WRITER])))
    for at, handle in enumerate(g.pools[_READER]):
        found = _owner(g, _READER, handle)
        if (found.place, found.start) == (wanted.place, wanted.start) and not found.start % 4:
            g.move_last(_READER, at)
            return True
    return g.draw() >= RARE


_ONCE: Final = frozenset({vm_io.VmioReadOnce, vm_io.VmioWriteOnce})
_ALIGNED: Final[dict[type, int]] = {
    reader.ReaderReadOnce: _READER,
    reader.ReaderAtomicLoad: _READER,
    writer.WriterWriteOnce: _WRITER,
}
