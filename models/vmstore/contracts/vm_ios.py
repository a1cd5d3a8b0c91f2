"""The contracts of making, dropping and using readers and writers."""

from collections.abc import Callable
from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.contracts.call import Call, is_identical
from vmstore.contracts.registry import fails
from vmstore.contracts.space_terms import (
    Card,
    is_made,
    returned,
    shape,
    succeeded,
)
from vmstore.contracts.values import OwnerValue, VmIoValue, is_insert, is_remove, unchanged
from vmstore.ids import UNTYPED_KINDS
from vmstore.outcome import Err
from vmstore.vm_io_owner import vio_of

LEFT_OUT: Final[dict[str, str]] = {}


def _kind(call: Call) -> str:
    """Return whether the op is a call of a reader or of a writer."""
    return "Reader" if "Reader" in type(call.op).__name__ else "Writer"


def _made(call: Call) -> int:
    """Return the id, in the one registry of both, of the handle that the call makes."""
    return vio_of("Reader" if _kind(call) == "Reader" else "Writer", call.op.dst)


def _used(call: Call) -> int:
    """Return the id of the handle that the call is one of."""
    if _kind(call) == "Reader":
        return vio_of("Reader", call.op.reader)
    return vio_of("Writer", call.op.writer)


def _is_used(call: Call) -> bool:
    return is_made(call) and _used(call) in call.old.vm_ios


def _on_made(test: Callable[[Call, VmIoValue], bool]) -> Callable[[Call], bool]:
    """Return the test of a call on the handle that it made; false without one."""

    def holds(call: Call) -> bool:
        made = call.new.vm_ios.get(_made(call))
        return made is not None and test(call, made)

    return holds


def _is_registered(call: Call) -> bool:
    return is_insert(call.old.vm_ios, call.new.vm_ios, _made(call))


def _nothing_else(call: Call) -> bool:
    made = _made(call)
    others = {vio: entry for vio, entry in call.new.vm_ios.items() if vio != made}
    is_same = others == call.old.vm_ios and unchanged(call.old, call.new, "vm_ios")
    return is_same and not call.changed


# -- of user memory -------------------------------------------------------------------------------


def _fits(call: Call) -> bool:
    return bool(call.op.va + call.op.len <= shape(call).io_end)


def _is_root_loaded(call: Call) -> bool:
    return bool(call.old.active.get(call.old.cpu) == call.op.vs)


def _is_user_owner(call: Call, made: VmIoValue) -> bool:
    op = call.op
    place = ("user", op.vs)
    return made.owner == OwnerValue(place, op.va, op.va + op.len, True, False, False)  # noqa: FBT003 -- a record


def _has_space(call: Call) -> bool:
    return is_made(call) and call.op.vs in call.old.vm_spaces


_USER_OPS: Final = ("vs_reader", "vs_writer")
_USER: Final = Card(
    "OP.NEWIO",
    "NewReader, NewWriter",
    _USER_OPS,
    "tracked_vm_space_reader_embedded",
    returned,
    _has_space,
)
_USERS = (
    # The code asks for the space to be active, of which the contract knows nothing.
    _USER.line("ENS.1", "there is a handle iff its range ends in user memory",
               lambda c: c.is_ok == _fits(c) == _is_registered(c), known=fails("AX-40")),
    _USER.line("ENS.2", "its owner is fallible, not the kernel's, without a view, over the range",
               _on_made(_is_user_owner), succeeded),
    _USER.line("ENS.3", "kind, address, length and space are as asked",
               _on_made(lambda c, m: (m.vm_space, m.kind, m.vaddr, m.length)
                        == (c.op.vs, _kind(c), c.op.va, c.op.len)), succeeded),
    _USER.line("ENS.4", "nothing else differs", _nothing_else),
    _USER.returns(_has_space),
)  # fmt: skip
_SPACE: Final = Card(
    "VMS.READER", "VmSpace::reader", _USER_OPS, "VmSpace::{reader, writer}", returned, _has_space
)
_SPACES = (
    _SPACE.line("POST.1", "there is a handle iff the space is the running one and the range ends"
                " in user memory",
                lambda c: c.is_ok == (_is_root_loaded(c) and _fits(c)) == _is_registered(c)),
    _SPACE.line("POST.2", "a range that is not empty, not at 0, in user memory of the running"
                " space is accepted, and one that is accepted ends in user memory",
                lambda c: _fits(c) if c.is_ok
                else not (c.op.va and c.op.len and _fits(c) and _is_root_loaded(c))),
)  # fmt: skip


# -- of kernel memory -----------------------------------------------------------------------------


def _lent_range(call: Call) -> tuple[int, int]:
    """Return the bytes that the op's target has. Requires: it was live."""
    op = call.op
    if op.frame is not None:
        paddr = call.old.frames[op.frame]
        return paddr, paddr + PAGE_SIZE
    if op.segment is not None:
        start, end = call.old.segments[op.segment]
        return start, end
    return op.offset, op.offset + op.len


def _can_lend(call: Call) -> bool:
    """Return whether there is untyped memory to lend; the store's call takes any address instead.

    A part that a buffer does not have is refused by the buffer, whose length no value knows.
    """
    op = call.op
    if op.frame is not None:
        return call.old.at(call.old.frames[op.frame]).vtable in UNTYPED_KINDS
    if op.segment is None:
        return not (isinstance(call.outcome, Err) and call.outcome.variant == "OutOfBound")
    start, end = call.old.segments[op.segment]
    return start < end and call.old.at(start).vtable in UNTYPED_KINDS


_KERNEL: Final = Card(
    "OP.NEWKIO", "NewKernelReader, NewKernelWriter", ("reader_new", "writer_new"),
    "axiom_kernel_mem_view", succeeded, _can_lend,
)  # fmt: skip
_KERNELS = (
    _KERNEL.line("ENS.1", "there is a handle", lambda c: c.is_ok and _is_registered(c), _can_lend),
    _KERNEL.line("ENS.2", "its owner's range is that of the target",
                 _on_made(lambda c, m: (m.owner.start, m.owner.end) == _lent_range(c)
                          and (m.vaddr, m.vaddr + m.length) == _lent_range(c))),
    _KERNEL.line("ENS.3", "its owner is infallible, the kernel's, and has a view",
                 _on_made(lambda _, m: not m.owner.is_fallible and m.owner.is_kernel
                          and m.owner.has_view and m.owner.start <= m.owner.end)),
    _KERNEL.line("ENS.4", "it is of no space", _on_made(lambda _, m: m.vm_space is None)),
    _KERNEL.line("STEP.1", "nothing else differs", _nothing_else),
    _KERNEL.returns(_can_lend),
)  # fmt: skip


# -- of either ------------------------------------------------------------------------------------


def _only_it_goes(call: Call) -> bool:
    is_gone = is_remove(call.old.vm_ios, call.new.vm_ios, _used(call))
    return is_gone and unchanged(call.old, call.new, "vm_ios") and not call.changed


_DROP: Final = Card(
    "OP.DROPIO",
    "DropReader, DropWriter",
    ("reader_drop", "writer_drop"),
    "Drop",
    succeeded,
    _is_used,
)
_DROPS = (
    _DROP.line("ENS.1", "the handle is registered no more, everything else is as it was",
               _only_it_goes),
    _DROP.returns(_is_used),
)  # fmt: skip

_NOP: Final = Card(
    "OP.NOP", "VirtAddr, ReaderQuery, WriterQuery",
    ("cursor_virt_addr", "reader_remain", "writer_avail"),
    "Cursor::virt_addr, VmReader::remain, VmWriter::avail", returned, is_made,
)  # fmt: skip
_VALUE: Final = Card(
    "OP.NOP", "ReaderReadVal, WriterWriteVal", ("reader_read_val", "writer_write_val"),
    "VmReader::read_val, VmWriter::write_val", returned, is_made,
)  # fmt: skip
_NOPS = (
    _NOP.line("ENS.1", "the store is the same", is_identical),
    _NOP.returns(is_made),
    # The handle moves on, of which its owner in the proof knows nothing.
    _VALUE.line("ENS.1/VAL", "an integer was read or written: the store is the same",
                is_identical, known=fails("AX-37")),
    _VALUE.line("RETURNS/VAL", "where the precondition holds the call returns", returned, is_made),
)  # fmt: skip


def same_request(call: Call, *handles: int) -> bool:
    """Return whether the handles keep what they were made with, and have no less than nothing."""
    for vio in handles:
        old, new = call.old.vm_ios.get(vio), call.new.vm_ios.get(vio)
        if old is None or new is None or old[:4] != new[:4] or not _is_inv(new):
            return False
    return True


def _is_inv(entry: VmIoValue) -> bool:
    """Return whether an entry satisfies its invariant. Source: `VmIoEntry::inv`."""
    owner = entry.owner
    return owner.start <= owner.end and owner.has_view == (entry.vm_space is None)


_METHOD: Final = Card(
    "OP.IOMETH", "ReaderLimit, ReaderSkip, WriterLimit, WriterSkip, WriterFillZeros",
    ("reader_limit", "reader_skip", "writer_limit", "writer_skip", "writer_fill_zeros"),
    "VmReader::{limit, skip}, VmWriter::{limit, skip, fill_zeros}", returned, _is_used,
)  # fmt: skip
_METHODS = (
    _METHOD.line("ENS.1", "the entry keeps space, kind, address, length and its invariant",
                 lambda c: same_request(c, _used(c))),
    _METHOD.line("ENS.1/OWNER", "the owner is the same",
                 lambda c: _used(c) in c.new.vm_ios
                 and c.old.vm_ios[_used(c)].owner == c.new.vm_ios[_used(c)].owner,
                 known=fails("AX-37")),
    # A skip beyond the end panics.
    _METHOD.returns(_is_used, fails("AX-37")),
)  # fmt: skip

CLAUSES: Final = _USERS + _SPACES + _KERNELS + _DROPS + _NOPS + _METHODS
