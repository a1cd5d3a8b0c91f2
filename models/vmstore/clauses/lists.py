"""Invariants of frame lists and their cursors. Source: vostd `ListStore`, `LinkedListOwner`."""

from typing import Final

from vmstore.arch import REF_COUNT_UNIQUE
from vmstore.cells import NONE
from vmstore.clauses.registry import Clause, Group, ListCase, StoreCase

_SRC: Final = "vostd ListStore::inv"
_WF: Final = "vostd LinkedListOwner::relate_region, LinkedList::wf"
_X: Final[Group] = "extra"
_V: Final[Group] = "view"


def _tags(c: ListCase) -> bool:
    return all(e.slot.in_list == c.head.list_id for e in c.elements())


def _linked(c: ListCase) -> bool:
    """Neighbour pointers agree with the sequence, none at either end."""
    pages = c.view.pages
    around = [NONE, *pages, NONE]
    return all(
        e.slot.prev == around[i] and e.slot.next == around[i + 2]
        for i, e in enumerate(c.elements())
    )


def _ends(c: ListCase) -> bool:
    pages = c.view.pages
    head = c.head
    front, back = (pages[0], pages[-1]) if pages else (NONE, NONE)
    return head.front == front and head.back == back and head.size == len(pages)


def _show_links(c: ListCase) -> str:
    return "; ".join(f"page {e.slot.index}: prev={e.slot.prev} next={e.slot.next}"
                     for e in c.elements())  # fmt: skip


def _distinct_ids(c: StoreCase) -> bool:
    ids = [held.list_id for held in c.state.view.lists.values() if held.list_id]
    return len(ids) == len(set(ids))


CLAUSES: Final = (
    Clause("LST.2", "non-empty implies list_id != 0, and every link's tag equals it", _SRC, "list",
           _X, when=lambda c: bool(c.view.pages), holds=lambda c: c.head.list_id != 0 and _tags(c)),
    Clause("LST.3", "every linked slot has rc == UNIQUE, usage Frame, and kind link", _SRC, "list",
           _X, when=lambda c: bool(c.view.pages),
           holds=lambda c: all(e.rc == REF_COUNT_UNIQUE and e.owner.usage == "Frame"
                               and e.slot.vtable == "link" for e in c.elements())),
    Clause("LST.5", "non-zero list ids are pairwise distinct", _SRC, "store", _X,
           holds=_distinct_ids, when=lambda c: len(c.state.view.lists) > 1),
    Clause("VIEW.O5", "the links in memory are the sequence, front to back", _WF, "list", _V,
           holds=_linked, show=_show_links, when=lambda c: bool(c.view.pages)),
    Clause("VIEW.LST.WF", "front, back, size and id of the list are those of the sequence", _WF,
           "list", _V, holds=lambda c: _ends(c) and c.head.list_id == c.view.list_id),
    Clause("VIEW.CUR.WF", "the cursor stands on the element at its position, or on the ghost", _WF,
           "cursor", _V, holds=lambda c: c.current == c.expected),
)  # fmt: skip
