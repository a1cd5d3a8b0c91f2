"""Keeps a campaign of this process in its folder, while it runs."""

import os
import platform
import resource
from functools import partial
from pathlib import Path
from typing import Final

from vmfuzz import __version__
from vmfuzz.campaign import Campaign, Stored
from vmfuzz.campaigns.events import End, FindingSeen, Start
from vmfuzz.campaigns.folder import CampaignFolder
from vmfuzz.campaigns.recorder import Recorder
from vmfuzz.crashes import UPSTREAM, buckets
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.trace import FORMAT_VERSION
from vmfuzz.trace_text import format_world

VERSIONS: Final = {
    "vmfuzz": __version__,
    "python": platform.python_version(),
    "trace_format": str(FORMAT_VERSION),
    "upstream": UPSTREAM,
}
_PAGE: Final = resource.getpagesize()
_MAX_WORDS: Final = 10_000  # characters of a witness that the log takes


class Keeper:
    """Writes what a campaign of one process does into its folder. Requires: `close` at the end."""

    def __init__(
        self, out: Path, campaign: Campaign, plan: Plan, engines: list[str], date: str
    ) -> None:
        self.folder = CampaignFolder(out)
        self.campaign, self.plan, self.stage = campaign, plan, ""
        self.recorder = Recorder(self.folder, plan.clock)
        self.recorder.start(
            plan=plan_document(plan, engines, workers=1),
            described=partial(start_event, plan=plan, engines=engines, workers=1, date=date),
            baseline=buckets(out),
            is_resumed=False,
        )

    def progress(self, name: str, _progress: Progress) -> None:
        """Write down how far the campaign is, when it is time to."""
        self._stage(name)
        if self.recorder.is_due():
            self._count()
            self.recorder.tick(buckets=len(buckets(self.folder.path)), rss=resident())

    def finding(self, stored: Stored) -> None:
        """Write down a signature that was met for the first time."""
        status = "new" if stored.is_new else "known"
        path = self.folder.relative(stored.path) if stored.path is not None else ""
        event = partial(finding_event, stored=stored, status=status, path=path)
        self.recorder.finding(partial(event, reason=stored.reason or ""))

    def close(self, code: int, verdict: str) -> str:
        """Write the end and let the folder go; return why something could not be written."""
        self._stage("")
        self._count()
        found = self.campaign.findings
        self.recorder.end(
            partial(
                End,
                exit=code,
                verdict=verdict,
                new=tuple(name for name, stored in found.items() if stored.is_new),
                known=tuple(name for name, stored in found.items() if not stored.is_new),
            ),
            buckets=len(buckets(self.folder.path)),
            rss=resident(),
        )
        self.folder.close()
        return self.recorder.problem

    def _stage(self, name: str) -> None:
        if name != self.stage:
            if self.stage:
                self.recorder.stage(self.stage, "end")
            if name:
                self.recorder.stage(name, "begin")
            self.stage = name

    def _count(self) -> None:
        progress = self.campaign.progress.values()
        self.recorder.count(
            steps=sum(p.steps for p in progress),
            traces=sum(p.traces for p in progress),
            tally=self.campaign.tally(),
            quirks=self.campaign.quirks(),
        )


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


def resident() -> int:
    """Return the memory that this process has in use. Units: bytes."""
    return resident_of(os.getpid())


def resident_of(pid: int) -> int:
    """Return the memory that a process has in use, 0 where that cannot be known. Units: bytes."""
    try:
        text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
        return int(text.split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
