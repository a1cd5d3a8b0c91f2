"""What a contract leaves open: calls that it allows though no code could mean them.

Each statement says what a contract should exclude; a call that all clauses allow is the witness.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from vmfuzz.audit import cursor_scenes, frame_scenes
from vmfuzz.audit.search import PATHS, TINY, Scene
from vmstore.contracts.call import Call
from vmstore.contracts.catalogue import CLAUSES
from vmstore.contracts.registry import ContractClause
from vmstore.outcome import IN_USE, Outcome

_OURS: Final = ("EXEC", "RETURNS", "AT_ONCE", "GUARD")  # clauses that are no contract's


@dataclass(frozen=True, slots=True)
class Weakness:
    """A statement on one contract, the suspect that says it is not made, and calls to try."""

    id: str
    ax: str
    op: str
    prefix: str
    text: str
    calls: Callable[[], Iterator[tuple[str, Call]]]

    @property
    def clauses(self) -> tuple[ContractClause, ...]:
        """The contract's clauses."""
        return tuple(
            clause
            for clause in CLAUSES
            if clause.id.startswith(self.prefix + ".")
            and clause.id[len(self.prefix) + 1 :].partition(".")[0] not in _OURS
        )

    @property
    def source(self) -> str:
        """The contract's name upstream."""
        return self.clauses[0].source

    def witness(self) -> str | None:
        """Return a call that the contract allows, None if it allows none of those tried."""
        for text, call in self.calls():
            if all(clause.holds(call) for clause in self.clauses if clause.when(call)):
                return text
        return None


def _idle(scenes: Iterator[Scene], outcome: Outcome | None = None) -> Iterator[tuple[str, Call]]:
    """Yield each scene's call as if it did nothing at all."""
    for scene in scenes:
        came = scene.outcome if outcome is None else outcome
        call = Call(TINY, scene.op, came, scene.old, scene.old, ())
        yield f"{scene.text}: came to {came}, nothing changed", call


def _unmapped_nothing() -> Iterator[tuple[str, Call]]:
    return _idle(cursor_scenes.unmaps("mapped"))


def _jumped_nowhere() -> Iterator[tuple[str, Call]]:
    return _idle(cursor_scenes.jumps())


def _mapped_elsewhere() -> Iterator[tuple[str, Call]]:
    """Yield a map at the first entry that adds the path of the second."""
    for scene in cursor_scenes.maps("held"):
        slot = scene.old.slots[0]._replace(paths=frozenset(PATHS[1:]))
        new = replace(scene.after[0], slots={**scene.old.slots, 0: slot})
        # The contract's cursor may be any; here it stays where and as it was.
        new = replace(new, cursors=scene.old.cursors)
        call = Call(TINY, scene.op, scene.outcome, scene.old, new, (0,))
        yield f"{scene.text}: page 0 got the path {PATHS[1]}, the cursor stands at {PATHS[0]}", call


def _opened_on_nothing() -> Iterator[tuple[str, Call]]:
    """Yield a cursor opened on a space that maps page 0, whose own tree is empty."""
    for scene in cursor_scenes.opens():
        if scene.old.slots[0].paths:
            new: Any = scene.after[-1]
            call = Call(TINY, scene.op, scene.outcome, scene.old, new, ())
            yield f"{scene.text}: the cursor's tree is empty, page 0 is mapped", call


WEAKNESSES: Final = (
    Weakness("WEAK.UNMAP.IDLE", "AX-11", "Unmap", "OP.UNMAP",
             "an unmap over a mapped page that does nothing is excluded", _unmapped_nothing),
    Weakness("WEAK.JUMP.IDLE", "AX-11", "Jump", "OP.NAV",
             "a jump that does not move the cursor is excluded", _jumped_nowhere),
    Weakness("WEAK.MAP.PATH", "AX-16", "Map", "OP.MAP",
             "a map that adds another path than the cursor's is excluded", _mapped_elsewhere),
    Weakness("WEAK.OPENC.TREE", "AX-18", "OpenCursor", "OP.OPENC",
             "a cursor with a tree that is not the space's is excluded", _opened_on_nothing),
    Weakness("WEAK.FFU.NONE", "AX-23", "FrameFromUnused", "OP.FFU",
             "no answer for an unused page is excluded", lambda: _idle(
                 frame_scenes.frame_claims(), IN_USE)),
    Weakness("WEAK.FFIU.NONE", "AX-23", "FrameFromInUse", "OP.FFIU",
             "no answer for a live frame is excluded", lambda: _idle(
                 frame_scenes.frame_grabs(), IN_USE)),
)  # fmt: skip
