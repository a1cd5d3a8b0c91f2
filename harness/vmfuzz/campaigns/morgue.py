"""What workers that hung, died or grew too large died of: their last trace, run again and kept."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import Final

from vmfuzz.campaigns.desk import Desk
from vmfuzz.campaigns.heartbeat import Beat
from vmfuzz.campaigns.links import Limits
from vmfuzz.campaigns.pool import Running
from vmfuzz.campaigns.recovery import Recovery
from vmfuzz.errors import VmfuzzError
from vmfuzz.trace_file import load
from vmfuzz.trace_text import format_trace
from vmstore.ops import DECLARATIONS

CLAUSES: Final = {"hung": "HANG", "oversized": "MEMORY", "died": "CRASH", "failed": "CRASH"}
_MOST: Final = 20  # of one run; a model that always hangs would fill the night with them


class Morgue:
    """Finds out, one after another, what the workers died of."""

    def __init__(self, desk: Desk, scratch: Path, limits: Limits, command: tuple[str, ...]) -> None:
        self.desk, self.scratch, self.limits, self.command = desk, scratch, limits, command
        self._waiting: deque[tuple[Running, str, Beat]] = deque()
        self._current: tuple[Recovery, str] | None = None
        self._taken = 0

    def take(self, worker: Running, what: str, _reason: str, beat: Beat) -> None:
        """Let a worker's last trace wait for its turn."""
        if self._taken < _MOST and what in CLAUSES:
            self._taken += 1
            self._waiting.append((worker, what, beat))

    def work(self) -> None:
        """Look after the trace that runs, and begin with the next."""
        if self._current is not None:
            recovery, what = self._current
            outcome = recovery.outcome()
            if outcome is None:
                return
            self._current = None
            self._keep(recovery, what, outcome)
        if self._waiting:
            worker, what, beat = self._waiting.popleft()
            with suppress(OSError):  # no process to be had
                recovery = Recovery(worker, beat, self.scratch, self.limits, self.command)
                self._current = (recovery, what)

    def finish(self, is_time: Callable[[], bool]) -> None:
        """Go on until nothing waits, or time is up."""
        while (self._waiting or self._current) and is_time():
            self.work()
            sleep(0.02)

    def close(self) -> None:
        """End what runs; what it has written down is kept as it is."""
        if self._current is not None:
            recovery, what = self._current
            recovery.stop()
            self._keep(recovery, what, "cut")
            self._current = None

    def _keep(self, recovery: Recovery, what: str, outcome: str) -> None:
        """Keep the trace, as a finding if it did the same again."""
        try:
            trace = load(recovery.path)
        except VmfuzzError:  # it did not get as far as a first op
            return
        if not trace.steps:
            return
        op = DECLARATIONS[type(trace.steps[-1].op)].name
        is_same = outcome == what or {outcome, what} == {"died", "failed"}
        path = self.desk.hold(
            CLAUSES[what], op, format_trace(trace), recovery.worker.job.name, is_flaky=not is_same
        )
        if path is not None:
            self.desk.recorder.worker(
                recovery.worker.number,
                what,
                "it did the same again" if is_same else "it ended well the second time",
                self.desk.folder.relative(path),
            )
