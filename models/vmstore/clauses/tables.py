"""Page tables and their cursors: the nodes in memory are the nested maps of the view."""

from typing import Final

from vmstore.arch import PAGE_SIZE
from vmstore.clauses.nodes import entry_agrees, is_kernel_word, is_leaf, leaf_fits, may_wrap
from vmstore.clauses.registry import Clause, Group, NodeCase
from vmstore.view.tables import Entry, Table

_PT: Final = "page-table nodes: PageTableNode, Entry"
_CUR: Final = "page_table::Cursor"
_X: Final[Group] = "extra"
_V: Final[Group] = "view"
_WRAP: Final = "a search that passes 2^64 in a release build leaves its range"


def _show_entries(case: NodeCase) -> str:
    wrong = next(index for index in case.indices if not entry_agrees(case, index))
    entry = _shown(case.table.entries.get(wrong))
    return f"entry {wrong} is {case.node.word(wrong):#x}, the ops made it {entry}"


def _shown(entry: Entry | None) -> str:
    if entry is None:
        return "absent"
    return f"table {entry.page * PAGE_SIZE:#x}" if isinstance(entry, Table) else str(entry)


def _leaves(case: NodeCase) -> list[int]:
    return [index for index in case.indices if is_leaf(case.node.word(index))]


def _shares(case: NodeCase) -> list[int]:
    return [index for index in case.indices if case.is_kernels(index)]


CLAUSES: Final = (
    Clause("PT.INV.2", "a child has the level below its parent's", _PT, "node", _X,
           holds=lambda c: c.node.level == c.table.level),
    Clause("PT.INV.5", "nr_children is the number of entries that are not absent", _PT, "node", _X,
           holds=lambda c: c.node.children == len(c.table.entries)),
    Clause("PT.INV.8", "a node is stray exactly if it was cut out of its tree", _PT, "node", _X,
           holds=lambda c: c.node.stray == c.table.is_cut),
    Clause("PT.INV.9", "a leaf is on a level that is mapped, its address a multiple of its size",
           _PT, "node", _X, when=lambda c: bool(_leaves(c)),
           holds=lambda c: all(leaf_fits(c, index) for index in _leaves(c))),
    Clause("PT.INV.10", "the upper half of a space's root has the kernel's words", _PT, "node", _X,
           when=lambda c: bool(_shares(c)),
           holds=lambda c: all(is_kernel_word(c, index) for index in _shares(c))),
    Clause("LOCK.INV.1", "a node is locked exactly if a live cursor holds it", _PT, "node", _X,
           holds=lambda c: c.node.locked == (c.table.holder is not None)),
    Clause("CUR.INV.1", "1 <= level <= guard_level", _CUR, "place", _X,
           holds=lambda c: 1 <= c.cursor.level <= c.cursor.guard_level),
    Clause("CUR.INV.2'", "start <= va <= end", _CUR, "place", _X, reason=_WRAP,
           when=lambda c: not may_wrap(c.state, c.place),
           holds=lambda c: c.cursor.start <= c.cursor.va <= c.cursor.end),
    Clause("VIEW.INV.8", "every entry maps what the ops mapped there", _PT, "node", _V,
           holds=lambda c: all(entry_agrees(c, index) for index in c.indices), show=_show_entries),
    Clause("VIEW.CUR", "a cursor stands at the address and the level to which the ops moved it",
           _CUR, "place", _V, holds=lambda c: (c.cursor.va, c.cursor.level)
           == (c.place.va, c.place.level)),
)  # fmt: skip
