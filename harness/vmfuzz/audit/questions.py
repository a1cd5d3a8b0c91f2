"""What is asked of the contracts: which clauses together, in which small states."""

from typing import Final

from vmfuzz.audit import cursor_scenes, frame_scenes
from vmfuzz.audit.search import Question
from vmstore.arch import REF_COUNT_UNUSED
from vmstore.contracts.call import Call
from vmstore.contracts.catalogue import CLAUSES
from vmstore.contracts.registry import ContractClause

_OURS: Final = ("RETURNS",)  # the clause that is not the contract's


def _contract(prefix: str) -> tuple[ContractClause, ...]:
    """Return the clauses of a contract on the region: what is required and what is ensured."""
    return tuple(
        clause
        for clause in CLAUSES
        if clause.id.startswith(prefix + ".")
        and clause.kind in {"REQ", "ENS"}
        and not clause.id.endswith(_OURS)
    )


def _some(prefix: str, *tails: str) -> tuple[ContractClause, ...]:
    """Return some clauses of a contract."""
    ids = [f"{prefix}.{tail}" for tail in tails]
    found = tuple(clause for clause in CLAUSES if clause.id in ids)
    assert len(found) == len(ids), f"unknown among {ids}"
    return found


def _page_0_is_unmapped(call: Call) -> bool:
    return len(call.after(0).paths) < len(call.before(0).paths)


def _table_is_freed(call: Call) -> bool:
    return any(
        call.before(i).usage == "PageTable" and call.after(i).rc == REF_COUNT_UNUSED
        for i in call.changed
    )


def questions() -> list[Question]:
    """Return every question, in the order of the operations."""
    return [*_space_questions(), *_frame_questions()]


def _space_questions() -> list[Question]:
    mapped = ("mapped", "mapped and held")
    region = ("ENS.2", "ENS.14", "ENS.15", "ENS.16", "ENS.17")
    return [
        Question("SAT.NEWVS", "NewVmSpace", "a space is made",
                 _contract("OP.NEWVS"), cursor_scenes.new_spaces, "AX-01"),
        Question("SAT.OPENC", "OpenCursor", "a cursor is opened",
                 _contract("OP.OPENC"), cursor_scenes.opens),
        Question("SAT.NAV", "Jump", "a cursor jumps",
                 _contract("OP.NAV"), cursor_scenes.jumps),
        Question("SAT.MAP", "Map", "a frame is mapped", _contract("OP.MAP"),
                 lambda: cursor_scenes.maps("held", "held twice")),
        Question("SAT.MAP.UNUSED", "Map", "a page whose count is UNUSED is mapped",
                 _some("OP.MAP", "ENS.12", "ENS.13", "ENS.16"),
                 lambda: cursor_scenes.maps("unused", slots=(0,)), "AX-47"),
        Question("SAT.UNMAP", "Unmap", "an unmap returns, whatever it does",
                 _contract("OP.UNMAP"), lambda: cursor_scenes.unmaps(*mapped)),
        Question("SAT.UNMAP.LAST", "Unmap", "the last reference on a page is unmapped",
                 _some("OP.UNMAP", *region), lambda: cursor_scenes.unmaps("mapped"), "AX-08",
                 _page_0_is_unmapped),
        Question("SAT.UNMAP.OLD", "Unmap", "a page that is held besides is unmapped",
                 _some("OP.UNMAP", "ENS.2", "ENS.14", "ENS.19/OLD"),
                 lambda: cursor_scenes.unmaps("mapped and held"), "AX-09", _page_0_is_unmapped),
        Question("SAT.UNMAP.TABLE", "Unmap", "a table is freed",
                 _some("OP.UNMAP", "ENS.2", "ENS.10"),
                 lambda: cursor_scenes.unmaps("mapped", beside="a table"), "AX-10",
                 _table_is_freed),
        Question("SAT.UNMAP.ZERO", "Unmap", "an unmap beside a frame whose count is 0 returns",
                 _some("OP.UNMAP", "ENS.15", "ENS.17"), cursor_scenes.zero_unmaps, "AX-46"),
    ]  # fmt: skip


def _frame_questions() -> list[Question]:
    return [
        Question("SAT.FFU", "FrameFromUnused", "a claim of an unused page succeeds",
                 _contract("OP.FFU"), frame_scenes.frame_claims),
        Question("SAT.FFIU", "FrameFromInUse", "a handle on a live frame is taken",
                 _contract("OP.FFIU"), frame_scenes.frame_grabs),
        Question("SAT.FD", "FrameDrop", "a handle is dropped",
                 _contract("OP.FD"), frame_scenes.frame_drops, "AX-05"),
        Question("SAT.SFU", "SegmentFromUnused", "a claim of unused pages succeeds",
                 _contract("OP.SFU"), frame_scenes.segment_claims),
        Question("SAT.SD", "SegmentDrop", "a segment is dropped",
                 _contract("OP.SD"), frame_scenes.segment_drops, "AX-07"),
        Question("SAT.SN", "SegmentNext", "the first page is taken off a segment",
                 _contract("OP.SN"), frame_scenes.segment_nexts),
        Question("SAT.SC", "SegmentClone", "a segment is cloned",
                 _contract("OP.SC"), frame_scenes.segment_clones),
        Question("SAT.UFU", "UniqueFromUnused", "an exclusive claim succeeds",
                 _contract("OP.UFU"), frame_scenes.unique_claims),
        Question("SAT.UD", "UniqueDrop", "an exclusive handle is dropped",
                 _contract("OP.UD"), frame_scenes.unique_drops),
        Question("SAT.FU", "FromUnique", "an exclusive handle becomes a shared one",
                 _contract("OP.FU"), frame_scenes.unique_shares),
        Question("SAT.FU.LISTED", "FromUnique", "a page that is in a list becomes a shared one",
                 _contract("OP.FU"), lambda: frame_scenes.unique_shares(tag=1), "AX-30"),
        Question("SAT.TFS", "TryFromShared", "a sole handle becomes an exclusive one",
                 _contract("OP.TFS"), frame_scenes.sole_frames, "AX-06"),
    ]  # fmt: skip
