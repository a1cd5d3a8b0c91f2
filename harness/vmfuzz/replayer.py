"""Replaying recorded vectors on the model, and showing each step in the recording's form."""

from collections.abc import Callable
from typing import Final

from vmfuzz.fields import CODECS, FieldError
from vmfuzz.recorded_io import changed_memory, remaining_bytes
from vmfuzz.vectors import Json
from vmstore.arch import REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.ids import CountWord, CursorId, Deferred, PtableId, PtcursorId, VmSpaceId
from vmstore.ops import BY_NAME, DECLARATIONS, Declaration, Field, Op
from vmstore.outcome import Abort, Blocked, Diverges, Err, Ok, Outcome, Panic
from vmstore.step import State, execute
from vmstore.world import World

# One recorded name for two ops: on a frame, or on what else the argument names.
_FRAME_FORMS: Final = {"pt_cursor_map": "pt_cursor_map_frame"}
_TABLES: Final = frozenset({PtableId, VmSpaceId})  # node counts are recorded after the first one
_RETURNED: Final = (Ok, Err, Blocked)


class Replayer:
    """Runs recorded ops on the model and shows each step in the recording's form.

    Handles are numbered per kind in creation order, as in the recording.
    """

    def __init__(self, world: World) -> None:
        self.state = State(world)
        self.numbers: dict[str, int] = {}
        self.shown: dict[int, tuple[str, int]] = {}
        self.has_tables = False

    def build_op(self, name: str, args: dict[str, Json]) -> Op | None:
        """Return the op, or None when the model does not know it or an argument of it."""
        declaration = BY_NAME.get(_FRAME_FORMS.get(name, name) if "frame" in args else name)
        if declaration is None:
            return None
        values: dict[str, Json] = self._fresh_ids(declaration)
        known = {field.name: field for field in (*declaration.handles, *declaration.arguments)}
        for key, value in args.items():
            if key not in known:
                return None
            try:
                values[key] = _argument(known[key], value)
            except FieldError:
                return None
        try:
            built: Op = declaration.make(values)
        except TypeError:
            return None
        return built

    def _fresh_ids(self, declaration: Declaration) -> dict[str, Json]:
        """Return the next id of its kind for each destination."""
        ids: dict[str, Json] = {}
        taken = dict(self.numbers)
        for field in declaration.destinations:
            if field.kind:
                ids[field.name] = taken.get(field.kind.name, 0)
                taken[field.kind.name] = ids[field.name] + 1
        return ids

    def run(self, op: Op) -> Outcome:
        """Run one op and number the handles it made. Requires: its handles are live."""
        self.state.begin_step()
        outcome = execute(self.state.machine, op)
        self._out(op, DECLARATIONS[type(op)], outcome)
        return outcome

    def step(self, op: Op) -> dict[str, Json]:
        """Run one op. Requires: its handles are live. Returns what its recording has."""
        self.state.begin_step()
        outcome = execute(self.state.machine, op)
        declaration = DECLARATIONS[type(op)]
        result: dict[str, Json] = {"out": self._out(op, declaration, outcome)}
        contents = {
            "mem": changed_memory(self.state),
            "rw": remaining_bytes(self.state, op, declaration, outcome),
        }
        result |= {key: value for key, value in contents.items() if value}
        slots = self._changed_slots()
        if slots:
            result["slots"] = slots
        if self.state.machine.events:
            result["ev"] = [list(event) for event in self.state.machine.events]
        if self.has_tables:
            result["pt"] = len(self.state.machine.spaces.pool.handed)
        position = self._position(op) if isinstance(outcome, _RETURNED) else None
        if position is not None:
            result["va"] = position
        return result

    def _position(self, op: Op) -> int | None:
        """Return where the cursor stands that the step names or made, None without a live one."""
        spaces = self.state.machine.spaces
        for field in DECLARATIONS[type(op)].fields:
            handle = getattr(op, field.name)
            if field.type is CursorId and handle in spaces.cursors:
                return spaces.cursors[handle].inner.va
            if field.type is PtcursorId and handle in spaces.ptcursors:
                return spaces.ptcursors[handle].va
        return None

    def _out(self, op: Op, declaration: Declaration, outcome: Outcome) -> dict[str, Json]:
        if isinstance(outcome, Err):
            return {"err": outcome.variant, **(outcome.detail or {})}
        if isinstance(outcome, Panic):
            return {"panic": outcome.code}
        if isinstance(outcome, Abort):
            return {"abort": outcome.code}
        if isinstance(outcome, Blocked):
            return {"err": "WouldBlock"}
        if isinstance(outcome, Diverges):
            return {"diverges": True}
        value: dict[str, Json] = dict(outcome.value or {}) if isinstance(outcome, Ok) else {}
        made: dict[str, list[int]] = {}
        for field in declaration.destinations:
            if field.kind and field.kind.name not in value:
                made.setdefault(_shown_name(field), []).append(getattr(op, field.name))
                self.numbers[field.kind.name] = self.numbers.get(field.kind.name, 0) + 1
                self.has_tables |= field.type in _TABLES
        for kind, ids in made.items():
            value |= {kind: ids[0]} if len(ids) == 1 else {f"{kind}s": ids}
        bare = _BARE.get(declaration.name)
        return {"ok": bare(value) if bare else value}

    def _changed_slots(self) -> list[list[Json]]:
        changed = []
        frames = self.state.world.frames
        for record in self.state.machine.cells.journal:
            slot = record[0]
            if slot.index >= frames:
                continue
            now = (_kind(slot.ref_count, slot.vtable), slot.ref_count)
            if self.shown.get(slot.index, ("unused", REF_COUNT_UNUSED)) != now:
                self.shown[slot.index] = now
                changed.append([slot.index, now[0], _count(slot.ref_count)])
        return sorted(changed)


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


def _argument(field: Field, value: Json) -> Json:
    """Return an argument's value from its recorded form. Errors: FieldError."""
    if isinstance(value, str) and not field.kind:
        return CODECS[field.type].parse(value)
    if field.type is Deferred and isinstance(value, bool):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise FieldError(f"{value!r} is no 64-bit number")
    return CountWord(str(value)) if field.type is CountWord else value


def _kind(count: int, vtable: str) -> str:
    if count == REF_COUNT_UNUSED:
        return "unused"
    return "busy" if count == 0 else vtable


def _count(count: int) -> int | str:
    named = {REF_COUNT_UNUSED: "UNUSED", REF_COUNT_UNIQUE: "UNIQUE"}
    return named.get(count, count)
