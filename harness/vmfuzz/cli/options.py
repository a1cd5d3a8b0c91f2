"""Options, and values of options, that more than one command takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import rich_click as click

from vmfuzz.durations import parse_duration
from vmstore.faults import Faults, UnknownFault
from vmstore.world import World, WorldError

MAX_SEED: Final = (1 << 31) - 1
_MAX_PROCESSES: Final = 64

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Duration(click.ParamType[float]):
    """A length of time: `90s`, `30m`, `2h`, or plain seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return seconds. Errors: usage error for anything that is no positive duration."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class IntRange(click.IntRange):
    """A whole number within bounds, at least `min`."""

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the number. Errors: usage error that says what is allowed."""
        _check(int, "whole number", self, value, param, ctx)
        return super().convert(value, param, ctx)


class FloatRange(click.FloatRange):
    """A number within bounds, at least `min`."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the number. Errors: usage error that says what is allowed."""
        _check(float, "number", self, value, param, ctx)
        return super().convert(value, param, ctx)


def _check(
    kind: type, noun: str, bounds: click.IntRange | click.FloatRange, value: Any, *place: Any
) -> None:
    """Make sure that a value is a number. Errors: usage error, about the parameter at `place`."""
    try:
        kind(value)
    except ValueError:
        least, most = bounds.min, bounds.max
        allowed = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
        bounds.fail(f"{str(value)[:40]!r} is no {noun}; write one {allowed}", *place)


class FilePath(click.Path):
    """A path. An empty one, from a variable that is not set, would mean the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path. Errors: usage error for an empty one."""
        if not str(value):
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


fault_option: Final = click.option(
    "--fault", "faults", multiple=True, metavar="ID", help="Plant a bug. Repeatable."
)
world_option: Final = click.option(
    "--world",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Pin a size or switch of the machine, such as frames=64. Repeatable.",
)


json_lines_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON lines, the summary last."
)


def bugs_option(text: str) -> Decorator:
    """Return `--fault`, given to a command as `patterns`: planted bugs, all without it."""
    return click.option(
        "--fault", "patterns", metavar="GLOB", multiple=True, help=f"{text}; all without it."
    )


def seed_option(text: str | None = None) -> Decorator:
    """Return `--seed`, 0 without it."""
    return click.option(
        "--seed", type=IntRange(0, MAX_SEED), default=0, show_default=True, help=text
    )


def limit_option(default: str, text: str) -> Decorator:
    """Return `--time`, given to a command as `limit`, in seconds."""
    return click.option(
        "--time", "limit", type=Duration(), default=default, show_default=True, help=text
    )


def processes_option(text: str) -> Decorator:
    """Return `--workers`, a number of processes, 1 without it."""
    return click.option(
        "--workers",
        type=IntRange(1, _MAX_PROCESSES),
        default=1,
        show_default=True,
        help=text,
    )


def record_option(what: str) -> Decorator:
    """Return `--out`, given to a command as `record`: a file that keeps each `what`."""
    text = f"File that keeps each {what}; what it has is not measured again."
    return click.option("--out", "record", type=FilePath(), help=text)


def by_key(option: str, settings: tuple[str, ...], form: str) -> dict[str, str]:
    """Split `KEY=VALUE` settings, in their order. Errors: usage error naming option and form."""
    chosen: dict[str, str] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise click.UsageError(f"{option} {setting[:40]!r}: expected {form}")
        if key in chosen:
            raise click.UsageError(f"{option}: {key[:40]!r} is given twice")
        chosen[key] = text
    return chosen


def world_from(settings: tuple[str, ...]) -> tuple[World, frozenset[str]]:
    """Return the world that `KEY=VALUE` settings describe, and the keys. Errors: usage error."""
    chosen = by_key("--world", settings, "KEY=VALUE, such as frames=64")
    try:
        return World.from_settings(chosen), frozenset(chosen)
    except WorldError as error:
        raise click.UsageError(f"--world: {error}") from None


def check_faults(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return `ids` if the model plants them all. Errors: usage error saying why not."""
    try:
        Faults.of(ids)
    except UnknownFault as error:
        raise click.UsageError(f"--fault: {error}; `vmfuzz model faults` lists all") from None
    return ids
