"""Workers as processes of this machine: started, listened to over a pipe, ended."""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from vmfuzz.campaigns.heartbeat import Heartbeat
from vmfuzz.campaigns.job import Job
from vmfuzz.campaigns.links import Ending
from vmfuzz.campaigns.memory import resident_of
from vmfuzz.campaigns.messages import MAX_LINE, MessageError
from vmfuzz.errors import HarnessError

COMMAND: Final = (sys.executable, "-m", "vmfuzz.campaigns.worker")
_END_OF_STDERR: Final = 2000
_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """Ask the system to end this process with the one that started it, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    """A worker in a process of its own, which is the leader of its group."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        heartbeat: Heartbeat,
        page: Path,
        stderr: Path,
        forget: Callable[[int], object],
    ) -> None:
        self.process, self._heartbeat, self._page, self._stderr = process, heartbeat, page, stderr
        self._forget = forget
        self._buffer = bytearray()
        self._ending: Ending | None = None
        os.set_blocking(self.pipe, False)

    @property
    def pipe(self) -> int:
        """The descriptor that its messages come from."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    @property
    def count(self) -> int:
        """The count of its last beat."""
        return self._heartbeat.read().count

    @property
    def rss(self) -> int:
        """The memory that it has in use. Units: bytes."""
        return resident_of(self.process.pid)

    def lines(self) -> list[bytes] | None:
        """Return what it has said since, None at its end. Errors: MessageError."""
        if self._ending is not None:
            return None
        try:
            data = os.read(self.pipe, 1 << 20)
        except BlockingIOError:
            return []
        if not data:
            return None
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        if len(self._buffer) > MAX_LINE:
            raise MessageError("a message without end")
        return [bytes(line) for line in lines]

    def ask_to_stop(self) -> None:
        """Let it stop after the trace that it runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it with all it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> Ending:
        """End it with all it started; return how it ended."""
        if self._ending is None:
            self.kill()
            code = self.process.wait()
            if self.process.stdout is not None:
                self._forget(self.pipe)
                self.process.stdout.close()
            beat = self._heartbeat.read()
            self._heartbeat.close()
            self._page.unlink(missing_ok=True)
            self._ending = Ending(_words(code, self._stderr), beat)
        return self._ending


class Processes:
    """A place for workers that this process starts itself. `scratch` is a folder of its own.

    `environment` is what they get, this process's without it.
    """

    def __init__(
        self,
        scratch: Path,
        command: tuple[str, ...] = COMMAND,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.scratch, self.command, self.environment = scratch, command, environment
        self._selector = selectors.DefaultSelector()
        self._started = 0

    def start(self, job: Job) -> Process:
        """Start a worker. Errors: HarnessError when no process can be had."""
        self._started += 1
        page = self.scratch / f"heart.{self._started}"
        stderr = self.scratch / f"stderr.{self._started}"
        heartbeat = Heartbeat(page)
        given = os.environ if self.environment is None else self.environment
        try:
            with stderr.open("wb") as errors:
                process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Ctrl-C is ours to handle
                    env={**given, "TMPDIR": str(self.scratch)},  # a killed one tidies up not
                )
        except OSError as error:
            raise HarnessError(f"cannot start a worker: {error.strerror or error}") from None
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once: that is seen when it is waited for
            process.stdin.write(replace(job, heartbeat=str(page)).encode())
            process.stdin.close()
        worker = Process(process, heartbeat, page, stderr, self._selector.unregister)
        self._selector.register(worker.pipe, selectors.EVENT_READ, worker)
        return worker

    def wait(self, seconds: float) -> list[Process]:
        """Return the workers that have said something, or ended."""
        return [key.data for key, _ in self._selector.select(seconds)]

    def close(self) -> None:
        """Give back what the place holds."""
        self._selector.close()


def _words(code: int, stderr: Path) -> str:
    """Say how a process ended, with the end of what it wrote to stderr."""
    words = f"exit code {code}" if code >= 0 else _signal_name(-code)
    with suppress(OSError), stderr.open("rb") as file:
        file.seek(max(0, stderr.stat().st_size - _END_OF_STDERR))
        last = file.read().decode("utf-8", "replace").strip().splitlines()
        words += f": {last[-1]}" if last else ""
    return words


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
