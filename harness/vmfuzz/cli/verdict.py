"""What a campaign of one process amounts to: exit code and last lines."""

from pathlib import Path

from vmfuzz.amounts import counted
from vmfuzz.campaign import Campaign
from vmfuzz.cli.campaign_options import FailOn
from vmfuzz.cli.exits import Exit
from vmfuzz.engines.interface import Plan
from vmfuzz.errors import shown
from vmfuzz.exhaustive.scope import Claim
from vmfuzz.oracle import CHECKS
from vmfuzz.report.block import replay_command


def exit_code(campaign: Campaign, fail_on: FailOn) -> Exit:
    """Return what the campaign amounts to."""
    counting = (s for s in campaign.findings.values() if s.reason is None)
    if any(stored.is_new or fail_on == "any" for stored in counting):
        return Exit.FINDING
    is_partial = any(not claim.is_complete for claim in claims(campaign))
    return Exit.INCONCLUSIVE if campaign.unreproducible or is_partial else Exit.CLEAN


def claims(campaign: Campaign) -> list[Claim]:
    """Return what the engines that search have shown."""
    return [p.claim for p in campaign.progress.values() if p.claim is not None]


def last_lines(campaign: Campaign, plan: Plan, out: Path | None, code: Exit) -> list[str]:
    """Return verdict, where the findings are, and the next command."""
    amount = len(campaign.findings)
    signatures = counted(amount, "signature")
    if code is Exit.INTERRUPTED:
        return [f"interrupted; {signatures} found so far"]
    shortfall = [claim.verdict for claim in claims(campaign) if not claim.is_complete]
    if code is Exit.INCONCLUSIVE and shortfall and not campaign.unreproducible:
        return [f"inconclusive: stopped before depth {plan.scope.depth}; {shortfall[0]}: clean"]
    if code is Exit.INCONCLUSIVE:
        return [f"inconclusive: {counted(campaign.unreproducible, 'finding')} did not replay"]
    if code is Exit.HARNESS:
        return [f"ended by an internal error; {signatures} found so far"]
    if code is Exit.CLEAN and campaign.findings:
        return [f"clean: nothing new ({amount} known)"]
    if code is Exit.CLEAN:
        if plan.live is not None:
            return [f"clean: every answer of {shown(plan.live.name)} was the predicted one"]
        checks = ", ".join(name for name in CHECKS if name in plan.checks)
        shown_clean = [f"{claim.verdict}: clean" for claim in claims(campaign)]
        return [*shown_clean, f"clean: nothing found (checked {checks} after every step)"]
    first = next(iter(campaign.findings.values()))
    verdict = f"FOUND {signatures}"
    problems = [stored.problem for stored in campaign.findings.values() if stored.problem]
    if problems:
        return [verdict, f"NOT STORED: {problems[0]}"]
    if first.path is None:
        return [verdict, "not stored; next: run again with --out findings"]
    again = replay_command(first.path, plan.live.name if plan.live is not None else None)
    return [verdict, f"stored in {shown(out)}", f"next: {again}"]
