"""Ops that make a live system show what it did: the model's memory can be looked at, its cannot.

A change to a page table is followed, now and then, by a look at the place that it changed; at the
end of a trace what lives is looked at and let go of, so that a wrong count comes to light.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

from vmfuzz.handle_fields import next_ids
from vmfuzz.sut.clearing import SPACE, TABLE, Words, clear
from vmfuzz.sut.prediction import Prediction
from vmstore.arch import PAGE_SIZE
from vmstore.ids import ByteLength, CursorId, PtableId, PtcursorId, Vaddr
from vmstore.ops import BY_NAME, Op
from vmstore.ops.cursor import (
    CursorJump,
    CursorMap,
    CursorMapIomem,
    CursorProtectNext,
    CursorQuery,
    CursorUnmap,
)
from vmstore.ops.page_table import (
    PtCursorJump,
    PtCursorMap,
    PtCursorMapFrame,
    PtCursorOpen,
    PtCursorOpenMut,
    PtCursorProtectNext,
    PtCursorQuery,
    PtCursorTakeNext,
    PtPageWalk,
)
from vmstore.view.tables import Tree

_SPACES: Final = frozenset({CursorMap, CursorMapIomem, CursorUnmap, CursorProtectNext})
_TABLES: Final = frozenset({PtCursorMap, PtCursorMapFrame, PtCursorTakeNext, PtCursorProtectNext})
_OPENS: Final = frozenset({PtCursorOpen, PtCursorOpenMut})
WATCHED: Final = _SPACES | _TABLES | _OPENS
_OFTEN: Final = 0.3  # of the changes are followed by a look
_SOMETIMES: Final = 0.2  # of those looks take out what they find
_INSIDE: Final = 0x123  # any offset inside a page
_MOST: Final = 6  # objects of a kind that are let go of at the end, and places looked at
_CLEARED: Final = 0.5  # of the traces that changed a page table end with taking out what is mapped
# In this order: what borrows before what it borrows from.
_BORROWERS: Final = (
    ("reader", "reader_drop"),
    ("writer", "writer_drop"),
    ("lcursor", "lcursor_drop"),
    ("cursor", "cursor_drop"),
    ("ptcursor", "pt_cursor_drop"),
)
_RELEASES: Final = (
    ("list", "list_pop_back"),
    ("list", "list_pop_front"),
    ("list", "list_drop"),
    ("ptable", "pt_drop"),
    ("vs", "vmspace_drop"),
    ("segment", "segment_drop"),
    ("unique", "unique_info"),
    ("unique", "unique_drop"),
    ("frame", "frame_info"),
    ("frame", "frame_drop"),
)


class Observer:
    """Chooses what to look at in one trace."""

    def __init__(self, rng: Random, prediction: Prediction) -> None:
        self.rng = rng
        self.session = prediction.session
        self.made = prediction.recorder.numbers
        self.at = 0
        self.tables: dict[int, int] = {}  # cursors on raw tables: which table
        self.places: dict[tuple[int, int], None] = {}  # tables and addresses that were changed
        self.changed: dict[tuple[Tree, int], None] = {}  # the same, spaces included

    def before(self, op: Op) -> None:
        """Note where the cursor stands that `op` is to move. Requires: it is in `WATCHED`."""
        spaces = self.session.view.spaces
        if isinstance(op, CursorMap | CursorMapIomem | CursorUnmap | CursorProtectNext):
            place = spaces.cursors[op.cursor].place
            self.at = place.va
            self.changed[place.tree, place.va] = None
        elif op.__class__ in _TABLES:
            place = spaces.ptcursors[op.ptcursor]  # type: ignore[union-attr]
            self.at = place.va
            self.changed[place.tree, place.va] = None
        elif isinstance(op, PtCursorOpen | PtCursorOpenMut):
            self.tables[op.dst] = op.ptable

    def after(self, op: Op) -> Iterator[Op]:
        """Yield what shall follow `op`, which was sent."""
        if op.__class__ in _SPACES:
            if self.rng.random() < _OFTEN:
                cursor: CursorId = op.cursor  # type: ignore[union-attr]
                yield CursorJump(cursor=cursor, va=Vaddr(self.at))
                yield CursorQuery(cursor=cursor)
        elif op.__class__ in _TABLES:
            ptcursor: PtcursorId = op.ptcursor  # type: ignore[union-attr]
            table = self.tables.get(ptcursor)
            if table is not None:
                self.places[table, self.at] = None
            if self.rng.random() < _OFTEN:
                yield from self._look(ptcursor)

    def _look(self, cursor: PtcursorId) -> Iterator[Op]:
        yield PtCursorJump(ptcursor=cursor, va=Vaddr(self.at))
        if self.rng.random() < _SOMETIMES:
            yield PtCursorTakeNext(ptcursor=cursor, len=ByteLength(PAGE_SIZE))
        else:
            yield PtCursorQuery(ptcursor=cursor)

    def farewell(self) -> Iterator[Op]:
        """Yield looks at everything that lives, and its end. Each may fail, or may not be sent."""
        live = self.session.state.live
        for table, va in list(self.places)[-_MOST:]:
            if table in live["ptable"]:
                yield PtPageWalk(ptable=PtableId(table), va=Vaddr(va + _INSIDE))
        yield from self._release(_BORROWERS)
        if self.changed and self.rng.random() < _CLEARED:
            yield from self._clear()
        yield from self._release(_RELEASES)

    def _clear(self) -> Iterator[Op]:
        """Clear one of the trees that were changed, the last that still lives."""
        spaces = self.session.view.spaces
        owners: dict[Tree, tuple[Words, int]] = {t: (TABLE, h) for h, t in spaces.trees.items()}
        owners |= {s.tree: (SPACE, h) for h, s in spaces.vm_spaces.items()}
        for tree, _ in reversed(self.changed):
            words, handle = owners.get(tree, (TABLE, -1))
            if handle >= 0:
                places = [va for changed, va in self.changed if changed is tree]
                kind = words[1]
                cursor, g = self.made.get(kind, 0), spaces.geometry
                level = self.rng.randint(2, g.levels)
                around = g, tree.config.low
                for op in clear(words, handle, places[-_MOST:], around, cursor, level):
                    yield op
                    if cursor not in self.session.state.live[kind]:
                        return  # it could not be opened, or has done its work
                return

    def _release(self, releases: tuple[tuple[str, str], ...]) -> Iterator[Op]:
        """Yield the end of what lives, of each kind that is named with its op."""
        live = self.session.state.live
        for kind, name in releases:
            declaration = BY_NAME[name]
            for handle in [h for h in live[kind] if h >= 0][-_MOST:]:
                if handle in live[kind]:
                    fresh = next_ids(declaration.op, self.made)
                    op: Op = declaration.make({kind: handle, **fresh})
                    yield op
