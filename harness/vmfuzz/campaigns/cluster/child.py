"""The broker as the driver has it: a child that takes orders and says lines, bounded both ways."""

import json
import os
import selectors
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

from vmfuzz.campaigns.messages import MAX_LINE
from vmfuzz.errors import HarnessError

COMMAND: Final = (sys.executable, "-m", "vmfuzz.campaigns.cluster.broker")
LEAVE: Final = 3.0  # seconds in which the broker must have left the cluster
_MAX_UNSENT: Final = 64 << 20
# What says where a cluster is and how it lets one in; other settings of Ray's are not for us.
_KEPT: Final = ("RAY_ADDRESS", "RAY_TMPDIR", "RAY_AUTH_", "RAY_USE_TLS", "RAY_TLS_")
_OURS: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def environment(*, is_own: bool) -> dict[str, str]:
    """Return what the broker gets; one of a cluster of our own, nothing that is Ray's."""
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("RAY_") or (not is_own and name.startswith(_KEPT))
    } | _OURS


class Child:
    """A broker. `stderr` is the file that takes what it, and Ray, have to say beside lines."""

    def __init__(self, stderr: Path, *, is_own: bool, command: tuple[str, ...] = COMMAND) -> None:
        try:
            with stderr.open("wb") as errors:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Ctrl-C is ours to handle
                    env=environment(is_own=is_own),
                )
        except OSError as error:
            raise HarnessError(f"cannot join a cluster: {error.strerror or error}") from None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._unsent, self._unread = bytearray(), bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        for pipe in (self._in, self._out):
            os.set_blocking(pipe, False)
        self.is_over = False

    def order(self, **values: Any) -> None:
        """Send an order. Effect: it waits here while the broker is busy."""
        if self.is_over:
            return
        if not self._unsent:
            self._selector.register(self._in, selectors.EVENT_WRITE)
        self._unsent += json.dumps(values, separators=(",", ":")).encode() + b"\n"
        if len(self._unsent) > _MAX_UNSENT:  # it takes nothing any more
            self.kill()

    def lines(self, seconds: float) -> list[bytes]:
        """Return what it says, waiting a while for it; orders are sent meanwhile."""
        if self.is_over:
            return []
        found: list[bytes] = []
        until = monotonic() + seconds
        while not found and not self.is_over:
            ready = self._selector.select(max(0.0, until - monotonic()))
            for key, _ in ready:
                if key.fd == self._in:
                    self._send()
                else:
                    found += self._receive()
            if not ready:
                break
        return found

    def _send(self) -> None:
        try:
            del self._unsent[: os.write(self._in, self._unsent[: 1 << 16])]
        except BlockingIOError:
            return
        except OSError:  # it is gone, which its silence will show
            self._unsent.clear()
        if not self._unsent:
            self._selector.unregister(self._in)

    def _receive(self) -> list[bytes]:
        data = os.read(self._out, 1 << 20)
        if not data:
            self.kill()
            return []
        self._unread += data
        *lines, self._unread = self._unread.split(b"\n")
        if len(self._unread) > 2 * MAX_LINE:
            self.kill()
        return [bytes(line) for line in lines]

    def kill(self) -> None:
        """End it with all it started."""
        if self.is_over:
            return
        self.is_over = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._selector.close()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def leave(self) -> None:
        """Let it leave the cluster; end it, if it does not."""
        if not self.is_over and self.process.stdin is not None:
            if self._unsent:
                self._selector.unregister(self._in)
                self._unsent.clear()
            with suppress(OSError):
                self.process.stdin.close()
            until = monotonic() + LEAVE
            while not self.is_over and monotonic() < until:
                self.lines(0.2)  # it may wait for somebody to hear it
        self.kill()
