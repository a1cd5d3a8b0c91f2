"""Processor time, which other programs on the machine do not use up: ours and our children's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import process_time

_TASKS = Path("/proc/self/task")
_USER_TIME = 11  # fields of /proc/PID/stat after the name, from 0: user time, then system time


class ProcessorClock:
    """Seconds of processor time since it was made, those of child processes included."""

    def __init__(self) -> None:
        self._left_out = 0.0
        self._left_out = self()

    def __call__(self) -> float:
        """Return the seconds so far, without those spent in `paused`."""
        ended = os.times()
        children = ended.children_user + ended.children_system + _living_children()
        return process_time() + children - self._left_out

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Return a context whose own time does not count: what measures is not measured."""
        before = self()
        try:
            yield
        finally:
            self._left_out += self() - before


def _living_children() -> float:
    """Return the processor time of children that still run; 0 where the system does not tell."""
    total = 0.0
    with suppress(OSError):
        ticks = os.sysconf("SC_CLK_TCK")
        for task in _TASKS.iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                stat = Path("/proc", child, "stat").read_text(encoding="ascii", errors="replace")
                fields = stat.rpartition(")")[2].split()
                total += (int(fields[_USER_TIME]) + int(fields[_USER_TIME + 1])) / ticks
    return total
