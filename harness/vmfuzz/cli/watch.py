"""Who is told how a campaign goes: the person at the terminal, and the folder it is kept in."""

from pathlib import Path

from vmfuzz.campaign import Campaign, Stored
from vmfuzz.campaigns.in_process import Keeper
from vmfuzz.campaigns.known import Known
from vmfuzz.cli.output import ProgressLine, today
from vmfuzz.cli.streams import note
from vmfuzz.engines.interface import Plan, Progress


class Watch:
    """Passes on what a campaign reports. Errors: VmfuzzError when `out` cannot be had."""

    def __init__(
        self,
        campaign: Campaign,
        plan: Plan,
        engines: list[str],
        out: Path | None,
        known: Known = Known(),  # noqa: B008  # frozen
    ) -> None:
        self.known = known
        self.line = ProgressLine(campaign, plan.seconds, plan.steps)
        self.keeper = Keeper(out, campaign, plan, engines, today()) if out is not None else None

    def progress(self, name: str, progress: Progress) -> None:
        """Report how far an engine is."""
        self.line(name, progress)
        if self.keeper is not None:
            self.keeper.progress(name, progress)

    def finding(self, stored: Stored) -> None:
        """Report a signature that was met for the first time; one that is let pass is not new."""
        stored.reason = self.known.reason(stored.found.finding.signature)
        stored.is_new = stored.is_new and stored.reason is None
        if self.keeper is not None:
            self.keeper.finding(stored)

    def close(self, code: int, verdict: str) -> None:
        """Write the end; a log that could not be written is remarked upon."""
        if self.keeper is not None:
            problem = self.keeper.close(code, verdict)
            if problem:
                note(problem)
