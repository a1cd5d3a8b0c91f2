"""`vmfuzz doctor`: whether this installation is fit for work."""

import os
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import rich_click as click

from vmfuzz import __version__
from vmfuzz.amounts import counted
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.registry import engine, installed_engines
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.errors import HarnessError, VmfuzzError, shown
from vmfuzz.extensions import extensions, is_of_extension
from vmfuzz.located import described
from vmstore.sources import VARIABLE, is_compiled

_PLANTED = "segment-clone-misses-last"
_FEW = 500
_SHOWN = 3  # signatures in a row of the table
_NEEDED = ("hypothesis", "rich", "rich-click", "pytest", "coverage")
_OPTIONAL = {"atheris": "atheris", "ray": "cluster"}  # and the extra that has it


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that was looked at. `state` is ok, missing (optional), skipped or FAIL."""

    name: str
    state: str
    detail: str


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(as_json: bool) -> int:
    """Check interpreter, packages, engines and folders.

    Exit code 3 when something that is needed does not work.

    \b
    Examples:
    vmfuzz doctor --json
    """
    looked_at = [
        _python(),
        _model(),
        *_packages(),
        *_extensions(),
        _oracle(),
        *_engines(),
        _folder(),
    ]
    failed = [item.name for item in looked_at if item.state == "FAIL"]
    if as_json:
        print_json(
            {"ok": not failed, "vmfuzz": __version__, "checks": list(map(asdict, looked_at))}
        )
        return int(Exit.HARNESS if failed else Exit.CLEAN)
    table = PlainTable("check", "state", "detail")
    for item in looked_at:
        table.add_row(item.name, item.state, item.detail)
    console = result_console()
    console.print(table)
    console.print(f"FAIL: {', '.join(failed)}" if failed else f"ok: vmfuzz {__version__} is ready")
    return int(Exit.HARNESS if failed else Exit.CLEAN)


def _python() -> Look:
    fit = sys.version_info >= (3, 11)
    detail = f"{platform.python_version()}, {counted(os.cpu_count() or 1, 'core')}"
    return Look("python", "ok" if fit else "FAIL", detail)


def _model() -> Look:
    if is_compiled():
        return Look("model", "ok", f"compiled; {VARIABLE}=1 runs the sources")
    return Look("model", "ok", "pure Python")


def _packages() -> list[Look]:
    found = []
    for name in (*_NEEDED, *_OPTIONAL):
        try:
            found.append(Look(name, "ok", version(name)))
        except PackageNotFoundError:
            optional = name in _OPTIONAL
            extra = f"pip install 'vmfuzz[{_OPTIONAL.get(name)}]' (optional)"
            hint = extra if optional else f"pip install {name}"
            found.append(Look(name, "missing" if optional else "FAIL", hint))
    return found


def _extensions() -> list[Look]:
    """Every entry point that offers clauses or faults, with what it came to."""
    return [
        Look(
            f"{found.group} {found.name}",
            "FAIL" if found.problem else "ok",
            f"{found.distribution}: {found.problem or ', '.join(found.ids)}",
        )
        for found in extensions()
    ]


def _oracle() -> Look:
    """The clean model stays clean, and a planted bug is found."""
    plan = Plan(steps=20_000, faults=(_PLANTED,))
    try:
        clean = list(SwarmEngine().run(Plan(steps=2_000), Progress(), lambda: None))
        planted = next(iter(SwarmEngine().run(plan, Progress(), lambda: None)), None)
    except Exception as error:  # a clause of an extension may do anything; the table goes on
        return Look("oracle", "FAIL", _failure(error))
    if clean:
        return Look("oracle", "FAIL", f"clean model: {clean[0].finding.signature}")
    if planted is None:
        return Look("oracle", "FAIL", f"did not find the planted bug {_PLANTED}")
    return Look("oracle", "ok", f"clean model clean, {_PLANTED} found by its clause")


def _engines() -> list[Look]:
    """Each installed engine runs a few steps; some cannot where an extension does not load."""
    looked_at = []
    is_broken = any(found.problem for found in extensions())
    for name in installed_engines():
        if is_broken:
            looked_at.append(Look(f"engine {name}", "skipped", "not tried: see above"))
            continue
        progress = Progress()
        try:
            found = list(engine(name).run(Plan(steps=_FEW), progress, lambda: None))
        except Exception as error:
            looked_at.append(Look(f"engine {name}", "FAIL", _failure(error)))
            continue
        signatures = sorted({one.finding.signature for one in found})
        clean = f"clean model: {', '.join(signatures[:_SHOWN])}" if found else "clean model clean"
        ran = f"{counted(progress.steps, 'step')}, {clean}"
        fit = progress.steps >= _FEW and not found
        looked_at.append(Look(f"engine {name}", "ok" if fit else "FAIL", ran))
    return looked_at


def _failure(error: Exception) -> str:
    is_ours = isinstance(error, HarnessError | VmfuzzError) or is_of_extension(error)
    return shown(described(error) if is_ours else f"{type(error).__name__}: {described(error)}")


def _folder() -> Look:
    try:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "probe").write_text("", encoding="utf-8")
    except OSError as error:
        return Look("temporary folder", "FAIL", str(error))
    return Look("temporary folder", "ok", tempfile.gettempdir())
