"""The agent's process: started in a group of its own, and ended with everything it started.

An agent that forks must not outlive the run: its process group is killed. What left the group
becomes our child once its parent is gone, because on Linux this process adopts orphans. It is known
by a variable in its environment, or, if it has cleared that, by being a child that nobody here
started: it has left our session, which only a descendant of an agent does, and is younger than the
agent. That is sure only where no other agent runs; so the last one to stop cleans up. Elsewhere
than on Linux the group is all that is killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from vmfuzz.errors import VmfuzzError, shown

MARK: Final = "VMFUZZ_AGENT"  # the variable by which what an agent started is known
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_ROUNDS: Final = 50  # of killing what those killed before have left behind
_NUMBERS: Final = count(1)
_RUNNING: Final[list["AgentProcess"]] = []  # in the order of their start
_START_FIELD: Final = 19  # of /proc/PID/stat, counted from behind the name


class AgentProcess:
    """A running agent and its three pipes. Errors: VmfuzzError if it cannot be started."""

    def __init__(self, command: list[str]) -> None:
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        if libc is not None:
            libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.mark = f"{MARK}={os.getpid()}.{next(_NUMBERS)}".encode()
        name, value = self.mark.decode().split("=")
        try:
            self.popen = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is ours to handle
                env={**os.environ, name: value},
                preexec_fn=_die_with_parent(libc),  # noqa: PLW1509  # None where there are threads
            )
        except FileNotFoundError:
            raise VmfuzzError(f"--sut: {shown(command[0])!r}: no such command") from None
        except OSError as error:
            problem = error.strerror or str(error)
            raise VmfuzzError(f"--sut: {shown(command[0])!r}: cannot start: {problem}") from None
        except ValueError as error:  # a null byte
            raise VmfuzzError(f"--sut: {shown(command[0])!r}: cannot start: {error}") from None
        # Orphans of agents that stopped while others ran are left to the last one.
        self.since: int = _RUNNING[0].since if _RUNNING else _started(self.popen.pid)
        _RUNNING.append(self)

    def wait(self, seconds: float) -> int | None:
        """Return the exit code, negative for a signal, or None if it still runs after that long."""
        with suppress(subprocess.TimeoutExpired):
            return self.popen.wait(seconds)
        return None

    def stop(self) -> int:
        """Kill the process and all it started; return its exit code, negative for a signal."""
        group = self.popen.pid
        with suppress(ProcessLookupError, PermissionError):  # nobody is left in the group
            os.killpg(group, signal.SIGKILL)
        code = self.popen.wait()
        with suppress(ChildProcessError):
            while True:  # members of the group that have become our children
                os.waitpid(-group, 0)
        if self in _RUNNING:
            _RUNNING.remove(self)
        self._end_orphans()
        return code

    def _end_orphans(self) -> None:
        """Kill and reap what left the group, until there is none."""
        for _ in range(_ROUNDS):
            found = [pid for pid in _children() if self._is_ours(pid)]
            if not found:
                return
            for pid in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _is_ours(self, pid: int) -> bool:
        with suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            if self.mark in environment.split(b"\0"):
                return True
        return not _RUNNING and _has_left(pid) and _started(pid) >= self.since


def ending(code: int) -> str:
    """Return how a process ended, from its exit code."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _die_with_parent(libc: ctypes.CDLL | None) -> Callable[[], object] | None:
    """Return what makes a child die when we are killed; nothing where threads make it unsafe."""
    if libc is None or threading.active_count() > 1:
        return None
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _children() -> list[int]:
    """Return the children of this process. Shape: empty where there is no /proc."""
    pid = os.getpid()
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _has_left(pid: int) -> bool:
    """Return whether a process is of another session than ours."""
    try:
        return os.getsid(pid) != os.getsid(0)
    except OSError:
        return False


def _started(pid: int) -> int:
    """Return when a process started. Units: clock ticks since boot; 0 where that is not known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[_START_FIELD])
