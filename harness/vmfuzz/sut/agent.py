"""A conversation with an agent: a fresh world for every trace, a new process after a failure."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.sut.answers import Ready, read_answer, read_answers, read_object, read_ready
from vmfuzz.sut.channel import Channel
from vmfuzz.sut.failure import AgentFailure
from vmfuzz.sut.limits import LEAST, START
from vmfuzz.sut.wire import RESET

_NOISE: Final = 10_000  # lines before the first ready: a kernel says a lot while it boots
_LAST: Final = frozenset({"panic", "abort"})  # after these an agent may end

Json = Any  # what json.loads returns


@dataclass(slots=True)
class Playback:
    """The answers to a script, in order, and what kept the next one from coming.

    `words` is the end of what the agent wrote to stderr before it failed.
    """

    answers: list[dict[str, Json]]
    failure: AgentFailure | None = None
    words: str = ""


class Agent:
    """The system under test behind a pipe. Started when it is needed first.

    Units: `seconds` for one answer. `starts` counts the processes.
    """

    def __init__(self, command: list[str], seconds: float) -> None:
        self.command, self.seconds = command, seconds
        self.channel: Channel | None = None
        self.is_fresh = False
        self.can_reset = True
        self.starts = 0
        self.known: Ready | None = None
        self.greeting = b""
        self.asked: list[str] = []
        self.expected: Sequence[dict[str, Json] | None] = []
        self.failed: Playback | None = None

    @property
    def ready(self) -> Ready:
        """What the agent says of itself. Errors: VmfuzzError when it does not get that far."""
        if self.known is None:
            self._prepare_first()
        assert self.known is not None
        return self.known

    def _prepare_first(self) -> None:
        try:
            self._freshen()
        except AgentFailure as failure:
            words = self.close()
            text = f"--sut: the agent {failure.text} before it was ready"
            raise VmfuzzError(text + _said(words)) from None

    def send(
        self,
        lines: list[bytes],
        names: list[str],
        expected: Sequence[dict[str, Json] | None] | None = None,
    ) -> None:
        """Ask for the ops of a whole trace in a fresh world; `collect` takes the answers.

        Answers that are the same as in `expected` are those very objects.
        Requires: nothing is left to collect.
        """
        self.asked, self.failed = names, None
        self.expected = expected if expected is not None else [None] * len(names)
        try:
            channel = self._freshen()
        except AgentFailure as failure:
            self.failed = Playback([], failure, self.close())
            return
        self.is_fresh = False
        follow_up = self.can_reset and bool(lines)
        channel.send(b"".join(lines) + (RESET if follow_up else b""), len(lines) + follow_up)

    def collect(self) -> Playback:
        """Return the answers to what was sent. Effect: an agent that failed is ended."""
        if self.failed is not None:
            return self.failed
        assert self.channel is not None
        lines: list[bytes] = []
        gone: AgentFailure | None = None
        take, seconds = self.channel.take_some, self.seconds
        try:
            while len(lines) < len(self.asked):
                lines += take(len(self.asked) - len(lines), seconds)
        except AgentFailure as failure:
            gone = failure
        answers, wrong = read_answers(lines, self.asked, self.expected)
        broken = wrong or gone
        if broken is not None:
            return Playback(answers, broken, self.close())
        return self._reset_done(answers)

    def _reset_done(self, answers: list[dict[str, Json]]) -> Playback:
        """Take the answer to the reset that was sent along."""
        if not (self.can_reset and answers):
            self.is_fresh = not answers and self.is_fresh
            return Playback(answers)
        try:
            self._take_ready()
        except AgentFailure as failure:
            words = self.close()
            if failure.kind == "CRASH" and _LAST & answers[-1]["out"].keys():
                return Playback(answers)  # it ended with its machine, as it may
            failure = AgentFailure(failure.kind, f"{failure.text} instead of starting afresh")
            return Playback(answers, failure, words)
        return Playback(answers)

    def play(self, lines: list[bytes], names: list[str]) -> Playback:
        """Send and collect."""
        self.send(lines, names)
        return self.collect()

    def play_slowly(self, lines: list[bytes], names: list[str]) -> Playback:
        """Ask for one op at a time, so that it is certain which one a failure belongs to."""
        answers: list[dict[str, Json]] = []
        try:
            channel = self._freshen()
            self.is_fresh = False
            for line, name in zip(lines, names, strict=True):
                channel.send(line, 1)
                answers.append(read_answer(channel.take(self.seconds), name))
            if self.can_reset:
                channel.send(RESET, 1)
        except AgentFailure as failure:
            return Playback(answers, failure, self.close())
        return self._reset_done(answers)

    def _freshen(self) -> Channel:
        """Return the channel of an agent whose world is fresh. Errors: AgentFailure."""
        if self.channel is not None and not self.is_fresh:
            self.close()
        if self.channel is None:
            self._start()
        assert self.channel is not None
        return self.channel

    def _start(self) -> None:
        self.channel = Channel(self.command)
        self.starts += 1
        limit = max(LEAST, START * self.seconds)
        deadline = monotonic() + limit
        self.channel.awaited = _NOISE
        line = b""
        while not line.lstrip().startswith(b"{"):
            left = deadline - monotonic()
            if not self.channel.awaited or left <= 0:
                said = _NOISE - self.channel.awaited
                raise AgentFailure("PROTOCOL", f"sent {said:,} other lines in {limit:g} s")
            line = self.channel.take(left)
        self.channel.awaited = 0
        if self.channel.lines:
            raise AgentFailure("PROTOCOL", "went on after its ready line")
        self._check_ready(line)

    def _take_ready(self) -> None:
        """Take the answer to a reset; an agent that refuses is started anew for every trace."""
        assert self.channel is not None
        line = self.channel.take(max(LEAST, START * self.seconds))
        if b'"refused"' in line and "refused" in (read_object(line).get("out") or {}):
            self.can_reset = False
            self.close()
            return
        self._check_ready(line)

    def _check_ready(self, line: bytes) -> None:
        """Compare with the first ready line; as a rule they are the same to the letter."""
        if line == self.greeting:
            self.is_fresh = True
            return
        ready = read_ready(line)
        if self.known is None:
            self.known, self.greeting = ready, line
        elif (ready.world, ready.build) != (self.known.world, self.known.build):
            raise AgentFailure("PROTOCOL", "came back with another world")
        self.is_fresh = True

    def close(self) -> str:
        """End the process, if there is one; return the end of what it wrote to stderr."""
        channel, self.channel = self.channel, None
        is_polite = channel is not None and channel.broken is None and self.is_fresh
        self.is_fresh = False
        return channel.close(is_polite=is_polite) if channel is not None else ""


def _said(words: str) -> str:
    lines = [line for line in words.splitlines() if line.strip()][-3:]
    return "".join(f"\n  its stderr: {shown(line)[:200]}" for line in lines)
