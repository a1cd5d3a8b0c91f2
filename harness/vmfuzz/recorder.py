"""Shows what a step of the model came to in the form of the recordings."""

from collections.abc import Callable
from typing import Final

from vmfuzz.recorded_io import changed_memory, remaining_bytes
from vmfuzz.vectors import Json
from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.ids import CursorId, PtableId, PtcursorId, ReaderId, VmSpaceId, WriterId
from vmstore.ops import DECLARATIONS, Declaration, Field, Op
from vmstore.outcome import Abort, Blocked, Err, Ok, Outcome, Panic
from vmstore.step import State

_TABLES: Final = frozenset({PtableId, VmSpaceId})  # node counts are recorded after the first one
_RETURNED: Final = (Ok, Err, Blocked)
_CONTENTS: Final = frozenset({ReaderId, WriterId})  # kinds whose remaining bytes are recorded


class Recorder:
    """Records the steps of one state, which must start fresh.

    `numbers` is the number of handles made so far, per kind.
    """

    __slots__ = ("cells", "has_tables", "machine", "numbers", "shown", "state", "written")

    def __init__(self, state: State) -> None:
        self.state = state
        self.machine = state.machine
        self.cells = state.machine.cells
        self.written = state.machine.io.memory.written
        self.numbers: dict[str, int] = {}
        self.shown: dict[int, tuple[str, int]] = {}
        self.has_tables = False

    def record(self, op: Op, outcome: Outcome) -> dict[str, Json]:
        """Return what the recording of the step just made has, but for `op` and `args`.

        Requires: called once after every step, in order; the ids of handles are their numbers.
        """
        plan = _PLANS[op.__class__]
        machine = self.machine
        result: dict[str, Json] = {"out": self.out(op, plan, outcome)}
        if self.cells.journal:
            slots = self._changed_slots()
            if slots:
                result["slots"] = slots
        if machine.events:
            result["ev"] = [list(event) for event in machine.events]
        if self.has_tables:
            result["pt"] = len(machine.spaces.pool.handed)
        if self.written():
            changed = changed_memory(self.state)
            if changed:
                result["mem"] = changed
        if plan.names_contents:
            left = remaining_bytes(self.state, op, plan.declaration, outcome)
            if left:
                result["rw"] = left
        if plan.positions and isinstance(outcome, _RETURNED):
            position = self._position(op, plan)
            if position is not None:
                result["va"] = position
        return result

    def out(self, op: Op, plan: "_Plan", outcome: Outcome) -> dict[str, Json]:
        """Return the recorded form of an outcome. Effect: what it made is counted."""
        if outcome.__class__ is Ok:
            observed = outcome.value
            if observed or plan.bare or len(plan.made) > 1:
                return self._made(op, plan, observed)
            if not plan.made:
                return {"ok": {}}
            name, kind, shown, is_table = plan.made[0]
            self.numbers[kind] = self.numbers.get(kind, 0) + 1
            if is_table:
                self.has_tables = True
            return {"ok": {shown: getattr(op, name)}}
        if isinstance(outcome, Err):
            return {"err": outcome.variant, **(outcome.detail or {})}
        if isinstance(outcome, Panic):
            return {"panic": outcome.code}
        if isinstance(outcome, Abort):
            return {"abort": outcome.code}
        if isinstance(outcome, Blocked):
            return {"err": "WouldBlock"}
        return {"diverges": True}

    def _made(self, op: Op, plan: "_Plan", observed: dict[str, object] | None) -> dict[str, Json]:
        """Return the recorded form of a success: what was observed and which handles were made."""
        value: dict[str, Json] = dict(observed) if observed else {}
        made: dict[str, list[int]] = {}
        for name, kind, shown, is_table in plan.made:
            if kind not in value:
                made.setdefault(shown, []).append(getattr(op, name))
                self.numbers[kind] = self.numbers.get(kind, 0) + 1
                self.has_tables |= is_table
        for shown, ids in made.items():
            value |= {shown: ids[0]} if len(ids) == 1 else {f"{shown}s": ids}
        return {"ok": plan.bare(value) if plan.bare else value}

    def count(self, op: Op, outcome: Outcome) -> None:
        """Count what a step made, without showing it."""
        self.out(op, _PLANS[op.__class__], outcome)

    def _position(self, op: Op, plan: "_Plan") -> int | None:
        """Return where the cursor stands that the step names or made, None without a live one."""
        spaces = self.state.machine.spaces
        for name, is_raw in plan.positions:
            handle = getattr(op, name)
            if is_raw and handle in spaces.ptcursors:
                return spaces.ptcursors[handle].va
            if not is_raw and handle in spaces.cursors:
                return spaces.cursors[handle].inner.va
        return None

    def _changed_slots(self) -> list[list[Json]]:
        changed = []
        shown, frames = self.shown, self.state.world.frames
        for record in self.cells.journal:
            slot = record[0]
            index, count = slot.index, slot.ref_count
            if index >= frames:
                continue
            kind = "unused" if count == REF_COUNT_UNUSED else slot.vtable if count else "busy"
            now = (kind, count)
            if shown.get(index, _FIRST) != now:
                shown[index] = now
                changed.append([index, kind, _NAMES.get(count, count)])
        return sorted(changed) if len(changed) > 1 else changed


class _Plan:
    """What is known of an op's recording from its declaration alone."""

    __slots__ = ("bare", "declaration", "made", "names_contents", "positions")

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.made = tuple(
            (f.name, f.kind.name, _shown_name(f), f.type in _TABLES)
            for f in declaration.destinations
            if f.kind
        )
        self.positions = tuple(
            (f.name, f.type is PtcursorId)
            for f in declaration.fields
            if f.type in {CursorId, PtcursorId}
        )
        self.bare = _BARE.get(declaration.name)
        self.names_contents = any(f.type in _CONTENTS for f in declaration.fields)


# Results that are recorded without a name.
_BARE: Final[dict[str, Callable[[dict[str, Json]], Json]]] = {
    "pt_page_walk": lambda value: None if value["paddr"] is None else value,
    "pt_largest_pages": lambda value: value["pages"],
}


def _shown_name(field: Field) -> str:
    """Return under which name recordings show a new handle: that of its kind, or its own."""
    kind = field.kind.name if field.kind else ""
    own = field.name.removeprefix("dst_")
    return own if own.endswith(kind) else kind


_NAMES: Final[dict[int, Json]] = {REF_COUNT_UNUSED: "UNUSED", REF_COUNT_UNIQUE: "UNIQUE"}
_FIRST: Final = ("unused", REF_COUNT_UNUSED)
_PLANS: Final = {op: _Plan(declaration) for op, declaration in DECLARATIONS.items()}
