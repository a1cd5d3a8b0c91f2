"""Keeps a campaign of this process in its folder, while it runs."""

from functools import partial
from pathlib import Path

from vmfuzz.campaign import Campaign, Stored
from vmfuzz.campaigns.descriptions import finding_event, plan_document, start_event
from vmfuzz.campaigns.events import End
from vmfuzz.campaigns.folder import CampaignFolder
from vmfuzz.campaigns.memory import resident
from vmfuzz.campaigns.recorder import Recorder
from vmfuzz.crashes import buckets
from vmfuzz.engines.interface import Plan, Progress


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
