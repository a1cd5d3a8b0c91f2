"""How fast a live system is driven: both sides apart, as they have a core each."""

import resource
from dataclasses import dataclass
from time import monotonic, process_time

from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.live_engine import LiveEngine
from vmfuzz.sut.system import LiveSystem


@dataclass(frozen=True, slots=True)
class LiveRates:
    """Steps per second: of wall time, of the harness's own time, of the agent's own time.

    `findings` in the run make the figures meaningless.
    """

    wall: float
    harness: float
    agent: float
    steps: int
    findings: int


def measure_live(command: list[str], seconds: float, steps: int) -> LiveRates:
    """Drive an agent with fuzzing traces for so many steps. Errors: VmfuzzError."""
    with LiveSystem(command, seconds) as system:
        _ = system.world  # starting is not measured
        progress, findings = Progress(), 0
        wall, own = monotonic(), process_time()
        for _found in LiveEngine().run(Plan(steps=steps, live=system), progress, lambda: None):
            findings += 1
            break
        wall, own = monotonic() - wall, process_time() - own
        before = _children()
    spent = _children() - before  # a child's time is known once it has ended
    done = progress.steps
    return LiveRates(done / wall, done / own, done / spent if spent else 0.0, done, findings)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
