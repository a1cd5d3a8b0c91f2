"""What is asked of the contracts: which clauses together, in which small states."""

from typing import Final

from vmfuzz.audit import frame_scenes
from vmfuzz.audit.search import Question
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


def questions() -> list[Question]:
    """Return every question, in the order of the operations."""
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
