"""Invariants of readers and writers, and what memory contains.

Source: vostd `VmIoEntry::inv`, `VmIoOwner::inv`; the clauses on user handles also of `VmStore`.
"""

from typing import Final

from vmstore.clauses.io_cases import ContentsCase, VioCase
from vmstore.clauses.registry import Clause, Group

_ENTRY: Final = "vostd VmIoEntry::inv"
_OWNER: Final = "vostd VmIoOwner::inv"
_STORE: Final = "vostd VmStore::structural_inv"
_SRC: Final = "what the ops have read and written"
_I: Final[Group] = "invariants"
_X: Final[Group] = "extra"
_V: Final[Group] = "view"


def _is_user(c: VioCase) -> bool:
    return c.entry.vm_space is not None


def _is_kernel(c: VioCase) -> bool:
    return c.entry.vm_space is None


def _has_view(c: VioCase) -> bool:
    return c.entry.owner.view is not None


def _sees_all(c: VioCase) -> bool:
    owner = c.entry.owner
    return owner.view is None or owner.view.translates(owner.start, owner.end)


def _owner_inv(c: VioCase) -> bool:
    owner = c.entry.owner
    disjoint = owner.view is None or owner.view.is_disjoint()
    return owner.start <= owner.end and disjoint and _sees_all(c)


def _reads(c: VioCase) -> bool:
    view = c.entry.owner.view
    return view is not None and view.kind == "ReadView" and _sees_all(c)


def _writes(c: VioCase) -> bool:
    view = c.entry.owner.view
    return view is not None and view.kind == "WriteView"


def _space_is_live(c: VioCase) -> bool:
    return c.entry.vm_space in c.state.view.store.vm_spaces


def _follows(c: VioCase) -> bool:
    owner = c.entry.owner
    return c.left() == (owner.start, owner.end)


def _show_left(c: VioCase) -> str:
    left = c.left()
    return (
        f"the code has {left[0]:#x}..{left[1]:#x} left" if left else "the code has no such handle"
    )


def _within(c: VioCase) -> bool:
    owner = c.entry.owner
    return c.entry.vaddr <= owner.start and owner.end <= c.entry.vaddr + c.entry.length


def _same_type(c: VioCase) -> bool:
    return c.held is not None and c.held.is_fallible == c.entry.owner.is_fallible


def _show_bytes(c: ContentsCase) -> str:
    length = min(len(c.found), len(c.expected))
    at = next((i for i in range(length) if c.found[i] != c.expected[i]), length)
    found, expected = c.found[at : at + 8], c.expected[at : at + 8]
    return f"from byte {at:#x} on it holds {found.hex()}, written was {expected.hex()}"


CLAUSES: Final = (
    Clause("VIOE.1", "every reader and writer satisfies its owner's invariant", _ENTRY, "vio", _I,
           holds=_owner_inv),
    Clause("VIOE.2", "a handle on a space carries no view of memory", _ENTRY, "vio", _I,
           when=_is_user, holds=lambda c: not _has_view(c)),
    Clause("VIOE.3", "a kernel reader has a read view of everything it has left", _ENTRY, "vio",
           _I, when=lambda c: _is_kernel(c) and c.entry.kind == "Reader", holds=_reads),
    Clause("VIOE.4", "a kernel writer has a write view", _ENTRY, "vio", _I,
           when=lambda c: _is_kernel(c) and c.entry.kind == "Writer", holds=_writes),
    Clause("VIOO.1", "range.start <= range.end", _OWNER, "vio", _I,
           holds=lambda c: c.entry.owner.start <= c.entry.owner.end),
    Clause("VIOO.2", "the mappings of a view are pairwise disjoint", _OWNER, "vio", _I,
           when=_has_view, holds=lambda c: c.entry.owner.view.is_disjoint()),
    Clause("VIOO.3", "every address of the range translates in the view", _OWNER, "vio", _I,
           when=_has_view, holds=_sees_all),
    Clause("STRUCT.10", "a reader's or writer's space is live", _STORE, "vio", _I, when=_is_user,
           holds=_space_is_live),
    Clause("STRUCT.11", "a user range ends at or below MAX_USERSPACE_VADDR", _STORE, "vio", _I,
           when=_is_user,
           holds=lambda c: c.entry.vaddr + c.entry.length <= c.user_limit),
    Clause("XTRA.9", "a handle has left its range minus what was consumed and cut off",
           "blind spot of vostd VmIoEntry: vaddr and len say nothing of the range", "vio", _X,
           holds=lambda c: _within(c) and _follows(c), show=_show_left),
    Clause("VIEW.VIO", "a handle is fallible iff the ops made it so", _SRC, "vio", _V,
           holds=_same_type),
    Clause("VIEW.MEM", "memory contains what was last written to it, and zeros elsewhere", _SRC,
           "contents", _V, holds=lambda c: c.found == c.expected, show=_show_bytes),
)  # fmt: skip
