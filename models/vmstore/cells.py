"""Modelled memory: metadata slots and list heads. The only place that writes them.

Every write is journalled: the first write to a cell in a step saves what it held before. The
oracle takes its footprint from the journal, so neither `exec/` nor a planted bug can touch a cell
unseen. Slots are lazy: one that was never looked at is as boot left it.
"""

from typing import Final

from vmstore.arch import META_BASE, META_SLOT_SIZE, REF_COUNT_UNUSED, U64_MASK
from vmstore.world import World

NONE: Final = -1  # no neighbour, no element


class Slot:
    """The metadata slot of one page, at `vaddr`: storage (payload, links), count, vtable, list tag.

    `vtable` is the metadata kind, empty while uninitialised; `stored` says whether the storage is
    initialised; `prev` and `next` are page indices and mean something for kind `link` only.
    Source: `MetaSlot`.
    """

    __slots__ = (
        "in_list",
        "index",
        "next",
        "prev",
        "ref_count",
        "stamp",
        "stored",
        "vaddr",
        "val",
        "vtable",
    )

    def __init__(self, index: int, ref_count: int, vtable: str) -> None:
        self.index = index
        self.vaddr = META_BASE + index * META_SLOT_SIZE
        self.ref_count = ref_count
        self.vtable = vtable
        self.stored = vtable != ""
        self.val = 0
        self.prev = NONE
        self.next = NONE
        self.in_list = 0
        self.stamp = 0


class ListHead:
    """The list object itself: ends, length and the lazily assigned id (0 = none yet)."""

    __slots__ = ("back", "front", "list_id", "size", "stamp")

    def __init__(self) -> None:
        self.front = NONE
        self.back = NONE
        self.size = 0
        self.list_id = 0
        self.stamp = 0


SlotUndo = tuple[Slot, int, str, bool, int, int, int, int]
HeadUndo = tuple[ListHead, int, int, int, int]


class Cells:
    """All modelled memory of one machine, with the journal of the current step.

    `stamp` numbers the steps: a cell whose stamp is older has not been saved in this one.
    """

    __slots__ = ("head_journal", "journal", "kernel", "pages", "slots", "stamp")

    def __init__(self, world: World) -> None:
        self.pages = world.pages
        self.kernel = (world.frames, world.frames + world.kernel_nodes, 1 + world.cpus)
        self.slots: dict[int, Slot] = {}
        self.stamp = 1
        self.journal: list[SlotUndo] = []
        self.head_journal: list[HeadUndo] = []

    def slot(self, index: int) -> Slot:
        """Return slot `index`, as boot left it when nobody looked at it before."""
        found = self.slots.get(index)
        return found if found is not None else self._boot_slot(index)

    def _boot_slot(self, index: int) -> Slot:
        first, end, root_count = self.kernel
        if first <= index < end:
            fresh = Slot(index, root_count if index == first else 1, "pt")
        else:
            fresh = Slot(index, REF_COUNT_UNUSED, "")
        self.slots[index] = fresh
        return fresh

    def _save(self, slot: Slot) -> None:
        slot.stamp = self.stamp
        self.journal.append(
            (
                slot,
                slot.ref_count,
                slot.vtable,
                slot.stored,
                slot.val,
                slot.prev,
                slot.next,
                slot.in_list,
            )
        )

    # -- the count word ------------------------------------------------------------------------

    def store_ref_count(self, slot: Slot, count: int) -> None:
        """Overwrite the count."""
        if slot.stamp != self.stamp:
            self._save(slot)
        slot.ref_count = count

    def compare_exchange(self, slot: Slot, expected: int, new: int) -> int:
        """Store `new` if the count is `expected`; return what the count was."""
        found = slot.ref_count
        if found == expected:
            if slot.stamp != self.stamp:
                self._save(slot)
            slot.ref_count = new
        return found

    def fetch_add(self, slot: Slot, delta: int) -> int:
        """Add `delta` modulo 2^64; return what the count was."""
        if slot.stamp != self.stamp:
            self._save(slot)
        found = slot.ref_count
        slot.ref_count = (found + delta) & U64_MASK
        return found

    # -- metadata ------------------------------------------------------------------------------

    def write_vtable(self, slot: Slot, vtable: str) -> None:
        """Overwrite the vtable pointer; the empty string un-initialises it."""
        if slot.stamp != self.stamp:
            self._save(slot)
        slot.vtable = vtable

    def write_storage(self, slot: Slot, val: int) -> None:
        """Overwrite the storage with a fresh value whose links are unset."""
        if slot.stamp != self.stamp:
            self._save(slot)
        slot.stored = True
        slot.val = val
        slot.prev = NONE
        slot.next = NONE

    def write_val(self, slot: Slot, val: int) -> None:
        """Change the payload in place."""
        if slot.stamp != self.stamp:
            self._save(slot)
        slot.val = val

    def clear_storage(self, slot: Slot) -> None:
        """Un-initialise the storage."""
        if slot.stamp != self.stamp:
            self._save(slot)
        slot.stored = False
        slot.val = 0
        slot.prev = NONE
        slot.next = NONE

    def write_prev(self, slot: Slot, prev: int) -> None:
        """Overwrite the link to the previous element."""
        if slot.stamp != self.stamp:
            self._save(slot)
        slot.prev = prev

    def write_next(self, slot: Slot, following: int) -> None:
        """Overwrite the link to the next element."""
        if slot.stamp != self.stamp:
            self._save(slot)
        slot.next = following

    def store_in_list(self, slot: Slot, list_id: int) -> None:
        """Overwrite the list tag; 0 = in no list."""
        if slot.stamp != self.stamp:
            self._save(slot)
        slot.in_list = list_id

    # -- list heads ----------------------------------------------------------------------------

    def _save_head(self, head: ListHead) -> None:
        head.stamp = self.stamp
        self.head_journal.append((head, head.front, head.back, head.size, head.list_id))

    def write_front(self, head: ListHead, front: int) -> None:
        """Overwrite the first element."""
        if head.stamp != self.stamp:
            self._save_head(head)
        head.front = front

    def write_back(self, head: ListHead, back: int) -> None:
        """Overwrite the last element."""
        if head.stamp != self.stamp:
            self._save_head(head)
        head.back = back

    def write_size(self, head: ListHead, size: int) -> None:
        """Overwrite the length."""
        if head.stamp != self.stamp:
            self._save_head(head)
        head.size = size

    def write_list_id(self, head: ListHead, list_id: int) -> None:
        """Overwrite the list's id."""
        if head.stamp != self.stamp:
            self._save_head(head)
        head.list_id = list_id
