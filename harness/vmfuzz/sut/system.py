"""A live system under test: traces are played to an agent and judged by the model's predictions."""

import shlex
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from vmfuzz.errors import VmfuzzError
from vmfuzz.finding import Finding
from vmfuzz.oracle import CHECKS, Session
from vmfuzz.outcome_text import format_outcome
from vmfuzz.runner import Run
from vmfuzz.sut.agent import Agent, Playback
from vmfuzz.sut.limits import SECONDS
from vmfuzz.sut.prediction import Attempt, Prediction, Script, predict
from vmfuzz.sut.probe import Reported
from vmfuzz.sut.verdict import Verdict, judge
from vmfuzz.sut.vocabulary import Vocabulary
from vmfuzz.trace import Step, Trace
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS
from vmstore.world import World, WorldError

__all__ = ["SECONDS", "LiveSystem"]

MAX_STEPS: Final = 400_000  # of one minimization, with what restarts and hangs cost
_RESTART: Final = 2_000  # what a new process costs, in steps
_HANG: Final = 8_000  # what a wait for nothing costs while minimizing, in steps
_HURRY: Final = 5.0  # while minimizing a hang, the time limit is divided by this
_LEAST: Final = 0.2  # seconds, whatever the division gives
_ROUNDS: Final = 200  # of running a trace again without what was refused


class LiveSystem:
    """The system under test behind `--sut`, with what is known of it.

    The trace's own world, faults and expectations do not matter here: the world is the agent's, and
    `faults` are planted in the model that predicts. Close it when done.
    """

    is_world_fixed = True
    max_steps = MAX_STEPS

    def __init__(
        self,
        command: list[str],
        seconds: float = SECONDS,
        *,
        faults: tuple[str, ...] = (),
        settings: World | None = None,
        pinned: frozenset[str] = frozenset(),
    ) -> None:
        self.agent = Agent(command, seconds)
        self.faults = faults
        self.flags = Faults.of(faults)
        self.settings, self.pinned = settings or World(), pinned
        self.vocabulary = Vocabulary(self.agent)
        self.reported = Reported(self.agent, lambda trace: self.predict(trace).script)
        self.known_world: World | None = None

    def __enter__(self) -> "LiveSystem":
        return self

    def __exit__(self, *_: object) -> None:
        self.agent.close()

    @property
    def world(self) -> World:
        """The agent's world, with the settings that the user added. Errors: VmfuzzError."""
        if self.known_world is None:
            self.known_world = self._world()
        return self.known_world

    def _world(self) -> World:
        ready = self.agent.ready
        named = sorted(self.pinned & ready.named)
        if named:
            raise VmfuzzError(f"--world {named[0]}: the agent says what it is; leave it out")
        added = {
            key: getattr(self.settings, key) for key in self.pinned if not key.startswith("variant")
        }
        overrides = dict(ready.world.overrides) | dict(self.settings.overrides)
        try:
            return replace(ready.world.changed(**added), overrides=tuple(overrides.items()))
        except WorldError as error:
            raise VmfuzzError(f"--world: {error}") from None

    @property
    def name(self) -> str:
        """The command, fit to be pasted into a shell."""
        return shlex.join(self.agent.command)

    def as_document(self) -> dict[str, object]:
        """Return what is known of the system as JSON values."""
        return {
            "command": self.agent.command,
            "build": self.agent.ready.build,
            "world": self.world.settings(),
            "starts": self.agent.starts,
            "refused": dict(sorted(self.vocabulary.refusals.items())),
        }

    def adopt(self, trace: Trace) -> Trace:
        """Return the trace as it runs here: in this world, without faults of the model.

        What is expected of a trace with faults is expected of the model alone, and goes, too; so do
        outcomes that were recorded in another world.
        """
        expect = () if trace.faults else trace.expect
        steps = trace.steps if trace.world == self.world else [Step(op) for op in trace.ops]
        return replace(trace, world=self.world, faults=(), expect=expect, steps=steps)

    def run(
        self,
        trace: Trace,
        *,
        checks: frozenset[str] = frozenset(CHECKS),
        strict: bool = False,
    ) -> Run:
        """Play a trace and judge every answer; an op that is refused is left out and reported.

        Errors: VmfuzzError when the agent cannot be started.
        """
        refused: dict[int, str] = {}
        starts = self.agent.starts
        for _ in range(_ROUNDS):
            attempt = self.predict(trace, refused, checks, strict=strict)
            verdict = self.play(attempt.script, checks)
            if verdict.refused is None:
                break
            self._leave_out(attempt, verdict, refused)
        result = attempt.result
        result.skipped |= refused
        result.executed = verdict.agreed + (verdict.finding is not None)
        positions = attempt.script.positions
        if verdict.finding is not None:
            result.finding = replace(verdict.finding, step=positions[verdict.finding.step])
        elif verdict.refused is not None:
            raise VmfuzzError(f"--sut: the agent refuses too much of this trace: {verdict.refused}")
        unexpected = _unexpected(trace, attempt.script, verdict, min(result.skipped, default=None))
        result.finding = _earlier(unexpected, result.finding)
        for at in range(verdict.agreed):
            result.outcomes[positions[at]] = attempt.script.outcomes[at]
        result.overhead = _RESTART * (self.agent.starts - starts)
        if result.finding is not None and result.finding.clause == "SUT.HANG":
            result.overhead += _HANG
        return result

    def _leave_out(self, attempt: Attempt, verdict: Verdict, refused: dict[int, str]) -> None:
        """Note what is refused: this step, and its likes if the agent never answered one."""
        script, at = attempt.script, verdict.agreed
        name, reason = script.names[at], f"refused: {verdict.refused}"
        alike = [at] if self.vocabulary.speaks(name) else range(at, len(script.names))
        for other in alike:
            if script.names[other] == name:
                refused[script.positions[other]] = reason

    def predict(
        self,
        trace: Trace,
        left_out: Container[int] = (),
        checks: frozenset[str] = frozenset(CHECKS),
        *,
        strict: bool = False,
    ) -> Attempt:
        """Run the model over what of the trace can be sent."""
        prediction = Prediction(self.world, self.flags, checks, strict=strict)
        return predict(trace, left_out, prediction, self.vocabulary.lists)

    def play(self, script: Script, checks: frozenset[str] = frozenset(CHECKS)) -> Verdict:
        """Play a script and judge it; a failure is looked at again, one op at a time.

        Else an agent that buffers its answers would be blamed for an op before the failing one.
        """
        self.begin(script)
        return self.finish(script, checks)

    def begin(self, script: Script) -> None:
        """Send a script; `finish` judges its answers. Requires: nothing else is under way."""
        if script.lines:
            self.agent.send(script.lines, script.names, script.expected)

    def finish(self, script: Script, checks: frozenset[str] = frozenset(CHECKS)) -> Verdict:
        """Judge the answers to the script that was sent."""
        if not script.lines:
            return Verdict(0)
        played = self.agent.collect()
        verdict = self.judge(script, played, checks)
        if played.failure is None or verdict.finding is None or not _is_failure(verdict.finding):
            return verdict
        slowly = self.judge(script, self.agent.play_slowly(script.lines, script.names), checks)
        return slowly if slowly.finding is not None else verdict

    def judge(
        self, script: Script, played: Playback, checks: frozenset[str] = frozenset(CHECKS)
    ) -> Verdict:
        """Compare answers with predictions. Effect: what is refused is noted."""

        def session_after(steps: int) -> Session:
            if steps == len(script.ops) and script.session is not None:
                return script.session
            again = Prediction(self.world, self.flags, checks)
            for at, op in enumerate(script.ops[:steps]):
                again.step(op, at)
            return again.session

        verdict = judge(script, played, session_after, self.reported)
        refused = script.names[verdict.agreed] if verdict.refused is not None else None
        self.vocabulary.note(script.names[: verdict.agreed], refused)
        return verdict

    @contextmanager
    def minimizing(self, finding: Finding) -> Iterator[None]:
        """While the minimizer is at work: wait less long for an agent that hangs anyway."""
        seconds = self.agent.seconds
        if finding.clause == "SUT.HANG":
            self.agent.seconds = min(seconds, max(_LEAST, seconds / _HURRY))
        try:
            yield
        finally:
            self.agent.seconds = seconds


def _is_failure(finding: Finding) -> bool:
    return finding.clause.startswith("SUT.")


def _earlier(first: Finding | None, second: Finding | None) -> Finding | None:
    if first is None or second is None:
        return first or second
    return first if first.step < second.step else second


def _unexpected(trace: Trace, script: Script, verdict: Verdict, end: int | None) -> Finding | None:
    """Return the first agreed step whose recorded outcome is another one.

    Nothing that was recorded from position `end` on counts: a step before it was left out.
    """
    for at in range(verdict.agreed):
        position, outcome = script.positions[at], script.outcomes[at]
        if end is not None and position >= end:
            return None
        recorded = trace.steps[position].outcome
        if recorded is not None and recorded != outcome:
            return Finding(
                "EXPECT",
                DECLARATIONS[type(script.ops[at])].name,
                position,
                "the outcome is the recorded one",
                "the trace",
                f"came to '{format_outcome(outcome)}', recorded was '{format_outcome(recorded)}'",
                outcome,
            )
    return None
