"""The contract of the calls that make readers and writers of user memory.

Source: `VmSpace::{reader, writer}` of the seed documents. The code checks less: it needs no active
owner, no empty way, and no particular length, and answers AccessDenied where this says nothing.
"""

from vmstore.ghost.virt_ptr import VirtPtr
from vmstore.ghost.vm_io_owner import VmIoHandle, VmIoOwner, from_user_space
from vmstore.ghost.vm_space_owner import VmSpaceOwner
from vmstore.view.state import View

Made = tuple[VmSpaceOwner, VmIoHandle, VmIoOwner]


def reader_requires(v: View, vs: int, owner: VmSpaceOwner, va: int, length: int) -> bool:
    """Return whether a reader of `[va, va + length)` of space `vs` may be made.

    The owner is well-formed and active, nothing is in the way, the range is not empty, does not
    begin at 0 and ends in user memory, and the space is what this CPU runs.
    """
    return owner.can_create_reader(va, length) and _requires(v, vs, owner, va, length)


def writer_requires(v: View, vs: int, owner: VmSpaceOwner, va: int, length: int) -> bool:
    """Return the same of a writer, which readers are in the way of too."""
    return owner.can_create_writer(va, length) and _requires(v, vs, owner, va, length)


def _requires(v: View, vs: int, owner: VmSpaceOwner, va: int, length: int) -> bool:
    spaces = v.spaces
    here = spaces.roots.get(spaces.cpu, spaces.kernel_root)
    return (
        not owner.broken()
        and owner.active
        and va != 0
        and length > 0
        and va + length <= spaces.geometry.user_end - 0x1000
        and here == spaces.vm_spaces[vs].tree.root.page
    )


def make_handle(owner: VmSpaceOwner, va: int, length: int) -> Made:
    """Return the space's owner, a reader or writer of the range, and the handle's owner.

    Requires: `reader_requires` or `writer_requires`. Ensures: `handle_ensures`. The handle is not
    yet activated. Source: the bodies of `VmSpace::reader` and `VmSpace::writer`, which are one.
    """
    pointer = VirtPtr.from_vaddr(va, length)
    after, number = owner.new_vm_io_id()
    return after, *from_user_space(number, pointer)


def handle_ensures(old: VmSpaceOwner, made: Made) -> bool:
    """Return what a new reader or writer ensures: it is well-formed and not yet activated.

    Nobody else's handle changes. Source: `reader_ensures`, `writer_ensures`.
    """
    new, handle, owner = made
    return (
        not new.broken()
        and (new.readers, new.writers) == (old.readers, old.writers)
        and handle.inv()
        and owner.inv_with(handle)
        and owner.view is None
    )
