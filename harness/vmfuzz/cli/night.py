"""`vmfuzz fuzz` with workers: runs the campaign, shows how it goes, and what came of it."""

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.campaign import Campaign, StopOn, store_missing
from vmfuzz.campaigns.descriptions import plan_document, start_event
from vmfuzz.campaigns.desk import Desk
from vmfuzz.campaigns.events import End
from vmfuzz.campaigns.folder import CampaignFolder
from vmfuzz.campaigns.known import Known
from vmfuzz.campaigns.memory import resident
from vmfuzz.campaigns.night import Asked, Night
from vmfuzz.campaigns.recorder import Recorder
from vmfuzz.cli.campaign_options import CampaignOptions, FailOn
from vmfuzz.cli.cluster import cluster_of, time_left
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.fuzz import as_document, show
from vmfuzz.cli.output import print_json
from vmfuzz.cli.panel import Panel
from vmfuzz.cli.settings import given
from vmfuzz.cli.streams import note
from vmfuzz.crashes import buckets
from vmfuzz.engines.interface import Plan
from vmfuzz.errors import VmfuzzError, shown

Result = tuple[Campaign, Exit, list[str], dict[str, Any]]


def run_and_show(
    plan: Plan,
    engines: list[str],
    options: CampaignOptions,
    out: Path | None,
    stop_on: StopOn,
    *,
    sut: str | None,
    as_json: bool,
) -> int:
    """Run a campaign of workers, print what came of it, and return the exit code.

    Errors: VmfuzzError, for a live system too, which one process drives.
    """
    if sut is not None:
        raise VmfuzzError("--sut: a live system is driven by one process, without --workers")
    settings = given(click.get_current_context())  # type: ignore[arg-type]  # there is one
    campaign, code, ending, summary = run_night(plan, engines, options, out, stop_on, settings)
    if as_json:
        print_json(as_document(campaign, plan, code) | {"campaign": summary})
    else:
        if out is not None:
            ending.append(f"next: vmfuzz report {shlex.quote(shown(out))}")
        show(campaign, plan, out, code, ending)
    return int(code)


def run_night(
    plan: Plan,
    engines: list[str],
    options: CampaignOptions,
    out: Path | None,
    stop_on: StopOn,
    settings: dict[str, Any],
) -> Result:
    """Run a campaign of workers; return what it found, exit code, last lines and JSON values.

    `settings` are the options as text, from which `--resume` goes on. Errors: VmfuzzError.
    """
    known = options.read_known()
    with (
        TemporaryDirectory(prefix="vmfuzz-workers-") as scratch,
        cluster_of(plan, engines, options, Path(scratch)) as (cluster, joining),
    ):
        path = out if out is not None else Path(scratch, "campaign")
        with CampaignFolder(path) as folder:
            seconds = time_left(_seconds(plan, options, folder), joining)
            desk = _desk(plan, engines, options, folder, known, settings)
            asked = Asked(
                plan,
                tuple(engines),
                options.workers,
                seconds,
                stop_on,
                options.share,
                options.limits,
                options.replay,
            )
            result = run_to_end(
                Night(asked, desk, Path(scratch), Panel(), cluster), options.fail_on
            )
        if out is None:
            for stored in desk.campaign.findings.values():
                stored.path = None
    return result


def _seconds(plan: Plan, options: CampaignOptions, folder: CampaignFolder) -> float | None:
    """Return the time that this run has: of a resumed one, what the runs before left over.

    Errors: VmfuzzError when that is nothing.
    """
    if plan.seconds is None or not options.is_resumed:
        return plan.seconds
    left = plan.seconds - folder.state.spent
    if left < 1:
        raise VmfuzzError(
            f"--resume: the campaign has used up its {plan.seconds:g} s; --time gives it more, and"
            " without --resume another run begins"
        )
    return left


def _desk(
    plan: Plan,
    engines: list[str],
    options: CampaignOptions,
    folder: CampaignFolder,
    known: Known,
    settings: dict[str, Any],
) -> Desk:
    recorder = Recorder(folder, plan.clock)
    document = plan_document(plan, engines, workers=options.workers)
    recorder.start(
        plan={**document, "options": settings},
        described=partial(
            start_event,
            plan=plan,
            engines=engines,
            workers=options.workers,
            date=options.today,
            is_resumed=options.is_resumed,
        ),
        baseline=buckets(folder.path),
        is_resumed=options.is_resumed,
    )
    return Desk(Campaign(), plan, folder, recorder, known)


def run_to_end(night: Night, fail_on: FailOn) -> Result:
    """Run the stages, however they end, and write the end of the log."""
    desk = night.desk
    broken: VmfuzzError | None = None
    with _interrupts(night):
        try:
            night.run()
        except KeyboardInterrupt:
            night.is_interrupted = True
        except VmfuzzError as error:  # what was found before it is still shown
            broken = error
    night.watch.close()
    store_missing(desk.campaign, desk.plan, desk.folder.path)
    code = Exit.USAGE if broken is not None else exit_code(night, fail_on)
    lines = last_lines(night, code)
    summary = document(night)
    desk.recorder.end(
        partial(
            End,
            exit=int(code),
            verdict=lines[0],
            new=tuple(summary["new"]),
            known=tuple(summary["known"]),
            resolved=tuple(summary["resolved"]),
            flaky=tuple(summary["flaky"]),
        ),
        corpus=len(night.corpus),
        buckets=len(buckets(desk.folder.path)),
        rss=resident(),
        workers=night.census.rates(desk.recorder.elapsed(), []),
    )
    if desk.recorder.problem:
        note(desk.recorder.problem)
    if broken is not None:
        note(str(broken))
    return desk.campaign, code, lines, summary


@contextmanager
def _interrupts(night: Night) -> Iterator[None]:
    """Let the first Ctrl-C, or SIGTERM, end the campaign in order, and the second at once."""

    def handle(_number: int, _frame: object) -> None:
        if night.is_interrupted:
            raise KeyboardInterrupt
        night.interrupt()
        note("stopping; once more to stop at once")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def failing(night: Night, fail_on: FailOn) -> list[str]:
    """Return what fails the run: signatures, sorted, and traces that do not end as they say."""
    desk = night.desk
    names = {*desk.campaign.findings, *night.stored.ongoing}
    if fail_on == "new":
        names = {name for name in names if desk.is_new(name)}
    names = {name for name in names if desk.known.reason(name) is None}
    held = {
        held.signature
        for held in desk.held
        if held.status == "new" or (held.status == "known" and fail_on == "any")
    }
    held = {name for name in held if desk.known.reason(name) is None}
    return [*sorted(names | held), *desk.broken]


def exit_code(night: Night, fail_on: FailOn) -> Exit:
    """Return what the campaign amounts to."""
    if night.is_interrupted:
        return Exit.INTERRUPTED
    held = [held for held in night.desk.held if held.status != "flaky"]
    crashed = any(held.signature.startswith("CRASH/") for held in held)
    if night.is_broken or crashed or (night.gave_up and not held):
        return Exit.HARNESS
    if failing(night, fail_on):
        return Exit.FINDING
    if night.desk.unreadable:
        return Exit.USAGE
    return Exit.INCONCLUSIVE if document(night)["flaky"] or night.partial else Exit.CLEAN


def document(night: Night) -> dict[str, Any]:
    """Return what a campaign adds to the result, as JSON values."""
    desk = night.desk
    held = [held for held in desk.held if held.status != "flaky"]
    flaky = [held for held in (*desk.held, *desk.flaky) if held.status == "flaky"]
    found = {*desk.campaign.findings, *night.stored.ongoing}
    new = {name for name in found if desk.is_new(name)}
    new |= {held.signature for held in held if held.status == "new"}
    met = found | {held.signature for held in held}
    return {
        "run": desk.recorder.run,
        "seconds": round(desk.recorder.elapsed(), 3),
        "workers": night.asked.workers,
        "features": len(night.census.features),
        "corpus": len(night.corpus),
        "new": sorted(new),
        "known": sorted(met - new),
        "resolved": night.stored.resolved,
        "flaky": sorted({held.signature for held in flaky}),
        "held": [str(held.path) for held in desk.held if held.path is not None],
        "broken": [f"{name}: {why}" for name, why in desk.broken.items()],
        "unreadable": [_placed(name, why) for name, why in desk.unreadable.items()],
    }


def _placed(name: str, why: str) -> str:
    """Return where a file is wrong, as an editor can go there, and why."""
    return f"{name}:{'' if why[:1].isdigit() else ' '}{why}"


def _error(night: Night) -> str:
    """Return what made the campaign an error of its user."""
    unread = len(night.desk.unreadable)
    if not unread:
        return "ended by an error"
    return f"not all was replayed: {counted(unread, 'trace')} cannot be read"


def last_lines(night: Night, code: Exit) -> list[str]:
    """Return verdict, what changed, where it is, and the next command."""
    desk, summary = night.desk, document(night)
    counts = ", ".join(
        f"{len(summary[name])} {name}" for name in ("new", "known", "resolved", "flaky")
    )
    words = {
        Exit.CLEAN: "clean: nothing new" if summary["known"] else "clean: nothing found",
        Exit.FINDING: "FOUND",
        Exit.USAGE: _error(night),
        Exit.HARNESS: "ended by an internal error",
        Exit.INCONCLUSIVE: "inconclusive",
        Exit.INTERRUPTED: "interrupted",
    }
    lines = [f"{words[code]} ({counts})"]
    lines += [f"shown: {text}" for text in night.claims]
    lines += [f"not all that was to be shown: {text}" for text in night.partial]
    lines += [f"resolved: {name}" for name in summary["resolved"]]
    lines += [f"known: {name}: {why}" for name, why in sorted(desk.reasons.items())]
    lines += [f"broken: {shown(text)}" for text in summary["broken"][:10]]
    lines += [f"unreadable: {shown(text)}" for text in summary["unreadable"][:10]]
    lines += [f"kept: {shown(path)}" for path in summary["held"][:10]]
    problems = [s.problem for s in desk.campaign.findings.values() if s.problem]
    lines += [f"NOT STORED: {problem}" for problem in problems[:1]]
    return lines
