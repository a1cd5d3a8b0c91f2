"""What a step on address spaces costs with many pages mapped, over one with few."""

from statistics import median
from time import process_time
from typing import Final

from vmfuzz.oracle import Session
from vmstore.arch import PAGE_SIZE
from vmstore.ids import ByteLength, CursorId, FrameId, Paddr, PageFlags, Vaddr, VaddrEnd, VmSpaceId
from vmstore.ops import Op, cursor, frame, vm_space
from vmstore.world import World

_FEW: Final = 10  # pages
_BATCH: Final = 40  # times the ops of `_timed` between two looks at the clock
_SPACES: Final = 4
_NEVER: Final = 1 << 62  # of full checks: they look at everything, which is what grows
_TABLE: Final = 512 * PAGE_SIZE


def cost_of_mappings(pages: int, rounds: int) -> float:
    """Return the median cost of a checked step with `pages` mapped over one with ten.

    The step is one of claiming, opening, mapping, querying, unmapping, closing, in a table that
    has entries already.
    """
    few, many = _mapped(_FEW), _mapped(pages)
    return median(_timed(many) / _timed(few) for _ in range(rounds))


def _mapped(pages: int) -> Session:
    """Return a session in which some spaces map so many pages together, side by side."""
    tables = pages // 512 + 1
    session = Session(World(frames=pages + 1, pt_frames=2 * tables + 320), full_every=_NEVER)
    for number in range(_SPACES):
        _step(session, vm_space.VmspaceNew(VmSpaceId(number)))
    _step(session, vm_space.VmspaceActivate(VmSpaceId(0)))
    for page in range(pages):
        number, place = page % _SPACES, page // _SPACES
        va = place * PAGE_SIZE
        if place % 512 == 0:
            if place:
                _step(session, cursor.CursorDrop(CursorId(number)))
            opened = (Vaddr(va), VaddrEnd(va + _TABLE))
            _step(session, cursor.CursorOpenMut(CursorId(number), VmSpaceId(number), *opened))
        _step(session, frame.FrameFromUnused(FrameId(0), Paddr(page * PAGE_SIZE)))
        _step(session, cursor.CursorMap(CursorId(number), FrameId(0), PageFlags(3), "WB"))
    for number in range(_SPACES):
        _step(session, cursor.CursorDrop(CursorId(number)))
    return session


def _timed(session: Session) -> float:
    """Return the process time of a batch of ops on the first free page."""
    page = Paddr((session.state.world.frames - 1) * PAGE_SIZE)
    va = Vaddr(1 << 40)
    ops: list[Op] = [
        frame.FrameFromUnused(FrameId(0), page),
        cursor.CursorOpenMut(CursorId(0), VmSpaceId(0), va, VaddrEnd(va + PAGE_SIZE)),
        cursor.CursorMap(CursorId(0), FrameId(0), PageFlags(3), "WB"),
        cursor.CursorJump(CursorId(0), va),
        cursor.CursorQuery(CursorId(0)),
        cursor.CursorUnmap(CursorId(0), ByteLength(PAGE_SIZE)),
        cursor.CursorDrop(CursorId(0)),
    ]
    for op in ops:  # makes the tables that the others find
        _step(session, op)
    started = process_time()
    for _ in range(_BATCH):
        for op in ops:
            _step(session, op)
    return process_time() - started


def _step(session: Session, op: Op) -> None:
    found = session.step(op)
    assert found is None, found
