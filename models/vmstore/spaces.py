"""Entries and helpers of the address-space registries: spaces, cursors, readers and writers.

The helpers keep what the store's other clauses rely on: a space outlives everything that refers to
it. Source: vostd `VmStore::{extract, insert}_*`.
"""

from dataclasses import dataclass
from typing import Literal

from vmstore.vm_io_owner import Kind, VmIoOwner

# MAX_USERSPACE_VADDR: the bound of readers and writers, one page below that of the page table.
MAX_USERSPACE_VADDR = 0x7FFF_FFFF_F000


class RequiresError(Exception):
    """A store helper was called where its `requires` does not hold; nothing was changed."""


@dataclass(slots=True)
class VmSpaceEntry:
    """A live address space."""

    is_active: bool = False


@dataclass(slots=True)
class CursorEntry:
    """An open cursor: its space and the requested range, end exclusive, in bytes."""

    vm_space: int
    kind: Literal["ReadOnly", "Mutable"]
    start: int
    end: int


@dataclass(slots=True)
class VmIoEntry:
    """A live reader or writer; `vm_space` is None for a kernel handle. Units: bytes.

    `vaddr` and `length` are those it was made with, an offset into the owner's place.
    """

    vm_space: int | None
    kind: Kind
    vaddr: int
    length: int
    owner: VmIoOwner


Spaces = dict[int, VmSpaceEntry]
Cursors = dict[int, CursorEntry]
VmIos = dict[int, VmIoEntry]


def insert_vm_space(spaces: Spaces, vs: int, entry: VmSpaceEntry) -> None:
    """Register a space. Requires: `vs` fresh."""
    if vs in spaces:
        raise RequiresError(f"vm_space {vs} is already registered")
    spaces[vs] = entry


def extract_vm_space(spaces: Spaces, cursors: Cursors, vm_ios: VmIos, vs: int) -> VmSpaceEntry:
    """Take a space out. Requires: `vs` live, and no cursor, reader or writer on it."""
    if vs not in spaces:
        raise RequiresError(f"vm_space {vs} is not registered")
    for handle, cursor in cursors.items():
        if cursor.vm_space == vs:
            raise RequiresError(f"vm_space {vs} has the open cursor {handle}")
    for handle, vio in vm_ios.items():
        if vio.vm_space == vs:
            raise RequiresError(f"vm_space {vs} has the live {vio.kind.lower()} {handle}")
    return spaces.pop(vs)


def rename_vm_space(spaces: Spaces, cursors: Cursors, vm_ios: VmIos, vs: int, new: int) -> None:
    """Let a space live on under another id, with all that is on it.

    Requires: `vs` live, `new` fresh.
    """
    insert_vm_space(spaces, new, spaces[vs])
    del spaces[vs]
    for cursor in cursors.values():
        if cursor.vm_space == vs:
            cursor.vm_space = new
    for vio in vm_ios.values():
        if vio.vm_space == vs:
            vio.vm_space = new


def insert_cursor(cursors: Cursors, spaces: Spaces, c: int, entry: CursorEntry) -> None:
    """Register a cursor. Requires: `c` fresh, its space live."""
    if c in cursors:
        raise RequiresError(f"cursor {c} is already registered")
    if entry.vm_space not in spaces:
        raise RequiresError(f"cursor {c} is on vm_space {entry.vm_space}, which is not live")
    cursors[c] = entry


def extract_cursor(cursors: Cursors, c: int) -> CursorEntry:
    """Take a cursor out. Requires: `c` live."""
    if c not in cursors:
        raise RequiresError(f"cursor {c} is not registered")
    return cursors.pop(c)


def insert_vm_io(vm_ios: VmIos, spaces: Spaces, vio: int, entry: VmIoEntry) -> None:
    """Register a reader or writer. Requires: `vio` fresh; with a space: live, range in bound."""
    if vio in vm_ios:
        raise RequiresError(f"vm_io {vio} is already registered")
    if entry.vm_space is not None:
        if entry.vm_space not in spaces:
            raise RequiresError(f"vm_io {vio} is on vm_space {entry.vm_space}, which is not live")
        if entry.vaddr + entry.length > MAX_USERSPACE_VADDR:
            raise RequiresError(f"vm_io {vio} reaches past {MAX_USERSPACE_VADDR:#x}")
    vm_ios[vio] = entry


def extract_vm_io(vm_ios: VmIos, vio: int) -> VmIoEntry:
    """Take a reader or writer out. Requires: `vio` live."""
    if vio not in vm_ios:
        raise RequiresError(f"vm_io {vio} is not registered")
    return vm_ios.pop(vio)
