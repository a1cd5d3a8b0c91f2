"""Options that come from elsewhere than the command line, which always wins.

In this order: a profile that ships with vmfuzz, `[tool.vmfuzz]` of pyproject.toml, the profile of
that name there, and, with `--resume`, what the campaign was started with. Keys are the names of the
options; unknown ones are mistakes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import rich_click as click
from click.core import ParameterSource

from vmfuzz.campaigns.folder import META, read_object
from vmfuzz.cli.exhaustive import BARE
from vmfuzz.cli.options import FilePath
from vmfuzz.engines.registry import installed_engines
from vmfuzz.errors import VmfuzzError, closest, shown
from vmfuzz.toml_file import read_toml

PROFILES: Final[dict[str, dict[str, Any]]] = {
    "smoke": {"time": "1m", "workers": "auto"},
    "ci": {"time": "10m", "workers": "auto", "stop-on": "new", "fail-on": "new"},
    "nightly": {
        "time": "8h",
        "workers": "auto",
        "engine": "installed",
        "stop-on": "never",
        "fail-on": "new",
        "out": "vmfuzz-out/nightly",
    },
    "deep": {
        "time": "12h",
        "workers": "auto",
        "engine": "exhaustive,swarm",
        "depth": 6,
        "stop-on": "never",
        "fail-on": "new",
        "out": "vmfuzz-out/deep",
    },
    "boundary": {
        "time": "30m",
        "workers": "auto",
        "world": {"rc_max": 4, "list_ids": 4, "entries": 2, "pt_frames": 12},
        "stop-on": "never",
        "out": "vmfuzz-out/boundary",
    },
}
_FILE: Final = Path("pyproject.toml")
_NEVER: Final = frozenset({"config", "config-profile", "resume", "help"})  # not from a file
_NOT_KEPT: Final = frozenset({*_NEVER, "out", "json", "today"})

_OPTIONS = (
    click.option(
        "--config-profile",
        metavar="NAME",
        expose_value=False,
        help=f"Options of a profile: {', '.join(PROFILES)}, or one of pyproject.toml.",
    ),
    click.option(
        "--config",
        type=FilePath(),
        expose_value=False,
        help="Where [tool.vmfuzz] is. [default: pyproject.toml, if it is there]",
    ),
)


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where options come from."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class ConfiguredCommand(click.RichCommand):
    """A command whose options may also come from files."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put what the files say below what the command line says. Errors: VmfuzzError."""
        raw, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        settings = _from_files(ctx, raw)
        ctx.default_map = {**(ctx.default_map or {}), **settings}
        return super().parse_args(ctx, args)


def _from_files(ctx: click.Context, raw: dict[str, Any]) -> dict[str, Any]:
    profile, config = raw.get("config_profile"), raw.get("config")
    table, where = _tool_table(config)
    named = table.pop("profile", {})
    if not isinstance(named, dict) or not all(isinstance(p, dict) for p in named.values()):
        raise VmfuzzError(f"{where} profile: not tables such as [tool.vmfuzz.profile.nightly]")
    settings: dict[str, Any] = {}
    if profile is not None:
        if profile not in PROFILES and profile not in named:
            names = [*PROFILES, *named]
            raise VmfuzzError(
                f"--config-profile {profile[:40]!r}: no such profile{closest(profile, names)}"
            )
        settings |= _checked(ctx, PROFILES.get(profile, {}), f"profile {profile}")
    settings |= _checked(ctx, table, where)
    for name, chosen in named.items():  # a mistake in any of them is one
        found = _checked(ctx, chosen, f"{where} profile.{name}")
        settings |= found if name == profile else {}
    if "resume" in raw and (not isinstance(raw["resume"], str) or raw["resume"] == str(BARE)):
        out = raw.get("out") or settings.get("out")
        if out is None:
            raise VmfuzzError("--resume: which campaign? name its folder with --out")
        settings |= _of_campaign(ctx, Path(out))
    return settings


def _of_campaign(ctx: click.Context, out: Path) -> dict[str, Any]:
    """Return the options that a campaign was started with."""
    meta = read_object(out / META)
    if meta is None:
        raise VmfuzzError(f"--resume: {shown(out)} holds no campaign")
    kept = meta.get("options")
    if not isinstance(kept, dict):
        raise VmfuzzError(f"{shown(out / META)}: 'options' is no object; start without --resume")
    return _checked(ctx, kept, shown(out / META))


def _tool_table(config: str | None) -> tuple[dict[str, Any], str]:
    """Return `[tool.vmfuzz]` and what to call it."""
    path = Path(config) if config is not None else _FILE
    if config is None and not path.is_file():
        return {}, ""
    document = read_toml(path)
    tool = document.get("tool", {})
    table = tool.get("vmfuzz", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise VmfuzzError(f"{shown(path)}: [tool.vmfuzz] is no table")
    return dict(table), f"{shown(path)}: [tool.vmfuzz]"


def _checked(ctx: click.Context, table: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a table's values by parameter. Errors: VmfuzzError naming file, key and value."""
    by_name = {_name_of(param): param for param in ctx.command.params}
    settings: dict[str, Any] = {}
    for key, value in table.items():
        param = by_name.get(key) if key not in _NEVER else None
        if param is None or param.name is None:
            known = sorted(by_name.keys() - _NEVER)
            raise VmfuzzError(f"{where}: unknown key {shown(key)!r}{closest(key, known)}")
        try:
            text = _text(param, value)
            param.type_cast_value(ctx, text)
        except ValueError as error:
            raise VmfuzzError(f"{where}: {key}: {error}") from None
        except click.UsageError as error:
            raise VmfuzzError(f"{where}: {key}: {shown(error.message)}") from None
        settings[param.name] = text
    return settings


def _name_of(param: click.Parameter) -> str:
    return max((opt for opt in param.opts), key=len).lstrip("-")


def _text(param: click.Parameter, value: Any) -> Any:
    """Return a value as the command line would have it. Errors: ValueError."""
    if getattr(param, "is_flag", False) and param.name != "resume":
        if not isinstance(value, bool):
            raise ValueError(f"{value!r:.40} is neither true nor false")
        return value
    if param.name == "engines" and value == "installed":
        return ",".join(installed_engines())
    if getattr(param, "multiple", False):
        if isinstance(value, dict) and param.name == "settings":
            return tuple(f"{key}={_scalar(item)}" for key, item in value.items())
        items = value if isinstance(value, list) else [value]
        return tuple(_scalar(item) for item in items)
    if isinstance(value, list):  # options such as --engine take names with commas
        return ",".join(_scalar(item) for item in value)
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r:.40} is neither text nor a number")
    return str(value)


def given(ctx: click.Context) -> dict[str, Any]:
    """Return the options that were given, wherever, as a file would have them."""
    chosen: dict[str, Any] = {}
    for param in ctx.command.params:
        name = _name_of(param)
        source = ctx.get_parameter_source(param.name or "")
        if name in _NOT_KEPT or source not in {
            ParameterSource.COMMANDLINE,
            ParameterSource.DEFAULT_MAP,
        }:
            continue
        value = ctx.params.get(param.name or "")
        if isinstance(value, tuple):
            chosen[name] = [str(item) for item in value]
        elif isinstance(value, bool | int | float | str):
            chosen[name] = value
        elif value is not None:
            chosen[name] = str(value)
    return chosen
