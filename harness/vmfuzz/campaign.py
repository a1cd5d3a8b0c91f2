"""A run of one or more engines: limits shared out, findings replayed before they count."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from vmfuzz.crashes import cut, has_bucket, store, store_shortest
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.registry import engine
from vmfuzz.errors import VmfuzzError
from vmfuzz.minimize import Minimized, minimize

StopOn = Literal["first", "new", "never"]


@dataclass(slots=True)
class Stored:
    """One signature that the run found: first as it was, minimized, how often, and where it is.

    `problem` says why it could not be stored, `reason` why it is let pass.
    """

    found: Found
    minimized: Minimized
    hits: int = 1
    path: Path | None = None
    problem: str = ""
    is_new: bool = True
    reason: str | None = None


@dataclass(slots=True)
class Campaign:
    """What a run did and found.

    Shape: `progress` per engine name, `findings` per signature in the order found;
    `unreproducible` counts findings that did not replay twice.
    """

    progress: dict[str, Progress] = field(default_factory=dict)
    findings: dict[str, Stored] = field(default_factory=dict)
    unreproducible: int = 0

    def quirks(self) -> dict[str, int]:
        """Return how often each known upstream defect was met."""
        total: dict[str, int] = {}
        for progress in self.progress.values():
            for quirk, count in progress.quirks.items():
                total[quirk] = total.get(quirk, 0) + count
        return dict(sorted(total.items()))

    def tally(self) -> dict[str, dict[str, int]]:
        """Return, per op, how often it came to what."""
        table: dict[str, dict[str, int]] = {}
        for progress in self.progress.values():
            for (op, word), count in sorted(progress.tally.items()):
                row = table.setdefault(op, {})
                row[word] = row.get(word, 0) + count
        return table


def shares(plan: Plan, engines: list[str]) -> list[tuple[str, Plan]]:
    """Split the plan's limits evenly over the engines."""
    parts = len(engines)
    seconds = plan.seconds / parts if plan.seconds is not None else None
    steps = max(1, plan.steps // parts) if plan.steps is not None else None
    return [(name, replace(plan, seconds=seconds, steps=steps)) for name in engines]


def run_campaign(
    campaign: Campaign,
    plan: Plan,
    engines: list[str],
    *,
    stop_on: StopOn = "first",
    out: Path | None = None,
    on_progress: Callable[[str, Progress], None] = lambda _name, _progress: None,
    on_finding: Callable[[Stored], None] = lambda _stored: None,
) -> None:
    """Run the engines one after another and put what they find into `campaign`.

    The caller owns `campaign`, so that an interrupted run still shows what it found.
    A finding counts when its trace replayed twice to the same signature. `stop_on`: `first` ends
    the run at any finding, `new` at one that `out` does not hold yet, `never` uses the budget up.
    `on_finding` is called for each signature, once it is stored.
    Errors: VmfuzzError for an unknown engine; HarnessError, with `campaign` as far as it came.
    """
    sources = [
        (engine(name, is_live=plan.live is not None), share)
        for name, share in shares(plan, engines)
    ]
    for source, share in sources:
        progress = campaign.progress[source.name] = Progress()

        def tick(name: str = source.name, current: Progress = progress) -> None:
            on_progress(name, current)

        for found in source.run(share, progress, tick):
            amount = len(campaign.findings)
            is_new = record(campaign, plan, found, out)
            if len(campaign.findings) > amount:
                on_finding(campaign.findings[found.finding.signature])
            if stop_on == "first" or (stop_on == "new" and is_new):
                return


def record(
    campaign: Campaign,
    plan: Plan,
    found: Found,
    out: Path | None,
    *,
    max_steps: int | None = None,
) -> bool:
    """Keep a finding that replays; return whether its signature was never seen before.

    `max_steps` limits the minimization, by default to the system's own limit.
    """
    signature = found.finding.signature
    known = campaign.findings.get(signature)
    if known is not None:
        known.hits += 1
        return False
    if not all(_replays(plan, found) for _ in range(2)):
        campaign.unreproducible += 1
        return False
    is_new = out is None or not has_bucket(out, signature)
    minimized = minimize(
        cut(found),
        checks=plan.checks,
        strict=plan.strict,
        max_steps=max_steps,
        system=plan.system,
    )
    stored = campaign.findings[signature] = Stored(found, minimized, is_new=is_new)
    if out is not None:
        _store(stored, out, plan)
    return is_new


def _store(stored: Stored, out: Path, plan: Plan) -> None:
    """Put a finding into `out`. A full disk must not cost it: then `problem` says so."""
    try:
        sut = plan.live.name if plan.live is not None else None
        stored.path = store(out, stored.found, stored.minimized, plan.rng_seed, sut)
        stored.problem = ""
    except VmfuzzError as error:
        stored.path, stored.problem = None, str(error)


def improve(stored: Stored, plan: Plan, out: Path | None, max_steps: int) -> None:
    """Go on minimizing a finding. Effect: its trace, and that of its bucket, may get shorter."""
    small = minimize(
        stored.minimized.trace,
        checks=plan.checks,
        strict=plan.strict,
        max_steps=max_steps,
        system=plan.system,
    )
    stored.minimized = small
    if out is not None and stored.path is not None:
        try:
            store_shortest(out, small)
        except VmfuzzError as error:
            stored.problem = str(error)


def store_missing(campaign: Campaign, plan: Plan, out: Path) -> None:
    """Store once more what could not be stored, and what somebody deleted since."""
    for stored in campaign.findings.values():
        if stored.path is None or not stored.path.exists():
            _store(stored, out, plan)


def _replays(plan: Plan, found: Found) -> bool:
    again = plan.system.run(cut(found), checks=plan.checks, strict=plan.strict).finding
    return again is not None and again.signature == found.finding.signature
