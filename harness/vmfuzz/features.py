"""Abstract state as coverage: which kinds of situation a trace has reached, as cells of one map.

A cell stands for (op before, op), (op, outcome), or (op, what the touched page looks like): small
numbers of handles, covers and list elements, the shape of the count word. Addresses and ids play
no part, so the map is bounded and the same situation on another page is no news.
"""

from typing import Final

from vmfuzz.oracle import Session
from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import ERRORS, Abort, Blocked, Diverges, Err, Panic
from vmstore.owner import SlotOwner

_CODES: Final = {op: code for code, op in enumerate(DECLARATIONS)}
_PAIRS: Final = 0  # the map's areas, by their first cell: 256 x 256 pairs of ops,
_OUTCOMES: Final = 1 << 16  # 256 x 32 outcomes,
_LISTS: Final = _OUTCOMES + (1 << 13)  # 256 x 8 list lengths,
_SLOTS: Final = _LISTS + (1 << 11)  # 256 x 128 kinds of page
CELLS: Final = _SLOTS + (1 << 15)  # libFuzzer looks at every cell after every input: 8 us for these
_FIRST: Final = len(DECLARATIONS)  # the op before the first
_ERROR_CLASSES: Final = {error.variant: min(at, 28) for at, error in enumerate(ERRORS, 1)}


class StateMap:
    """The cells of the input that is running. Shape: `cells` has `CELLS` counters of 8 bits."""

    __slots__ = ("before", "cells")

    def __init__(self) -> None:
        self.cells = bytearray(CELLS)
        self.before = _FIRST

    def begin(self) -> None:
        """Start an input. The counters are cleared by whoever reads them."""
        self.before = _FIRST

    def note(self, session: Session, op: Op) -> None:
        """Count what the step that `session` has just made was like. Cost: under 1 us."""
        cells = self.cells
        code = _CODES[op.__class__] & 255
        _count(cells, _PAIRS + ((self.before & 255) << 8 | code))
        self.before = code
        _count(cells, _OUTCOMES + (code << 5 | _outcome_class(session)))
        for held in session.view.touched_lists:
            cells[_LISTS + (code << 3 | min(len(held.pages), 7))] = 1
        owners = session.view.store.owners
        for record in session.machine.cells.journal:
            slot = record[0]
            owner = owners.get(slot.index)
            if owner is not None:
                cells[_SLOTS + _page_class(code, slot.ref_count, owner)] = 1


def _count(cells: bytearray, at: int) -> None:
    if cells[at] < 255:
        cells[at] += 1


def _outcome_class(session: Session) -> int:
    """Return 0 for success, a small number per error, and one each for panic and abort."""
    outcome = session.outcome
    if isinstance(outcome, Err):
        return _ERROR_CLASSES.get(outcome.variant, 28)
    if isinstance(outcome, Blocked | Diverges):
        return 29
    return 30 if isinstance(outcome, Panic) else 31 if isinstance(outcome, Abort) else 0


def _page_class(code: int, count: int, owner: SlotOwner) -> int:
    """Return 15 bits: the op, the kind of count word, and references by kind up to a few."""
    if count == REF_COUNT_UNUSED:
        shape = 0
    elif count == REF_COUNT_UNIQUE:
        shape = 1
    else:
        shape = 2 + min(count.bit_length(), 5)
    references = min(owner.handles, 3) << 2 | min(owner.covers, 3)
    return (code << 7 | shape << 4 | references) & 0x7FFF
