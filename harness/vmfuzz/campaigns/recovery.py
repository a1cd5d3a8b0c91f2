"""Finds out which ops killed a worker: a child runs its last trace again, writing it down."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic

from vmfuzz.campaigns.heartbeat import Beat
from vmfuzz.campaigns.job import OUT_OF_MEMORY
from vmfuzz.campaigns.links import Limits
from vmfuzz.campaigns.pool import START, Running
from vmfuzz.campaigns.processes import COMMAND


class Recovery:
    """A child that runs once more what killed a worker, writing it down as it goes."""

    def __init__(
        self,
        worker: Running,
        beat: Beat,
        scratch: Path,
        limits: Limits,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.worker, self.limits = worker, limits
        self.path = scratch / f"worker.{worker.serial}.trace"
        values = {
            "kind": beat.kind,
            "number": beat.number,
            "text": beat.text.decode("utf-8", "replace"),
            "data": beat.data.hex(),
        }
        job = replace(worker.job, mode="recover", paths=[str(self.path)], beat=values, seen=[])
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(job.encode())
            self.process.stdin.close()
        self.started = monotonic()
        self.begun: float | None = None

    def outcome(self) -> str | None:
        """Return what became of it: `hung`, `died`, or `ended` well; None while it runs."""
        code = self.process.poll()
        if code is None:
            now = monotonic()
            if self.begun is None and self.path.exists():
                self.begun = now
            if self.begun is None and now - self.started <= START:
                return None
            if self.begun is not None and now - self.begun <= self.limits.trace_seconds:
                return None
            self.stop()
            return "hung"
        return "ended" if code == 0 else "oversized" if code == OUT_OF_MEMORY else "died"

    def stop(self) -> None:
        """End the child."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
