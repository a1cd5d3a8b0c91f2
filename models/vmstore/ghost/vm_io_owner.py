"""`VmIoOwner` with its view of memory, and the handle that it belongs to.

The store's own owner of that name has the range and the type of a handle; this one has the bytes,
as far as the handle may see them. Source: vostd `VmIoOwner`, `VmIoMemView`, `VmReader`.
"""

from dataclasses import dataclass, replace
from typing import Literal

from vmstore.ghost.mem_view import MemView
from vmstore.ghost.virt_ptr import VirtPtr
from vmstore.spaces import RequiresError


@dataclass(frozen=True, slots=True)
class VmIoMemView:
    """What a reader or a writer sees of memory."""

    kind: Literal["ReadView", "WriteView"]
    view: MemView


@dataclass(frozen=True, slots=True)
class VmIoHandle:
    """A reader or writer as the code has it: the bytes `[cursor, end)` are left."""

    id: int
    cursor: VirtPtr
    end: VirtPtr

    def inv(self) -> bool:
        """Return whether both pointers have one range and stand in it in order."""
        cursor, end = self.cursor, self.end
        one_range = (cursor.start, cursor.end) == (end.start, end.end)
        return one_range and cursor.start <= cursor.vaddr <= end.vaddr <= cursor.end


@dataclass(frozen=True, slots=True)
class VmIoOwner:
    """The bytes `[start, end)` that a handle has left; `view` is None until it is activated.

    Errors: `RequiresError` where a function's requires does not hold.
    """

    id: int
    start: int
    end: int
    is_fallible: bool
    is_kernel: bool
    view: VmIoMemView | None = None

    def broken(self) -> list[str]:
        """Return which of VIOO.1 to VIOO.3 are false.

        VIOO.1: the range is in order. With a view, VIOO.2: its mappings are disjoint; VIOO.3: every
        address of the range translates. Source: `VmIoOwner::inv`.
        """
        holds = {"VIOO.1": self.start <= self.end}
        if self.view is not None:
            holds["VIOO.2"] = self.view.view.mappings_are_disjoint()
            holds["VIOO.3"] = self.view.view.translates(self.start, self.end)
        return [clause for clause, is_true in holds.items() if not is_true]

    def can_read(self) -> bool:
        """Return whether it has a view to read through. Source: `has_read_view`."""
        return self.view is not None and self.view.kind == "ReadView"

    def can_write(self) -> bool:
        """Return whether it has a view to write through. Source: `has_write_view`."""
        return self.view is not None and self.view.kind == "WriteView"

    def read_view_initialized(self) -> bool:
        """Return whether it reads, and every byte of its range is there and Init (VIOO.R)."""
        return self.can_read() and self.mem_view().is_initialised(self.start, self.end)

    def mem_view(self) -> MemView:
        """Return the view. Requires: it is activated."""
        if self.view is None:
            raise RequiresError(f"owner {self.id} has no view of memory")
        return self.view.view

    def overlaps_with_range(self, start: int, end: int) -> bool:
        """Return whether the ranges meet, the end of one being the start of the other included.

        Adjacent ranges therefore "overlap" here.
        """
        return self.start <= end and start <= self.end

    def disjoint(self, other: "VmIoOwner") -> bool:
        """Return whether the ranges do not meet and no mapping is in both views.

        So two ranges inside one page are never disjoint.
        """
        if self.overlaps_with_range(other.start, other.end):
            return False
        if self.view is None or other.view is None:
            return True
        return not self.view.view.mappings & other.view.view.mappings

    def params_eq(self, other: "VmIoOwner") -> bool:
        """Return whether range and fallibility are the same."""
        mine = (self.start, self.end, self.is_fallible)
        return mine == (other.start, other.end, other.is_fallible)

    def inv_with(self, handle: VmIoHandle) -> bool:
        """Return whether the handle is this owner's: its invariant, range and id.

        After `limit` or a plain `skip` of the handle, which take no owner, it is not (AX-37).
        Source: `inv_with_reader`, `inv_with_writer`.
        """
        left = (handle.cursor.vaddr, handle.end.vaddr, handle.id)
        return not self.broken() and left == (self.start, self.end, self.id)

    def change_fallible(self, *, is_fallible: bool) -> "VmIoOwner":
        """Return the owner of the other type. Requires: it is another."""
        if is_fallible == self.is_fallible:
            raise RequiresError(f"owner {self.id} is of that type already")
        return replace(self, is_fallible=is_fallible)

    def advance(self, n: int) -> tuple["VmIoOwner", MemView]:
        """Return the owner of what lies behind the next `n` bytes, and the view of these.

        Requires: it has a view, and `n` bytes are left. Ensures: what is left translates and reads
        as before; a page that was cut stays in both views (AX-36 a).
        """
        left, right = self._cut(n)
        return replace(self, start=self.start + n, view=right), left.view

    def split(self, n: int) -> tuple["VmIoOwner", "VmIoOwner"]:
        """Return an owner of the next `n` bytes and one of the rest. Requires: as `advance`."""
        left, right = self._cut(n)
        cut = self.start + n
        return replace(self, end=cut, view=left), replace(self, start=cut, view=right)

    def write_to_read(self) -> "VmIoOwner":
        """Return a reader's owner of what was written. Requires: it writes."""
        if not self.can_write():
            raise RequiresError(f"owner {self.id} has no view to write through")
        return replace(self, view=VmIoMemView("ReadView", self.mem_view()))

    def with_memory(self, view: MemView) -> "VmIoOwner":
        """Return the owner with other bytes in its view. Requires: the same mappings."""
        if self.view is None or view.mappings != self.view.view.mappings:
            raise RequiresError(f"owner {self.id} has a view of other addresses, or none")
        return replace(self, view=replace(self.view, view=view))

    def _cut(self, n: int) -> tuple[VmIoMemView, VmIoMemView]:
        if self.view is None:
            raise RequiresError(f"owner {self.id} has no view of memory")
        if n > self.end - self.start:
            raise RequiresError(f"owner {self.id} has {self.end - self.start} bytes left, not {n}")
        left, right = self.view.view.split(self.start, n)
        return VmIoMemView(self.view.kind, left), VmIoMemView(self.view.kind, right)


def from_user_space(owner_id: int, pointer: VirtPtr) -> tuple[VmIoHandle, VmIoOwner]:
    """Return a handle of user memory from `pointer` on, and its owner, which has no view yet.

    Ensures: the owner is the handle's. Source: `VmReader::from_user_space`, `VmWriter::` the same.
    """
    end = replace(pointer, vaddr=pointer.end)
    owner = VmIoOwner(owner_id, pointer.vaddr, pointer.end, is_fallible=True, is_kernel=False)
    return VmIoHandle(owner_id, pointer, end), owner
