"""`vmfuzz demo`: the main job in small, on the clean model and with a real bug planted."""

import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Final

import rich_click as click
from rich.console import Console

from vmfuzz.campaign import Campaign, Stored, run_campaign
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.options import Duration, FilePath, check_faults, seed_option
from vmfuzz.cli.output import ProgressLine, print_json, result_console
from vmfuzz.crashes import check_folder
from vmfuzz.engines.interface import Plan
from vmfuzz.engines.registry import ENGINE_NAMES, installed_engines
from vmfuzz.errors import shown
from vmfuzz.report.block import finding_block, replay_command
from vmfuzz.trace import Expect
from vmfuzz.trace_file import save
from vmstore.clauses import CLAUSES
from vmstore.faults import FAULT_BY_ID
from vmstore.ops import GENERATED

_BUG: Final = "inc-ref-temp-handle"
# For all engines together: the bug is shallow, start-up is most of it, on a busy machine all of it.
_HUNT_SECONDS: Final = 24.0
_LEAST_SECONDS: Final = 4.0  # what an engine gets when those before it took all


@dataclass(slots=True)
class Hunt:
    """One engine's search for the planted bug. `stored` is None when it found nothing."""

    engine: str
    seconds: float
    steps: int
    stored: Stored | None


@dataclass(slots=True)
class Demo:
    """What the demo did. `replay` is the exit code of the regression test's replay."""

    fault: str
    clean: Campaign = field(default_factory=Campaign)
    hunts: list[Hunt] = field(default_factory=list)
    regression: Path | None = None
    replay: int | None = None

    @property
    def is_as_promised(self) -> bool:
        """The clean model stayed clean, every engine found the bug, and its trace replays."""
        is_clean = not self.clean.findings and not self.clean.unreproducible
        return is_clean and all(hunt.stored for hunt in self.hunts) and self.replay == 0


@click.command("demo")
@click.option(
    "--time",
    "seconds",
    type=Duration(),
    default="12s",
    show_default=True,
    help="For the clean model, all engines together.",
)
@click.option("--fault", default=_BUG, show_default=True, metavar="ID", help="The bug to plant.")
@seed_option()
@click.option(
    "--out",
    type=FilePath(),
    default="vmfuzz-out/demo",
    show_default=True,
    help="Folder for the finding.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(seconds: float, fault: str, seed: int, out: Path, as_json: bool) -> int:
    """Fuzz the clean model with every installed engine, then hunt a real bug with each.

    Exit code 0 when the clean model stayed clean and every engine found the bug, 3 otherwise.

    \b
    Examples:
    vmfuzz demo
    vmfuzz demo --fault slice-offset-wrap --out /tmp/demo
    """
    check_faults((fault,))
    check_folder(out)
    demo = Demo(fault)
    console = (
        Console(stderr=True, soft_wrap=True, highlight=False)
        if as_json
        else result_console(markup=True)
    )
    plan = Plan(seconds=seconds, rng_seed=seed)
    _run_clean(demo, plan, console)
    _run_hunts(demo, replace(plan, faults=(fault,)), out, console)
    _explain(demo, out, console)
    code = Exit.CLEAN if demo.is_as_promised else Exit.HARNESS
    if as_json:
        print_json(_document(demo, code))
    return int(code)


def _run_clean(demo: Demo, plan: Plan, console: Console) -> None:
    engines = installed_engines()
    console.print(
        f"[bold]1. The clean model[/bold]: {len(GENERATED)} ops, {len(CLAUSES)} named clauses"
        " checked after every step\n"
    )
    line = ProgressLine(demo.clean, plan.seconds, None)
    run_campaign(demo.clean, plan, engines, stop_on="never", on_progress=line)
    line.close()
    table = _table("engine", "traces", "steps", "steps/s", "ops reached", "findings")
    for name in ENGINE_NAMES:
        if name not in engines:
            table.add_row(name, "-", "-", "-", "not installed", "-")
            continue
        p = demo.clean.progress[name]
        reached = {op for op, word in p.tally if word == "ok"}
        found = sum(s.found.engine == name for s in demo.clean.findings.values())
        rate = f"{p.steps / p.seconds:,.0f}" if p.seconds else "-"
        ops = f"{len(reached)} of {len(GENERATED)}"
        table.add_row(name, f"{p.traces:,}", f"{p.steps:,}", rate, ops, str(found))
    console.print(table)
    clean = not demo.clean.findings
    console.print("[green]clean: nothing found[/green]" if clean else "[red]NOT CLEAN[/red]")


def _run_hunts(demo: Demo, plan: Plan, out: Path, console: Console) -> None:
    bug = FAULT_BY_ID[demo.fault]
    console.print(
        f"\n[bold]2. A real bug, planted[/bold]: {bug.id} ({bug.upstream})\n   {bug.text}\n",
    )
    table = _table("engine", "found after", "steps", "ops found", "minimized", "signature")
    end = monotonic() + _HUNT_SECONDS
    for name in installed_engines():
        campaign = Campaign()
        started = monotonic()
        seconds = max(_LEAST_SECONDS, end - started)
        line = ProgressLine(campaign, seconds, None)
        hunt_plan = replace(plan, seconds=seconds)
        run_campaign(campaign, hunt_plan, [name], stop_on="first", out=out, on_progress=line)
        line.close()
        stored = next(iter(campaign.findings.values()), None)
        hunt = Hunt(name, monotonic() - started, campaign.progress[name].steps, stored)
        demo.hunts.append(hunt)
        table.add_row(name, *_hunt_cells(hunt))
    console.print(table)


def _hunt_cells(hunt: Hunt) -> list[str]:
    steps = f"{hunt.steps:,}"
    if hunt.stored is None:
        return ["not found", steps, "-", "-", "-"]
    small = hunt.stored.minimized
    length = str(hunt.stored.found.finding.step + 1)
    return [f"{hunt.seconds:.1f} s", steps, length, str(len(small.trace.steps)), _signature(hunt)]


def _signature(hunt: Hunt) -> str:
    return hunt.stored.found.finding.signature if hunt.stored else "-"


def _explain(demo: Demo, out: Path, console: Console) -> None:
    """Show the shortest trace, keep it as a regression test, print its command and run it."""
    found = [hunt.stored for hunt in demo.hunts if hunt.stored]
    if not found:
        console.print("[red]the bug was not found[/red]")
        return
    best = min(found, key=lambda stored: len(stored.minimized.trace.steps)).minimized
    console.print("\n[bold]3. What broke[/bold]\n")
    block = finding_block(best.finding, best.trace, whole=True)
    console.print(block, markup=False)
    demo.regression = out / f"{demo.fault}.trace"
    expect = (Expect(best.finding.clause, best.finding.step),)
    save(demo.regression, replace(best.trace, expect=expect))
    console.print(
        f"\nfindings are in {shown(out)}; kept as a regression test, which passes", markup=False
    )
    console.print("as long as the bug is found under this clause:\n")
    console.print(f"$ {replay_command(demo.regression)}", markup=False)
    command = [sys.executable, "-m", "vmfuzz", "replay", str(demo.regression)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    demo.replay = done.returncode
    console.print((done.stdout + done.stderr).rstrip(), markup=False)


def _table(*columns: str) -> PlainTable:
    return PlainTable(*columns, figures=slice(1, -1))


def _document(demo: Demo, code: Exit) -> dict[str, object]:
    return {
        "exit": int(code),
        "clean": [
            {"engine": name, "traces": p.traces, "steps": p.steps, "seconds": round(p.seconds, 3)}
            for name, p in demo.clean.progress.items()
        ],
        "clean_findings": sorted(demo.clean.findings),
        "fault": demo.fault,
        "hunts": [
            {
                "engine": hunt.engine,
                "found": hunt.stored is not None,
                "seconds": round(hunt.seconds, 3),
                "signature": _signature(hunt),
                "ops": len(hunt.stored.minimized.trace.steps) if hunt.stored else None,
                "path": str(hunt.stored.path) if hunt.stored else None,
            }
            for hunt in demo.hunts
        ],
        "regression": str(demo.regression) if demo.regression else None,
        "replay": demo.replay,
    }
