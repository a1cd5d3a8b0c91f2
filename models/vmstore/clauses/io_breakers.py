"""Breaks each clause on readers, writers and contents on purpose; see `breakers`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.exec.io_state import IoHandle
from vmstore.ids import BufId, BufLength, FrameId, IoLength, IoOffset, ReaderId, Seed, WriterId
from vmstore.ops import Op, reader, vm_io, writer
from vmstore.spaces import VmIoEntry, VmSpaceEntry
from vmstore.step import State
from vmstore.vm_io_owner import Lender, VmIoMemView, VmIoOwner, vio_of

Breaker = Callable[[State], None]

SPACE, USER = 90, 9
_READER: Final = vio_of("Reader", 0)
_WRITER: Final = vio_of("Writer", 0)
_USER: Final = vio_of("Reader", USER)
_VA: Final = PAGE_SIZE


def io_scene(frame: FrameId) -> list[Op]:
    """Return ops that make a reader of a frame's page and a writer of a part of a buffer."""
    return [
        vm_io.BufNew(BufId(0), BufLength(32), Seed(5)),
        reader.ReaderNew(ReaderId(0), frame=frame),
        reader.ReaderSkip(ReaderId(0), IoLength(8)),
        writer.WriterNew(WriterId(0), buf=BufId(0), offset=IoOffset(8), len=IoLength(16)),
        vm_io.VmioFillZeros(IoOffset(0), IoLength(4), frame=frame),
    ]


def add_user_reader(state: State) -> None:
    """Put a reader of user memory on both sides, on a space that only the store knows."""
    lender: Lender = ("vs", SPACE)
    owner = VmIoOwner(("user", SPACE), _VA, _VA + 8, lender, is_fallible=True, is_kernel=False)
    state.view.store.vm_spaces[SPACE] = VmSpaceEntry()
    state.view.store.vm_ios[_USER] = VmIoEntry(SPACE, "Reader", _VA, 8, owner)
    state.machine.io.readers[USER] = IoHandle(_VA, _VA + 8, lender, is_fallible=True)


def _owner(vio: int, **fields: object) -> Breaker:
    def damage(state: State) -> None:
        for name, value in fields.items():
            setattr(state.view.store.vm_ios[vio].owner, name, value)

    return damage


def _entry(vio: int, **fields: int) -> Breaker:
    def damage(state: State) -> None:
        entry = state.view.store.vm_ios[vio]
        state.view.store.vm_ios[vio] = replace(entry, **fields)  # type: ignore[arg-type]  # ints

    return damage


def _space_gone(state: State) -> None:
    del state.view.store.vm_spaces[SPACE]


def _cursor_off(state: State) -> None:
    state.machine.io.readers[0].cursor += 1


def _type_changed(state: State) -> None:
    state.machine.io.writers[0].is_fallible = True


def _byte_changed(state: State) -> None:
    state.machine.io.memory.write(state.machine.io.bufs[0][0] + 3, b"\xff")


_OVERLAPPING: Final = VmIoMemView("WriteView", ((0, 20), (16, 64)))
_SHORT: Final = VmIoMemView("WriteView", ((0, 8),))

IO_BREAKERS: Final[dict[str, Breaker]] = {
    "VIOE.1": _owner(_USER, start=_VA + 9),
    "VIOE.2": _owner(_USER, view=VmIoMemView("ReadView", ((0, 2 * PAGE_SIZE),))),
    "VIOE.3": _owner(_READER, view=None),
    "VIOE.4": _owner(_WRITER, view=None),
    "VIOO.1": _owner(_USER, start=_VA + 9),
    "VIOO.2": _owner(_WRITER, view=_OVERLAPPING),
    "VIOO.3": _owner(_WRITER, view=_SHORT),
    "STRUCT.10": _space_gone,
    "STRUCT.11": _entry(_USER, vaddr=(1 << 63)),
    "XTRA.9": _cursor_off,
    "VIEW.VIO": _type_changed,
    "VIEW.MEM": _byte_changed,
}
