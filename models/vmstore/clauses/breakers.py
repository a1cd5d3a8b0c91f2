"""Breaks each clause on purpose: what `SLOT.01` and the others look like when they are false.

`healthy` plays a scene in which every clause has something to say; `BREAKERS[id]` damages it behind
the model's back so that the clause fails. A clause whose subject the scene lacks extends it, on
pages that it takes out of `FREE`.
"""

from collections.abc import Callable, Iterable
from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED, index_to_meta
from vmstore.cells import NONE
from vmstore.clauses.io_breakers import IO_BREAKERS, add_user_reader, io_scene
from vmstore.clauses.space_breakers import SPACE_BREAKERS, space_scene
from vmstore.ids import FrameId, LcursorId, ListId, Paddr, PaddrEnd, SegmentId, UniqueId
from vmstore.ops import Op, frame, linked_list, segment, unique
from vmstore.outcome import Ok
from vmstore.owner import SlotOwner
from vmstore.step import RULES, State, execute
from vmstore.store import SegmentEntry
from vmstore.world import World

SHARED, COVERED, EXCLUSIVE, LISTED, FREED, PRISTINE = 1, 3, 5, 6, 9, 10
FREE: Final = (0, 14, 15)  # pages that neither the scene nor a breaker uses
WORLD: Final = World(frames=16, pt_frames=32, entries=4)
ROOT: Final = WORLD.frames


def healthy(profile: str = "ostd") -> State:
    """Return a state with shared, covered, exclusive, listed, freed and pristine pages.

    Errors: ValueError for an op that does not succeed, or succeeds as it should not.
    """
    state = State(WORLD.changed(profile=profile))
    play(state, [*_scene(), *space_scene()])
    add_user_reader(state)
    return state


def play(state: State, ops: Iterable[Op]) -> None:
    """Run ops of a scene. Errors: ValueError for one that does not succeed as it should."""
    for op in ops:
        state.begin_step()
        outcome = execute(state.machine, op)
        if not isinstance(outcome, Ok):
            raise ValueError(
                f"the scene does not play: {op} came to {outcome}; free pages are {FREE}"
            )
        rule = RULES.get(type(op))
        if rule is None or rule(state.view, op, outcome) is not None:
            raise ValueError(f"the scene does not play: {op} may not come to {outcome}")


def _scene() -> list[Op]:
    page = [Paddr(index * PAGE_SIZE) for index in range(WORLD.frames)]
    listed = [(6, 1), (7, 2), (8, 3)]
    ops: list[Op] = [
        frame.FrameFromUnused(FrameId(0), page[SHARED], "umeta"),
        frame.FrameClone(FrameId(1), FrameId(0)),
        segment.SegmentFromUnused(SegmentId(0), page[2], PaddrEnd(page[5])),
        unique.UniqueFromUnused(UniqueId(0), page[EXCLUSIVE], "tmeta"),
        *[unique.UniqueFromUnused(UniqueId(u), page[index], "link") for index, u in listed],
        linked_list.ListNew(ListId(0)),
        linked_list.ListNew(ListId(1)),
        linked_list.ListPushFront(ListId(0), UniqueId(2)),
        linked_list.ListPushFront(ListId(0), UniqueId(1)),
        linked_list.ListPushFront(ListId(1), UniqueId(3)),
        linked_list.ListCursorFront(LcursorId(0), ListId(1)),
        frame.FrameFromUnused(FrameId(2), page[FREED]),
        frame.FrameDrop(FrameId(2)),
        frame.FrameFromInUse(FrameId(3), Paddr(ROOT * PAGE_SIZE)),
        *io_scene(FrameId(0)),
    ]
    return ops


Breaker = Callable[[State], object]


def _slot(at: int, /, **fields: int | str | bool) -> Breaker:
    def damage(state: State) -> None:
        for name, value in fields.items():
            setattr(state.machine.cells.slot(at), name, value)

    return damage


def _owner(at: int, /, **fields: object) -> Breaker:
    def damage(state: State) -> None:
        for name, value in fields.items():
            setattr(state.view.store.owner(at), name, value)

    return damage


def _both(*breakers: Breaker) -> Breaker:
    def damage(state: State) -> None:
        for breaker in breakers:
            breaker(state)

    return damage


def _segment(start: int, end: int) -> Breaker:
    def damage(state: State) -> None:
        state.view.store.segments[0] = SegmentEntry(start, end)

    return damage


def _frame_at(paddr: int) -> Breaker:
    def damage(state: State) -> None:
        state.view.store.frames[77] = paddr

    return damage


def _unique_at(paddr: int) -> Breaker:
    def damage(state: State) -> None:
        state.view.store.unique_frames[77] = paddr

    return damage


def _stray_owner(state: State) -> None:
    state.view.store.owners[WORLD.pages] = SlotOwner(WORLD.pages)


def _swapped_owner(state: State) -> None:
    state.view.store.owners[PRISTINE] = SlotOwner(PRISTINE + 1)


def _stray_slot(state: State) -> None:
    state.machine.cells.slot(WORLD.pages + 3)


def _two_pages_one_slot(state: State) -> None:
    state.machine.cells.slots[COVERED] = state.machine.cells.slot(COVERED + 1)


def _same_list_id(state: State) -> None:
    state.view.lists[1].list_id = state.view.lists[0].list_id


def _head_size(state: State) -> None:
    state.machine.lists[0].head.size += 1


def _cursor_off(state: State) -> None:
    state.machine.lcursors[0].current = NONE


def _range_longer(state: State) -> None:
    state.machine.segments[0].end += PAGE_SIZE


def _frame_elsewhere(state: State) -> None:
    state.machine.frames[0] = state.machine.cells.slot(PRISTINE)


def _unique_elsewhere(state: State) -> None:
    state.machine.uniques[0] = state.machine.cells.slot(PRISTINE)


_PATH: Final = frozenset({(ROOT, 0)})
_TOP: Final = WORLD.max_paddr
_P: Final = PAGE_SIZE

BREAKERS: Final[dict[str, Breaker]] = {
    "SLOT.01": _slot(FREED, stored=True),
    "SLOT.02": _slot(FREED, vtable="unit"),
    "SLOT.03": _slot(FREED, in_list=7),
    "SLOT.04": _owner(FREED, paths=_PATH),
    "SLOT.05": _slot(EXCLUSIVE, vtable=""),
    "SLOT.06": _slot(EXCLUSIVE, stored=False),
    "SLOT.07": _owner(LISTED, paths=_PATH),
    "SLOT.08": _slot(SHARED, vtable=""),
    "SLOT.09": _slot(SHARED, stored=False),
    "SLOT.10": _slot(SHARED, in_list=3),
    "SLOT.11": _slot(PRISTINE, ref_count=WORLD.rc_max + 1),
    "SLOT.12": _slot(PRISTINE, ref_count=0, in_list=5),
    "SLOT.13": _owner(PRISTINE, slot_vaddr=0),
    "SLOT.14": _owner(PRISTINE, slot_vaddr=index_to_meta(PRISTINE) + 8),
    "REG.01": _stray_owner,
    "REG.02": _owner(PRISTINE, parked=False),
    "REG.03": _swapped_owner,
    "REG.04c": _slot(PRISTINE, index=PRISTINE + 1),
    "REG.04e": _owner(PRISTINE, slot_vaddr=index_to_meta(PRISTINE + 1)),
    "STRUCT.02": _owner(PRISTINE, parked=False),
    "STRUCT.03'": _slot(LISTED, in_list=99),
    "STRUCT.12": _frame_at(SHARED * _P + 1),
    "STRUCT.13'": _owner(SHARED, usage="Kernel"),
    "STRUCT.14a": _segment(2 * _P + 1, 5 * _P),
    "STRUCT.14b": _segment(2 * _P, 5 * _P - 1),
    "STRUCT.14c'": _segment(5 * _P, 2 * _P),
    "STRUCT.14d": _segment(_TOP - _P, _TOP + _P),
    "STRUCT.15'": _owner(COVERED, usage="Kernel"),
    "STRUCT.16": _unique_at(EXCLUSIVE * _P + 1),
    "STRUCT.17a'": _owner(EXCLUSIVE, usage="Kernel"),
    "STRUCT.17b": _slot(EXCLUSIVE, ref_count=1),
    "STRUCT.17c": _slot(EXCLUSIVE, in_list=4),
    "STRUCT.17d": _owner(EXCLUSIVE, paths=_PATH),
    "STRUCT.18": _both(_unique_at(EXCLUSIVE * _P), _owner(EXCLUSIVE, uniques=2)),
    "ACCT.1a": _owner(PRISTINE, handles=1),
    "ACCT.1b": _owner(PRISTINE, mappings=1),
    "ACCT.1c": _owner(PRISTINE, covers=1),
    "ACCT.2": _slot(FREED, ref_count=1, vtable="unit", stored=True),
    "ACCT.3a": _owner(FREED, handles=1),
    "ACCT.3b": _owner(LISTED, handles=1),
    "ACCT.3c": _slot(SHARED, ref_count=3),
    "ACCT.3d": _slot(SHARED, stored=False),
    "XTRA.1'": _owner(LISTED, uniques=2),
    "XTRA.2": _slot(ROOT + 1, ref_count=2),
    "XTRA.4": _slot(PRISTINE, ref_count=1, vtable="unit", stored=True),
    "XTRA.5'": _owner(SHARED, obligations=3),
    "XTRA.10": _stray_slot,
    "DER.1": _slot(FREED, ref_count=0),
    "DER.2": _slot(SHARED, in_list=3),
    "DER.3": _owner(LISTED, handles=1),
    "DER.4": _slot(SHARED, ref_count=1),
    "DER.5": _slot(COVERED, ref_count=0),
    "DER.6": _owner(EXCLUSIVE, covers=1),
    "FRM.INV.1": _owner(SHARED, slot_vaddr=index_to_meta(SHARED) + 8),
    "FRM.INV.2": _frame_at(_TOP),
    "FRM.WF.4": _owner(SHARED, slot_vaddr=index_to_meta(SHARED + 1)),
    "FRM.WF.5": _slot(SHARED, ref_count=REF_COUNT_UNUSED),
    "UNQ.OWN.INV.1": _unique_at(_TOP),
    "UNQ.WF.1": _owner(EXCLUSIVE, slot_vaddr=index_to_meta(EXCLUSIVE + 1)),
    "UNQ.WFR": _slot(EXCLUSIVE, in_list=4),
    "UNQ.GINV'": _owner(EXCLUSIVE, obligations=0),
    "SEG.INV.1": _segment(2 * _P + 1, 5 * _P),
    "SEG.INV.2": _segment(2 * _P, 5 * _P - 1),
    "SEG.INV.3": _segment(5 * _P, 2 * _P),
    "SEG.INV.4": _segment(_TOP - _P, _TOP + _P),
    "SEG.OWN.INV": _segment(2 * _P, 5 * _P - 1),
    "SEG.REL.1": _owner(COVERED, obligations=0),
    "SEG.REL.2": _owner(COVERED, parked=False),
    "SEG.REL.3": _owner(COVERED, slot_vaddr=index_to_meta(COVERED + 1)),
    "SEG.REL.4": _slot(COVERED, ref_count=0),
    "SEG.REL.5": _slot(COVERED, ref_count=WORLD.rc_max + 1),
    "SEG.REL.6'": _owner(COVERED, paths=_PATH),
    "SEG.REL.7'": _owner(COVERED, usage="Kernel"),
    "SEG.REL.8": _two_pages_one_slot,
    "LST.2": _slot(LISTED, in_list=0),
    "LST.3": _slot(LISTED, vtable="unit"),
    "LST.5": _same_list_id,
    "VIEW.O5": _slot(LISTED, next=NONE),
    "VIEW.LST.WF": _head_size,
    "VIEW.CUR.WF": _cursor_off,
    "VIEW.META": _slot(SHARED, val=77),
    "VIEW.RANGE": _range_longer,
    "VIEW.FRAME": _frame_elsewhere,
    "VIEW.UNIQUE": _unique_elsewhere,
    **SPACE_BREAKERS,
    **IO_BREAKERS,
}
