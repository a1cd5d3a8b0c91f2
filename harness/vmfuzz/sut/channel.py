"""Lines to and from an agent: never blocks for ever, never holds more than a bound.

All three pipes are served by one loop in one thread, so that neither side can wait for the other
with a full pipe. Limits: a line has at most `MAX_LINE` bytes; an answer line must be complete
within `seconds` of the one before it, so that a slow drip of bytes is silence, too.
"""

import fcntl
import os
import select
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Final

from vmfuzz.sut.failure import AgentFailure
from vmfuzz.sut.process import AgentProcess, ending

MAX_LINE: Final = 1 << 20  # bytes; the longest honest answer has about 10,000
KEPT: Final = 4096  # bytes of stderr that are kept, its end
_CHUNK: Final = 1 << 18
_PIPE: Final = 1 << 20  # bytes that a pipe holds, where the system lets us say so
_GRACE: Final = 1.0  # seconds that a process has to end by itself


class Channel:
    """An agent's process and the lines still to be sent and still to be taken.

    `awaited` counts the lines asked for and not yet taken; the agent may never be further ahead.
    """

    def __init__(self, command: list[str]) -> None:
        self.process = AgentProcess(command)
        popen = self.process.popen
        assert popen.stdin is not None
        assert popen.stdout is not None
        assert popen.stderr is not None
        self.stdin, self.stdout, self.stderr = popen.stdin, popen.stdout, popen.stderr
        self.poll = select.poll()
        for pipe in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(pipe.fileno(), False)
            with suppress(OSError, AttributeError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
        self.poll.register(self.stdout, select.POLLIN)
        self.poll.register(self.stderr, select.POLLIN)
        self.poll.register(self.stdin, 0)  # says when the other end is closed
        self.outgoing = memoryview(b"")
        self.lines: deque[bytes] = deque()
        self.partial = b""
        self.awaited = 0
        self.words = b""
        self.broken: AgentFailure | None = None  # raised once the good lines before are taken
        self.is_deaf = False  # it closed its stdin
        self.has_ended = False  # it closed its stdout

    def send(self, data: bytes, answers: int) -> None:
        """Queue lines that ask for `answers` lines. Effect: as much as fits is written at once."""
        self.outgoing = memoryview(bytes(self.outgoing) + data)
        self.awaited += answers
        self._write()

    def take(self, seconds: float) -> bytes:
        """Return the next line without its end. Errors: AgentFailure; the channel is then useless.

        Units: `seconds` from now, or from when the line before this one was taken.
        """
        if not self.lines:
            self._fill(monotonic() + seconds, seconds)
        self.awaited -= 1
        return self.lines.popleft()

    def take_some(self, most: int, seconds: float) -> list[bytes]:
        """Return the lines that have come, at least one and at most so many; else as `take`."""
        if not self.lines:
            self._fill(monotonic() + seconds, seconds)
        lines = self.lines
        if len(lines) <= most:
            taken = list(lines)
            lines.clear()
        else:
            taken = [lines.popleft() for _ in range(most)]
        self.awaited -= len(taken)
        return taken

    def _fill(self, deadline: float, seconds: float) -> None:
        """Serve the pipes until a line is complete."""
        while not self.lines:
            if self.broken is not None:
                raise self.broken
            if self.has_ended:
                raise self._gone()
            left = deadline - monotonic()
            if left <= 0:
                raise self._silent(seconds)
            if self.is_deaf:
                left = min(left, _GRACE)
            ready = self.poll.poll(max(1, int(left * 1000)))
            if not ready and self.is_deaf:
                raise self._gone()
            self._serve(ready)

    def _serve(self, ready: list[tuple[int, int]]) -> None:
        for number, event in ready:
            if number == self.stdout.fileno():
                self._read()
            elif number == self.stderr.fileno():
                self._listen()
            elif event & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                self._hear_nothing()
            else:
                self._write()

    def _write(self) -> None:
        while self.outgoing:
            try:
                written = os.write(self.stdin.fileno(), self.outgoing[:_CHUNK])
            except BlockingIOError:
                self.poll.modify(self.stdin, select.POLLOUT)
                return
            except OSError:
                self._hear_nothing()
                return
            self.outgoing = self.outgoing[written:]
        if not self.is_deaf:
            self.poll.modify(self.stdin, 0)

    def _hear_nothing(self) -> None:
        """Note that the agent closed its stdin; what it has answered so far is still to be read."""
        self.is_deaf, self.outgoing = True, memoryview(b"")
        with suppress(KeyError):
            self.poll.unregister(self.stdin)

    def _read(self) -> None:
        try:
            chunk = os.read(self.stdout.fileno(), _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self.has_ended = True
            self.poll.unregister(self.stdout)
            return
        chunk = self.partial + chunk
        *lines, self.partial = chunk.split(b"\n")
        if len(chunk) <= MAX_LINE and len(self.lines) + len(lines) <= self.awaited:
            self.lines += lines
            return
        for line in lines:
            if len(line) > MAX_LINE:
                self._break(f"sent a line of more than {MAX_LINE >> 20} MiB")
            elif len(self.lines) == self.awaited:
                self._break(f"sent a line that nothing asked for: {brief(line)}")
            if self.broken is not None:
                return
            self.lines.append(line)
        if len(self.partial) > MAX_LINE:
            self._break(f"sent a line of more than {MAX_LINE >> 20} MiB")

    def _break(self, text: str) -> None:
        """Listen no more: what follows means nothing."""
        self.broken = AgentFailure("PROTOCOL", text)
        self.partial = b""
        self.poll.unregister(self.stdout)

    def _listen(self) -> None:
        with suppress(BlockingIOError):
            chunk = os.read(self.stderr.fileno(), _CHUNK)
            if not chunk:
                self.poll.unregister(self.stderr)
            self.words = (self.words + chunk)[-KEPT:]

    def _silent(self, seconds: float) -> AgentFailure:
        if self.partial:
            text = f"sent {len(self.partial):,} bytes without an end of line in {seconds:.3g} s"
        else:
            text = f"said nothing for {seconds:.3g} s"
        return AgentFailure("HANG", text)

    def _gone(self) -> AgentFailure:
        """Return what became of an agent that closed a pipe."""
        code = self.process.wait(_GRACE)
        if code is None:
            which = "stdout" if self.has_ended else "stdin"
            text = f"closed its {which}, but still runs"
        else:
            text = ending(code)
        if self.partial:
            text += f" in the middle of an answer: {brief(self.partial)}"
        return AgentFailure("CRASH", text)

    def close(self, *, is_polite: bool) -> str:
        """End the agent and return the end of what it wrote to stderr.

        A polite end closes its stdin first and gives it a moment.
        """
        self.stdin.close()
        if is_polite:
            self.process.wait(_GRACE)
        self._drain()
        self.process.stop()
        self._drain()
        self.stdout.close()
        self.stderr.close()
        return self.words.decode("utf-8", "replace")

    def _drain(self) -> None:
        """Take what is left of stderr, but no more than its pipe holds."""
        for _ in range(_PIPE // _CHUNK + 1):
            try:
                chunk = os.read(self.stderr.fileno(), _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                return
            self.words = (self.words + chunk)[-KEPT:]


def brief(line: bytes) -> str:
    """Return the start of a line for a message."""
    text = line[:60].decode("utf-8", "replace")
    return ascii(text) + ("..." if len(line) > 60 else "")
