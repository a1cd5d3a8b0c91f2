"""Readers and writers of address spaces. Source: `ostd/src/mm/vm_space.rs`."""

from vmstore.exec.io_state import IoHandle
from vmstore.exec.machine import Machine
from vmstore.exec.tlb import cpu_state
from vmstore.ops.space_io import VsReader, VsReaderWriter, VsWriter
from vmstore.outcome import ACCESS_DENIED, OK, Outcome


def vs_reader(m: Machine, op: VsReader) -> Outcome:
    """Read `[va, va + len)`, mapped or not.

    Errors: AccessDenied unless the space is active here, and beyond the end of user memory.
    """
    if not _may_access(m, op.vs, op.va, op.len):
        return ACCESS_DENIED
    m.io.readers[op.dst] = _user_handle(m, op.vs, op.va, op.len)
    return OK


def vs_writer(m: Machine, op: VsWriter) -> Outcome:
    """Write `[va, va + len)`, mapped or not. Errors: as `vs_reader`."""
    if not _may_access(m, op.vs, op.va, op.len):
        return ACCESS_DENIED
    m.io.writers[op.dst] = _user_handle(m, op.vs, op.va, op.len)
    return OK


def vs_reader_writer(m: Machine, op: VsReaderWriter) -> Outcome:
    """Make both at once over `[va, va + len)`. Errors: as `vs_reader`."""
    if not _may_access(m, op.vs, op.va, op.len):
        return ACCESS_DENIED
    m.io.readers[op.dst_reader] = _user_handle(m, op.vs, op.va, op.len)
    m.io.writers[op.dst_writer] = _user_handle(m, op.vs, op.va, op.len)
    return OK


def _may_access(m: Machine, vs: int, va: int, length: int) -> bool:
    """Check, in this order: the space is active on this CPU; the range ends in user space.

    The last page below the end of the page table's half is no user memory to readers and writers.
    """
    if cpu_state(m, m.spaces.cpu).root is not m.spaces.vm_spaces[vs].table.root:
        return False
    return va + length <= m.spaces.geometry.io_end


def _user_handle(m: Machine, vs: int, va: int, length: int) -> IoHandle:
    space = m.spaces.vm_spaces[vs]
    space.borrows += 1
    return IoHandle(va, va + length, ("vs", vs), is_fallible=True, space=space)
