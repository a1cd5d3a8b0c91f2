"""The options of an exhaustive search."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import rich_click as click

from vmfuzz.cli.options import FilePath, IntRange, by_key
from vmfuzz.engines.registry import EXHAUSTIVE
from vmfuzz.errors import VmfuzzError
from vmfuzz.exhaustive.alphabet import DEFAULT_OPS
from vmfuzz.exhaustive.limits import MAX_DEPTH
from vmfuzz.exhaustive.scope import DEFAULT_DEPTH, Scope

BARE = Path("-")  # `--resume` without a file: the campaign

_OPTIONS = (
    click.option(
        "--depth",
        type=IntRange(1, MAX_DEPTH),
        help=f"exhaustive: the length of the longest traces. [default: {DEFAULT_DEPTH}]",
    ),
    click.option(
        "--ops",
        "ops",
        metavar="GLOB[,GLOB]",
        help=f"exhaustive: the ops, by name. [default: {','.join(DEFAULT_OPS)}]",
    ),
    click.option(
        "--value",
        "values",
        multiple=True,
        metavar="[OP.]ARG=V[,V]",
        help="exhaustive: the values of an argument, such as meta=unit. Repeatable.",
    ),
    click.option(
        "--resume",
        "resume",
        type=FilePath(),
        is_flag=False,
        flag_value=str(BARE),
        metavar="[FILE]",
        help="Go on with the campaign in --out. With a FILE, exhaustive: keep the search in it, and"
        " go on from there.",
    ),
)


def exhaustive_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as `scope`, None where none is given."""

    @wraps(command)
    def with_scope(
        *args: Any,
        depth: int | None,
        ops: str | None,
        values: tuple[str, ...],
        resume: Path | None,
        **others: Any,
    ) -> Any:
        is_given = not (depth is None and ops is None and not values and resume is None)
        scope = Scope(
            depth=depth or DEFAULT_DEPTH,
            ops=DEFAULT_OPS if ops is None else tuple(word.strip() for word in ops.split(",")),
            values=_values(values),
            resume=resume,
        )
        return command(*args, scope=scope if is_given else None, **others)

    wrapped: Callable[..., Any] = with_scope
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def needs_engine(scope: Scope | None, engines: list[str]) -> None:
    """Errors: VmfuzzError where a search is described, and the engine is not asked for."""
    if scope is not None and EXHAUSTIVE not in engines:
        raise VmfuzzError(
            f"--depth, --ops, --value and --resume belong to --engine {EXHAUSTIVE}, which is not"
            f" among {', '.join(engines)}"
        )


def _values(settings: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    chosen = by_key("--value", settings, "ARG=V,V, such as meta=unit,umeta")
    return {name: tuple(w.strip() for w in text.split(",")) for name, text in chosen.items()}
