"""Runs a stored trace: which steps ran, what they came to, and the finding, if any."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from vmfuzz.finding import Finding
from vmfuzz.handle_fields import USES
from vmfuzz.liveness import Liveness
from vmfuzz.located import locate
from vmfuzz.oracle import CHECKS, FULL_EVERY, Session
from vmfuzz.outcome_text import format_outcome
from vmfuzz.trace import Trace
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.outcome import Outcome


@dataclass(slots=True)
class Run:
    """What became of a trace.

    Shape: `outcomes` has one entry per step, None where it was skipped or never reached;
    `skipped` maps such a step to the reason; `unrepeated` are those of them that have a recorded
    outcome, which a live system may leave out.
    Units: `overhead` is what the run cost beyond its steps, in steps that would take as long.
    """

    outcomes: list[Outcome | None] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)
    unrepeated: list[int] = field(default_factory=list)
    finding: Finding | None = None
    quirks: dict[str, int] = field(default_factory=dict)
    executed: int = 0
    overhead: int = 0


class System(Protocol):
    """Where traces are executed: in the model in this process, or in a live system.

    `is_world_fixed` when every trace runs in the system's own world, whatever its world line says;
    `max_steps` is what one minimization may cost.
    """

    @property
    def is_world_fixed(self) -> bool:
        """Whether the system has a world of its own."""
        ...

    @property
    def max_steps(self) -> int:
        """Steps that one minimization may execute, or what takes as long."""
        ...

    def minimizing(self, finding: Finding) -> AbstractContextManager[None]:
        """Return the context in which a minimization of this finding runs."""
        ...

    def run(self, trace: Trace, *, checks: frozenset[str], strict: bool) -> Run:
        """Run a trace and judge every step."""
        ...


class ModelSystem:
    """The model in this process, with the faults that the traces name."""

    is_world_fixed = False
    max_steps = 3_000_000  # about half a minute

    def minimizing(self, _finding: Finding) -> AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return nullcontext()

    def run(self, trace: Trace, *, checks: frozenset[str], strict: bool) -> Run:
        """Run a trace with its own faults, checking every step."""
        return run(trace, checks=checks, strict=strict)


MODEL: Final = ModelSystem()


def run(
    trace: Trace,
    *,
    faults: tuple[str, ...] = (),
    checks: frozenset[str] = frozenset(CHECKS),
    full: bool = False,
    strict: bool = False,
    without: frozenset[str] = frozenset(),
    watch: Callable[[int, Session], None] = lambda _position, _session: None,
    open_session: Callable[..., Session] = Session,
) -> Run:
    """Run a trace with its own faults and `faults`, checking every step.

    `watch` is called after every executed step, with its position; `open_session` makes the
    session, for a caller that looks at the state before each step as well.

    `without` are clauses that are not reported. `full` evaluates every clause on the whole state
    after every step. The same trace gives the same run, always; a finding's step counts op lines,
    skipped ones included.
    Errors: UnknownFault; HarnessError when the model's own counts drift.
    """
    flags = Faults.of((*trace.faults, *faults))
    every = 1 if full else FULL_EVERY
    session = open_session(
        trace.world, flags, checks=checks, full_every=every, strict=strict, without=without
    )
    result = Run(outcomes=[None] * len(trace.steps), quirks=session.quirks)
    liveness = Liveness()
    last, at = None, 0
    for position, step in enumerate(trace.steps):
        reason = liveness.skip_reason(step.op)
        if reason is None:
            liveness.apply(step.op)
            reason = not_produced(session, step.op)
        if reason is not None:
            result.skipped[position] = reason
            if step.outcome is not None:
                result.unrepeated.append(position)
            continue
        last, at = step.op, position
        try:
            found = session.step(last)
        except Exception as error:
            locate(error, position, last)
            raise
        result.executed += 1
        result.outcomes[position] = session.outcome
        watch(position, session)
        found = found or _unexpected(session, last, step.outcome)
        if found is not None:
            result.finding = replace(found, step=position)
        if session.is_over or found is not None:
            return result
    try:
        found = session.check_everything(last)
    except Exception as error:
        locate(error, at, last)
        raise
    if found is not None:
        result.finding = replace(found, step=at)
    return result


def not_produced(session: Session, op: Op) -> str | None:
    """Return which handle of `op` its producer failed to produce, None if all are live."""
    live = session.state.live
    for name, kind, prefix in USES[type(op)]:
        handle = getattr(op, name)
        if handle not in live[kind] and handle is not None:
            return f"{prefix}{handle} was never produced"
    return None


def _unexpected(session: Session, op: Op, recorded: Outcome | None) -> Finding | None:
    if recorded is None or recorded == session.outcome or session.outcome is None:
        return None
    name = DECLARATIONS[type(op)].name
    came = format_outcome(session.outcome)
    return Finding(
        "EXPECT",
        name,
        session.steps - 1,
        "the outcome is the recorded one",
        "the trace",
        f"came to '{came}', recorded was '{format_outcome(recorded)}'",
        session.outcome,
    )


def as_expected(trace: Trace, result: Run) -> bool:
    """Return whether the run was what the trace says: its recorded outcomes, its `expect` lines.

    Without an `expect` line it has to be clean.
    """
    finding = result.finding
    if result.unrepeated:
        return False
    if not trace.expect:
        return finding is None
    return finding is not None and any(
        expect.clause == finding.clause and expect.step == finding.step for expect in trace.expect
    )
