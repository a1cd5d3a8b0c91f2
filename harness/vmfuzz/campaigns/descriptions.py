"""What a campaign says of itself: its plan, its start, its findings, as the folder keeps them."""

import platform
from typing import Final

from vmfuzz import __version__
from vmfuzz.campaign import Stored
from vmfuzz.campaigns.events import FindingSeen, Start
from vmfuzz.crashes import UPSTREAM
from vmfuzz.engines.interface import Plan
from vmfuzz.trace import FORMAT_VERSION
from vmfuzz.trace_text import format_world

VERSIONS: Final = {
    "vmfuzz": __version__,
    "python": platform.python_version(),
    "trace_format": str(FORMAT_VERSION),
    "upstream": UPSTREAM,
}
_MAX_WORDS: Final = 10_000  # characters of a witness that the log takes


def plan_document(plan: Plan, engines: list[str], *, workers: int) -> dict[str, object]:
    """Return what decides a campaign, as JSON values, for `meta.json`."""
    return {
        "versions": VERSIONS,
        "upstream": UPSTREAM,
        "plan": {
            "engines": engines,
            "seed": plan.rng_seed,
            "world": plan.world.settings(),
            "pinned": sorted(plan.pinned),
            "faults": list(plan.faults),
            "checks": sorted(plan.checks),
            "strict": plan.strict,
            "feedback": plan.feedback,
            "seconds": plan.seconds,
            "steps": plan.steps,
            "workers": workers,
            "sut": plan.live.name if plan.live is not None else None,
        },
    }


def start_event(
    t: float,
    run: int,
    *,
    plan: Plan,
    engines: list[str],
    workers: int,
    date: str,
    is_resumed: bool = False,
) -> Start:
    """Return the event that a run begins with."""
    return Start(
        t,
        run,
        engines=tuple(engines),
        seed=plan.rng_seed,
        world=format_world(plan.world),
        checks=tuple(sorted(plan.checks)),
        workers=workers,
        seconds=plan.seconds,
        steps=plan.steps,
        faults=plan.faults,
        is_resumed=is_resumed,
        date=date,
        versions=VERSIONS,
    )


def finding_event(
    t: float, run: int, *, stored: Stored, status: str, path: str, reason: str = ""
) -> FindingSeen:
    """Return the event of a signature that was stored."""
    small = stored.minimized
    return FindingSeen(
        t,
        run,
        signature=small.finding.signature,
        clause=small.finding.clause,
        op=small.finding.op,
        witness=small.finding.witness[:_MAX_WORDS],
        ops=len(small.trace.steps),
        ops_found=stored.found.finding.step + 1,
        engine=stored.found.engine,
        status=status,
        path=path,
        reason=reason,
    )
