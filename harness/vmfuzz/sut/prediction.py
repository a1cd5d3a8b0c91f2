"""What a live system should answer: the model runs the same ops and is recorded.

A script is what is sent of a trace: its steps that can run, with the answers that the model gives.
Not sent is what has no counterpart on the other side: calls that the borrow checker, the type
checker or the recorded programs' driver would not let through, copies that are left unspecified,
searches that never end, and the known defects of upstream, which end the script unless it shows
beforehand that they would be reached.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Final

from vmfuzz.finding import Finding
from vmfuzz.liveness import Liveness
from vmfuzz.oracle import Session
from vmfuzz.recorder import Recorder
from vmfuzz.runner import Run
from vmfuzz.sut.expressible import is_driver_error, obstacle
from vmfuzz.sut.numbering import Numbering
from vmfuzz.sut.wire import ENCODERS, wire_name
from vmfuzz.trace import Trace
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Declaration, Op
from vmstore.ops.segment import SegmentDowncast, SegmentToUsegment
from vmstore.outcome import Diverges, Err, Ok, Outcome
from vmstore.world import World

Json = Any  # any JSON value

NAMES: Final = {op: wire_name(declaration) for op, declaration in DECLARATIONS.items()}
_CONVERSIONS: Final = frozenset({SegmentDowncast, SegmentToUsegment})

Sent = tuple[Op, int, dict[str, Json], Outcome]  # op, its position, answer, outcome


class Script:
    """What to send, and what to expect.

    Shape: one entry per step sent; `positions` are its positions in the trace. `finding` is what
    the model itself broke in the last step, if anything; `session` is the model after it, None when
    it went on to an op that is not sent.
    """

    __slots__ = ("expected", "finding", "lines", "names", "ops", "outcomes", "positions", "session")

    def __init__(self, sent: list[Sent], finding: Finding | None, session: Session | None) -> None:
        self.ops: list[Op] = []
        self.positions: list[int] = []
        self.expected: list[dict[str, Json]] = []
        self.outcomes: list[Outcome] = []
        if sent:
            self.ops, self.positions, self.expected, self.outcomes = map(
                list, zip(*sent, strict=True)
            )
        self.lines = [ENCODERS[op.__class__](op) for op in self.ops]
        self.names = [NAMES[op.__class__] for op in self.ops]
        self.finding = finding
        self.session = session


class Prediction:
    """Runs ops on the model and collects what is sent. Requires: ids of handles are their numbers.

    `is_over` when nothing more can be sent: the machine has ended, something was found, or a
    known defect was reached, which `end` then names.
    """

    __slots__ = ("end", "finding", "io", "is_over", "recorder", "sent", "session")

    def __init__(
        self, world: World, faults: Faults, checks: frozenset[str], *, strict: bool = False
    ) -> None:
        self.session = Session(world, faults, checks=checks, strict=strict)
        self.recorder = Recorder(self.session.state)
        self.io = self.session.machine.io
        self.sent: list[Sent] = []
        self.finding: Finding | None = None
        self.end = ""
        self.is_over = False

    def step(self, op: Op, position: int) -> str | None:
        """Run one op; return why it is not sent, or None. Requires: its handles are live."""
        io, session = self.io, self.session
        if op.__class__ in _CONVERSIONS and self._is_empty(op):
            return "a known upstream defect would be reached: empty-segment-reads-foreign-frame"
        if io.readers or io.writers:
            reason = obstacle(io, op)
            if reason is not None:
                return reason
        finding = session.step(op)
        outcome = session.outcome
        assert outcome is not None
        recorded = self.recorder.record(op, outcome)
        self.is_over = session.is_over
        if session.quirks:
            return self._end(f"a known upstream defect was reached: {', '.join(session.quirks)}")
        shape = outcome.__class__
        if shape is not Ok:
            if isinstance(outcome, Err) and is_driver_error(op, outcome):
                return f"the caller's compiler or driver refuses it ({outcome.variant})"
            if shape is Diverges:
                return self._end("it would never end")
        self.sent.append((op, position, recorded, outcome))
        self.finding = finding
        return None

    def _is_empty(self, op: Op) -> bool:
        assert isinstance(op, SegmentDowncast | SegmentToUsegment)
        start, end = self.session.view.store.segments[op.segment]
        return start == end

    def _end(self, reason: str) -> str:
        """Send nothing more; return why."""
        self.end, self.is_over = reason, True
        return reason

    def finish(self) -> Script:
        """Check the model's final state and return the script."""
        if self.finding is None and not self.is_over and self.sent:
            self.finding = self.session.check_everything(self.sent[-1][0])
        return Script(self.sent, self.finding, None if self.end else self.session)


@dataclass(slots=True)
class Attempt:
    """A script, and the run that it is to become: so far, what of the trace was not sent."""

    script: Script
    result: Run


def predict(
    trace: Trace,
    left_out: Container[int],
    prediction: Prediction,
    lists: Callable[[Declaration], bool],
) -> Attempt:
    """Run the model over what of the trace can be sent, but for the positions in `left_out`.

    Steps of ops that the agent does not list are skipped, and what depends on them.
    """
    result = Run(outcomes=[None] * len(trace.steps))
    liveness, numbering = Liveness(), Numbering()
    for position, step in enumerate(trace.steps):
        if position in left_out:
            continue
        if prediction.is_over:
            break
        declaration = DECLARATIONS[type(step.op)]
        reason = liveness.skip_reason(step.op)
        if reason is None and not lists(declaration):
            reason = f"the agent does not list {NAMES[declaration.op]}"
        if reason is None:
            liveness.apply(step.op)
            reason = _numbered_step(prediction, numbering, step.op, position)
        if reason is not None:
            result.skipped[position] = reason
    return Attempt(prediction.finish(), result)


def _numbered_step(
    prediction: Prediction, numbering: Numbering, op: Op, position: int
) -> str | None:
    """Predict one step of a trace; return why it is not sent, or None."""
    made = prediction.recorder.numbers
    before = dict(made)
    numbered = numbering.numbered(op, before)
    if isinstance(numbered, str):
        return numbered
    reason = prediction.step(numbered, position)
    numbering.note(op, before, made)
    return reason
