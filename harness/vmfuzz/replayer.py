"""Replaying recorded vectors on the model, and showing each step in the recording's form."""

from typing import Final

from vmfuzz.fields import CODECS, FieldError
from vmfuzz.handle_fields import next_ids
from vmfuzz.recorder import Recorder
from vmfuzz.vectors import Json
from vmstore.faults import Faults
from vmstore.ids import CountWord, Deferred
from vmstore.ops import BY_NAME, Field, Op
from vmstore.outcome import Outcome
from vmstore.step import State, execute
from vmstore.world import World

# One recorded name for two ops: on a frame, or on what else the argument names.
FRAME_FORMS: Final = {"pt_cursor_map": "pt_cursor_map_frame"}


class Replayer:
    """Runs recorded ops on the model and shows each step in the recording's form.

    Handles are numbered per kind in creation order, as in the recording. `state` is given by a
    caller that runs the ops itself.
    """

    def __init__(
        self, world: World, faults: Faults | None = None, state: State | None = None
    ) -> None:
        self.state = state or State(world, faults)
        self.recorder = Recorder(self.state)

    def build_op(self, name: str, args: dict[str, Json]) -> Op | None:
        """Return the op, or None when the model does not know it or an argument of it."""
        declaration = BY_NAME.get(FRAME_FORMS.get(name, name) if "frame" in args else name)
        if declaration is None:
            return None
        values: dict[str, Json] = {**next_ids(declaration.op, self.recorder.numbers)}
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

    def run(self, op: Op) -> Outcome:
        """Run one op and number the handles it made. Requires: its handles are live."""
        self.state.begin_step()
        outcome = execute(self.state.machine, op)
        self.recorder.count(op, outcome)
        return outcome

    def step(self, op: Op) -> dict[str, Json]:
        """Run one op. Requires: its handles are live. Returns what its recording has."""
        self.state.begin_step()
        return self.recorder.record(op, execute(self.state.machine, op))


def _argument(field: Field, value: Json) -> Json:
    """Return an argument's value from its recorded form. Errors: FieldError."""
    if isinstance(value, str) and not field.kind:
        return CODECS[field.type].parse(value)
    if field.type is Deferred and isinstance(value, bool):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise FieldError(f"{value!r} is no 64-bit number")
    return CountWord(str(value)) if field.type is CountWord else value
