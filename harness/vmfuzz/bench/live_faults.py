"""How long each planted bug stays hidden when the system that has it is behind a pipe.

A hunt starts `vmfuzz agent --fault ID`, drives it as any live system, shrinks what it finds with
the agent in the loop, replays the result on an agent of its own, and holds it against an agent
without the bug, which must agree. A live system has one world for all its traces, so a hunt moves
on to an agent with another one after a while.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from time import monotonic
from typing import Final

from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.live_engine import LiveEngine
from vmfuzz.minimize import minimize
from vmfuzz.sut.system import SECONDS, LiveSystem
from vmfuzz.swarm import FAMILIES, fuzz_world
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_trace
from vmstore.faults import FAULT_BY_ID
from vmstore.world import World

# What no answer can show, whatever is asked: the reason. They are hunted like the others.
INVISIBLE: Final = {
    "teardown-keeps-storage": "no program can tell: the storage is written again before it is read",
    "teardown-keeps-vtable": "no program can tell: the pointer is written again before it is read",
    "kernel-half-starts-late": "nothing is ever mapped in the kernel's own table",
    "stray-not-marked": "only a CPU that waits for the node's lock meanwhile reads the mark",
    "xsa-219-write-after-ref-drop": "the borrow checker refuses to drop what a writer borrows",
}
SLICE: Final = 4.0  # seconds for one world
_DEFAULT: Final = 4  # every so many worlds one is the default one, of real geometry
# What to ask for, by the part of the system that the bug is in; everything where it is not here.
_FAMILIES: Final = {
    "page_table": ("table", "space"),
    "cursor": ("table", "space"),
    "tlb": ("space",),
    "vmspace": ("space", "table"),
    "io": ("io",),
    "list": ("frame",),
}


@dataclass(slots=True)
class LiveHunt:
    """The search for one bug through the pipe.

    `signature`, `broken` (clauses that the agent's counts break as well), `trace` (minimal) and the
    figures are None without a finding; `problem` says why a finding does not count: it did not
    replay, or an agent without the bug shows it, too.
    Units: seconds of wall time, `seconds` until found and `minimizing` from then on; `steps` sent
    until found, in so many `worlds`; `found` and `minimal` are lengths of traces in ops.
    """

    fault: str
    seed: int
    limit: float
    steps: int = 0
    worlds: int = 0
    signature: str | None = None
    broken: str | None = None
    seconds: float | None = None
    minimizing: float | None = None
    found: int | None = None
    minimal: int | None = None
    trace: str | None = None
    problem: str | None = None

    @property
    def key(self) -> tuple[str, int, float]:
        """What identifies a hunt in a record."""
        return self.fault, self.seed, self.limit


def agent_command(world: World, fault: str | None = None) -> list[str]:
    """Return the command of the model as an agent, with a bug or without."""
    command = [sys.executable, "-m", "vmfuzz", "agent"]
    command += ["--fault", fault] if fault is not None else []
    return command + [
        word for key, value in world.settings().items() for word in ("--world", f"{key}={value}")
    ]


def worlds(seed: int) -> Iterator[World]:
    """Yield worlds without end: small ones as the swarm draws them, and now and then the default.

    Effect: none on the hunt but by the seed; no bug has a world of its own.
    """
    rng, number = Random(seed), 0
    while True:
        number += 1
        yield World() if number % _DEFAULT == 0 else fuzz_world(rng, World(), frozenset())


def live_hunt(fault: str, seed: int, limit: float) -> LiveHunt:
    """Hunt one bug until a finding counts or time is up. Errors: VmfuzzError without an agent."""
    hunt = LiveHunt(fault, seed, limit)
    families = _FAMILIES.get(FAULT_BY_ID[fault].component, FAMILIES)
    started = monotonic()
    for world in worlds(seed):
        left = limit - (monotonic() - started)
        if left <= 0 or hunt.signature is not None:
            break
        hunt.worlds += 1
        plan = Plan(min(SLICE, left), rng_seed=seed + hunt.worlds, families=families)
        _hunt_in(world, plan, hunt, started)
    return hunt


def _hunt_in(world: World, plan: Plan, hunt: LiveHunt, started: float) -> None:
    """Hunt in one world. Effect: what comes of it is noted in `hunt`."""
    progress = Progress()
    with LiveSystem(agent_command(world, hunt.fault), SECONDS) as system:
        plan = replace(plan, live=system)
        for found in LiveEngine().run(plan, progress, lambda: None):
            now = monotonic()
            if _confirm(found, system, world, hunt):
                hunt.seconds = round(now - started, 3)
                hunt.minimizing = round(monotonic() - now, 3)
                break
    hunt.steps += progress.steps


def _confirm(found: Found, system: LiveSystem, world: World, hunt: LiveHunt) -> bool:
    """Shrink a finding and note it, if its minimal trace tells the bug from its absence."""
    signature = found.finding.signature
    if _replayed(system, cut(found)) != signature:
        hunt.problem = f"{signature} did not replay"
        return False
    minimized = minimize(cut(found), system=system)
    with LiveSystem(agent_command(world, hunt.fault), SECONDS) as another:
        again = _replayed(another, minimized.trace)
    with LiveSystem(agent_command(world), SECONDS) as healthy:
        clean = _replayed(healthy, minimized.trace)
    if again != signature or clean is not None:
        hunt.problem = (
            f"{signature}: the minimal trace comes to {again}, without the bug to {clean}"
        )
        return False
    hunt.signature, hunt.problem = signature, None
    hunt.broken = ", ".join(dict.fromkeys(other.clause for other in minimized.finding.others))
    hunt.found, hunt.minimal = found.finding.step + 1, len(minimized.trace.steps)
    hunt.trace = format_trace(minimized.trace)
    return True


def _replayed(system: LiveSystem, trace: Trace) -> str | None:
    finding = system.run(trace).finding
    return finding.signature if finding is not None else None
