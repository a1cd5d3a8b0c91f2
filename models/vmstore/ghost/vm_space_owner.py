"""`VmSpaceOwner`: who reads and writes the memory of an address space, and the life of a handle.

A handle is created without a view, activated (it takes or borrows its part of the space's view),
used, disposed of (given back, still on record) and removed. Source: vostd `VmSpaceOwner`.
"""

from dataclasses import dataclass, replace

from vmstore.arch import U64_MASK
from vmstore.ghost.mem_view import MemView
from vmstore.ghost.mem_view_wf import Formula, broken_handles, broken_mem_view, do_not_meet
from vmstore.ghost.vm_io_owner import VmIoMemView, VmIoOwner
from vmstore.spaces import RequiresError

Owners = tuple[VmIoOwner, ...]


@dataclass(frozen=True, slots=True)
class VmSpaceOwner:
    """The memory of a space: `mv_range` all of it, `mem_view` what no writer has taken.

    `readers` and `writers` are those disposed of and not yet removed. `lent_readers` and
    `lent_writers` are those activated and not yet disposed of, as they were then: the proof's owner
    has no record of these, and the formula `literal` does not look at it. `next_id` is the next
    handle's. VSO.1, the page table's own invariant, is that of the nodes (`PT.INV.*`).
    Errors: `RequiresError` where a function's requires does not hold.
    """

    active: bool
    formula: Formula
    mem_view: MemView | None = None
    mv_range: MemView | None = None
    readers: Owners = ()
    writers: Owners = ()
    lent_readers: Owners = ()
    lent_writers: Owners = ()
    shared_reader: bool = False
    next_id: int = 0

    def broken(self) -> list[str]:
        """Return which of VSO.2 to VSO.6 are false, MVWF.1 to 8 in VSO.2's place.

        Nothing of an inactive owner; VSO.3 to 6 only of one with a view.
        """
        if not self.active:
            return []
        handles = broken_handles(self) if self.mem_view is not None else []
        return broken_mem_view(self) + handles

    def new_vm_io_id(self) -> tuple["VmSpaceOwner", int]:
        """Return a fresh id for a handle, and the owner that has given it away."""
        return replace(self, next_id=self.next_id + 1), self.next_id

    def can_create_reader(self, va: int, length: int) -> bool:
        """Return whether no writer is in the way of `[va, va + length)`.

        Literally: no writer on record, with adjacent ranges in the way, the sum wrapping at 2^64.
        With disjoint views the lent ones count too, and adjacent ones do not.
        """
        writers = self._in_the_way(self.writers, self.lent_writers, va, length)
        readers = not self.shared_reader and self.formula != "literal"
        return not writers and not (
            readers and self._in_the_way(self.readers, self.lent_readers, va, length)
        )

    def can_create_writer(self, va: int, length: int) -> bool:
        """Return whether no reader and no writer is in the way; see `can_create_reader`."""
        return not (
            self._in_the_way(self.writers, self.lent_writers, va, length)
            or self._in_the_way(self.readers, self.lent_readers, va, length)
        )

    def _in_the_way(self, recorded: Owners, lent: Owners, va: int, length: int) -> bool:
        if self.formula == "literal":
            end = va + length & U64_MASK
            return any(owner.overlaps_with_range(va, end) for owner in recorded)
        end = va + length
        return any(
            (owner.start < end and va < owner.end)
            or any(m.overlaps(va, end) for m in owner.mem_view().mappings)
            for owner in (*recorded, *lent)
        )

    def activate_reader(self, owner: VmIoOwner) -> tuple["VmSpaceOwner", VmIoOwner]:
        """Lend the reader what it reads; the space keeps it too.

        Requires: active; the owner is well-formed and has no view; the space's view translates all
        of its range; with disjoint views, `can_create_reader`.
        Ensures: the owner has a ReadView, borrowed at its range.
        """
        view = self._activatable(owner)
        length = owner.end - owner.start
        if self.formula != "literal" and not self.can_create_reader(owner.start, length):
            raise RequiresError(f"a writer has a page of {owner.start:#x}..{owner.end:#x}")
        lent = replace(owner, view=VmIoMemView("ReadView", view.borrow_at(owner.start, length)))
        return replace(self, lent_readers=(*self.lent_readers, lent)), lent

    def activate_writer(self, owner: VmIoOwner) -> tuple["VmSpaceOwner", VmIoOwner]:
        """Lend the writer what it writes; the space does not keep it.

        Requires: as `activate_reader`; with disjoint views, `can_create_writer`, and no frame of
        the range is mapped anywhere else. Ensures: the owner has a WriteView. Literally the space
        keeps what a split leaves above the range: it loses what lies below (AX-36 f) and keeps a
        page that was cut (a), so `broken` may speak afterwards, which nothing promises it does not.
        """
        view = self._activatable(owner)
        length = owner.end - owner.start
        if self.formula == "literal":
            taken, kept = view.split(owner.start, length)
        else:
            if not self.can_create_writer(owner.start, length):
                raise RequiresError(f"another has a page of {owner.start:#x}..{owner.end:#x}")
            taken, kept = self._take(view, owner.start, owner.end)
        lent = replace(owner, view=VmIoMemView("WriteView", taken))
        lent_writers = (*self.lent_writers, lent)
        return replace(self, mem_view=kept, lent_writers=lent_writers), lent

    def _activatable(self, owner: VmIoOwner) -> MemView:
        if not self.active or self.mem_view is None:
            raise RequiresError("the space is not active, or has no view of memory")
        if owner.broken() or owner.view is not None:
            raise RequiresError(f"owner {owner.id} is not well-formed, or has a view already")
        if not self.mem_view.translates(owner.start, owner.end):
            raise RequiresError(f"not every byte of {owner.start:#x}..{owner.end:#x} is mapped")
        return self.mem_view

    def _take(self, view: MemView, start: int, end: int) -> tuple[MemView, MemView]:
        """Return the pages of `[start, end)` and all others. Requires: no frame is in both."""
        taken = frozenset(m for m in view.mappings if m.overlaps(start, end) and start < end)
        assert self.mv_range is not None  # MVWF.1
        for mine in taken:
            for other in self.mv_range.mappings - {mine}:
                if mine.overlaps_pa(other.pa_start, other.pa_end):
                    raise RequiresError(
                        f"the frame at {mine.pa_start:#x} is mapped at {mine.va_start:#x} and at"
                        f" {other.va_start:#x}"
                    )
        bases = {m.pa_start for m in taken}
        mine_only = {base: held for base, held in view.memory.items() if base in bases}
        others = {base: held for base, held in view.memory.items() if base not in bases}
        return MemView(taken, mine_only), MemView(view.mappings - taken, others)

    def dispose_reader(self, owner: VmIoOwner) -> "VmSpaceOwner":
        """Put a reader that has done on record; one with an empty range is discarded.

        Requires: active; it has a ReadView; it is disjoint from every reader and writer on record,
        with disjoint views from every writer and, unless `shared_reader`, every reader.
        """
        if not (self.active and owner.can_read()):
            raise RequiresError(f"owner {owner.id} has no view to read through")
        others = self.writers if self.shared_reader else (*self.readers, *self.writers)
        if self.formula == "literal":
            others = (*self.readers, *self.writers)
        self._check_apart(owner, others)
        lent = _without(self.lent_readers, owner.id, is_needed=self.formula != "literal")
        readers = (*self.readers, owner) if owner.start < owner.end else self.readers
        return replace(self, readers=readers, lent_readers=lent)

    def dispose_writer(self, owner: VmIoOwner, *consumed: MemView) -> "VmSpaceOwner":
        """Put a writer that has done on record; literally, one with an empty range is discarded.

        With disjoint views, all that was lent comes back: `consumed` are the parts that `advance`
        or `split` have cut off, in that order; what a page was cut into later counts. Nothing is
        discarded, or the pages would be nobody's. Requires: active; it has a WriteView; it is
        disjoint from every reader and writer on record.
        """
        if not (self.active and owner.can_write()):
            raise RequiresError(f"owner {owner.id} has no view to write through")
        if self.formula == "literal":
            self._check_apart(owner, (*self.readers, *self.writers))
            writers = (*self.writers, owner) if owner.start < owner.end else self.writers
            lent = _without(self.lent_writers, owner.id, is_needed=False)
            return replace(self, writers=writers, lent_writers=lent)
        lent = _without(self.lent_writers, owner.id, is_needed=True)
        was = next(known for known in self.lent_writers if known.id == owner.id)
        view = was.mem_view()
        for part in (*consumed, owner.mem_view()):
            view = view.join(part)
        back = replace(was, view=VmIoMemView("WriteView", view))
        if view.mappings != was.mem_view().mappings:
            raise RequiresError(f"owner {owner.id} brings back pages that it was not lent")
        self._check_apart(back, (*self.readers, *self.writers))
        return replace(self, writers=(*self.writers, back), lent_writers=lent)

    def _check_apart(self, owner: VmIoOwner, others: Owners) -> None:
        apart = VmIoOwner.disjoint if self.formula == "literal" else do_not_meet
        for other in others:
            if not apart(owner, other):
                raise RequiresError(f"owner {owner.id} is not disjoint from owner {other.id}")

    def remove_reader(self, index: int) -> "VmSpaceOwner":
        """Drop a reader on record. Requires: there is an `index`-th."""
        return replace(self, readers=_removed(self.readers, index)[1])

    def remove_writer(self, index: int) -> "VmSpaceOwner":
        """Drop a writer on record; the space gets back what it had taken, as written.

        Requires: there is an `index`-th, the space has a view, and no mapping is in both, which
        literally a page that was cut is (AX-36 b).
        """
        owner, writers = _removed(self.writers, index)
        if self.mem_view is None:
            raise RequiresError("the space has no view of memory")
        return replace(self, writers=writers, mem_view=self.mem_view.tracked_join(owner.mem_view()))


def _without(owners: Owners, number: int, *, is_needed: bool) -> Owners:
    kept = tuple(owner for owner in owners if owner.id != number)
    if is_needed and len(kept) == len(owners):
        raise RequiresError(f"owner {number} was not activated, or was disposed of already")
    return kept


def _removed(owners: Owners, index: int) -> tuple[VmIoOwner, Owners]:
    if not 0 <= index < len(owners):
        raise RequiresError(f"there are {len(owners)} on record, none at {index}")
    return owners[index], owners[:index] + owners[index + 1 :]
