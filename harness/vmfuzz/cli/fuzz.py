"""`vmfuzz fuzz`: a campaign, in this process or in several."""

from dataclasses import replace
from pathlib import Path

import rich_click as click

from vmfuzz.amounts import counted
from vmfuzz.campaign import Campaign, StopOn, run_campaign, store_missing
from vmfuzz.cli.campaign_options import CampaignOptions, campaign_options
from vmfuzz.cli.exhaustive import exhaustive_options, needs_engine
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.gaps import gap_lines, gaps
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.live import live_system, refused_lines, sut_options
from vmfuzz.cli.options import (
    Duration,
    FilePath,
    IntRange,
    check_faults,
    fault_option,
    seed_option,
    world_from,
    world_option,
)
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.settings import ConfiguredCommand, config_options
from vmfuzz.cli.verdict import claims, exit_code, last_lines
from vmfuzz.cli.watch import Watch
from vmfuzz.crashes import check_folder
from vmfuzz.engines.interface import DEFAULT_FEEDBACK, FEEDBACKS, Feedback, Plan
from vmfuzz.engines.registry import EVERY_ENGINE, EXHAUSTIVE, check_engines
from vmfuzz.errors import HarnessError, VmfuzzError
from vmfuzz.exhaustive.alphabet import chosen_ops
from vmfuzz.exhaustive.scope import Scope
from vmfuzz.oracle import CHECKS, parse_checks
from vmfuzz.report.block import finding_block
from vmfuzz.trace_text import format_trace
from vmstore.ops import GENERATED

_DEFAULT_SECONDS = 30.0
_ENOUGH_STEPS = 10_000  # before that, an op that never succeeded says nothing


@click.command("fuzz", cls=ConfiguredCommand)
@click.option(
    "--engine",
    "engines",
    default="swarm",
    show_default=True,
    help=f"One or more of {', '.join(EVERY_ENGINE)}, separated by commas.",
)
@click.option("--time", "seconds", type=Duration(), help="Stop after this long. [default: 30s]")
@click.option("--steps", type=IntRange(1), help="Stop after this many ops: reproducible.")
@seed_option("The same seed and steps give the same run.")
@fault_option
@world_option
@click.option(
    "--check",
    "checks",
    default=",".join(CHECKS),
    metavar="NAME[,NAME]",
    show_default=True,
    help="What to check after every step.",
)
@click.option(
    "--feedback",
    type=click.Choice(FEEDBACKS),
    help="What atheris takes for news: bytecode branches, abstract state."
    f" [default: {DEFAULT_FEEDBACK}]",
)
@click.option("--out", type=FilePath(), help="Folder for findings.")
@click.option(
    "--stop-on",
    type=click.Choice(["first", "new", "never"]),
    default="first",
    show_default=True,
    help="End at any finding, at one that --out lacks, or never.",
)
@click.option("--strict", is_flag=True, help="Known upstream defects (quirks) are findings too.")
@campaign_options
@exhaustive_options
@sut_options
@config_options
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(
    engines: str,
    seconds: float | None,
    steps: int | None,
    seed: int,
    faults: tuple[str, ...],
    settings: tuple[str, ...],
    checks: str,
    feedback: Feedback | None,
    out: Path | None,
    stop_on: StopOn,
    strict: bool,
    scope: Scope | None,
    campaign: CampaignOptions,
    sut: str | None,
    sut_seconds: float,
    as_json: bool,
) -> int:
    """Drive the model with random ops and check every clause after every step.

    \b
    Examples:
    vmfuzz fuzz --time 1m
    vmfuzz fuzz --engine swarm,hypothesis --steps 100000 --seed 7
    vmfuzz fuzz --fault segment-clone-misses-last --out findings
    vmfuzz fuzz --engine exhaustive --depth 5 --ops 'frame_*,unique_*'
    vmfuzz fuzz --sut './my-agent --frames 64' --time 10m --out findings
    vmfuzz fuzz --config-profile nightly --time 8h --out night --resume
    """
    world, pinned = world_from(settings)
    names = [name.strip() for name in engines.split(",")]
    plan = Plan(
        seconds=seconds if seconds or steps or names == [EXHAUSTIVE] else _DEFAULT_SECONDS,
        steps=steps,
        rng_seed=seed,
        faults=check_faults(faults),
        checks=parse_checks(name.strip() for name in checks.split(",")),
        strict=strict,
        world=world,
        pinned=pinned,
        feedback=feedback or DEFAULT_FEEDBACK,
        scope=scope or Scope(),
    )
    needs_engine(scope, names)
    check_engines(names, feedback, is_live=sut is not None)
    if out is not None:
        check_folder(out)
    if campaign.needs_workers(is_live=sut is not None):
        from vmfuzz.cli.night import run_and_show

        return run_and_show(plan, names, campaign, out, stop_on, sut=sut, as_json=as_json)
    with live_system(sut, sut_seconds, faults=plan.faults, settings=(world, pinned)) as live:
        return _run(replace(plan, live=live), names, campaign, stop_on, out, as_json=as_json)


def _run(
    plan: Plan,
    names: list[str],
    options: CampaignOptions,
    stop_on: StopOn,
    out: Path | None,
    *,
    as_json: bool,
) -> int:
    campaign = Campaign()
    watch = Watch(campaign, plan, names, out, options.read_known())
    code: Exit | None = None
    broken: Exception | None = None
    try:
        run_campaign(
            campaign,
            plan,
            names,
            stop_on=stop_on,
            out=out,
            on_progress=watch.progress,
            on_finding=watch.finding,
        )
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except HarnessError as error:  # what was found before it is still shown
        code, broken = Exit.HARNESS, error
    except VmfuzzError as error:
        if not campaign.findings:
            raise
        code, broken = Exit.USAGE, error
    watch.line.close()
    if out is not None:
        store_missing(campaign, plan, out)
    code = code or exit_code(campaign, options.fail_on)
    watch.close(code, last_lines(campaign, plan, out, code)[0])
    if as_json:
        print_json(as_document(campaign, plan, code))
    else:
        show(campaign, plan, out, code)
    if broken is not None:
        raise broken
    return int(code)


def as_document(campaign: Campaign, plan: Plan, code: Exit) -> dict[str, object]:
    """Return the result as JSON values."""
    return {
        "exit": int(code),
        "seed": plan.rng_seed,
        "sut": plan.live and plan.live.as_document(),
        "engines": [
            {"name": name, "steps": p.steps, "traces": p.traces, "seconds": round(p.seconds, 3)}
            for name, p in campaign.progress.items()
        ],
        "findings": [
            {
                "signature": signature,
                "clause": stored.minimized.finding.clause,
                "op": stored.minimized.finding.op,
                "step": stored.minimized.finding.step,
                "witness": stored.minimized.finding.witness,
                "others": [v.clause for v in stored.minimized.finding.others],
                "stderr": stored.minimized.finding.words or None,
                "engine": stored.found.engine,
                "hits": stored.hits,
                "new": stored.is_new,
                "path": str(stored.path) if stored.path else None,
                "problem": stored.problem or None,
                "trace": format_trace(stored.minimized.trace),
                "ops": len(stored.minimized.trace.steps),
                "ops_found": stored.found.finding.step + 1,
            }
            for signature, stored in campaign.findings.items()
        ],
        "unreproducible": campaign.unreproducible,
        "exhaustive": next((claim.document for claim in claims(campaign)), None),
        "quirks": campaign.quirks(),
        "ops": campaign.tally(),
        "gaps": [{"op": op, "outcome": word} for op, word in gaps(campaign, plan)],
    }


def show(
    campaign: Campaign, plan: Plan, out: Path | None, code: Exit, ending: list[str] | None = None
) -> None:
    """Print findings, what was run, and as last lines: verdict, where to look, next command."""
    console = result_console()
    for stored in campaign.findings.values():
        small = stored.minimized
        block = finding_block(small.finding, small.trace, whole=stored.path is None)
        console.print(block)
        length, shortest = stored.found.finding.step + 1, len(small.trace.steps)
        console.print(
            f"  found by {stored.found.engine} in {counted(length, 'op')}, minimized to {shortest}",
        )
        console.print()
    table = PlainTable("engine", "traces", "steps", "seconds", "steps/s", figures=slice(1, None))
    for name, p in campaign.progress.items():
        rate = f"{p.steps / p.seconds:,.0f}" if p.seconds else "-"
        table.add_row(name, f"{p.traces:,}", f"{p.steps:,}", f"{p.seconds:.1f}", rate)
    console.print(table)
    tally = campaign.tally()
    tried = chosen_ops(plan.scope.ops) if list(campaign.progress) == [EXHAUSTIVE] else GENERATED
    ops = [d.name for d in tried if plan.live is None or plan.live.vocabulary.lists(d)]
    idle = [name for name in ops if not tally.get(name, {}).get("ok")]
    line = f"ops that succeeded: {len(ops) - len(idle)} of {len(ops)}"
    if idle and sum(p.steps for p in campaign.progress.values()) >= _ENOUGH_STEPS:
        line += f"; never: {', '.join(idle)}"
    console.print(line)
    for line in gap_lines(campaign, plan):
        console.print(line)
    for line in refused_lines(plan.live):
        console.print(line)
    for quirk, count in campaign.quirks().items():
        console.print(f"known upstream defect met {counted(count, 'time')}: {quirk}")
    for claim in claims(campaign):
        for line in claim.lines:
            console.print(line)
    for line in ending or last_lines(campaign, plan, out, code):
        console.print(line)
