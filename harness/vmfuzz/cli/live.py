"""The options of a live system under test, and its life around a command."""

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import rich_click as click

from vmfuzz.cli.options import Duration, world_from
from vmfuzz.sut.limits import LEAST, SECONDS, START
from vmstore.world import World

if TYPE_CHECKING:
    from vmfuzz.sut.system import LiveSystem

_ENDS = (signal.SIGTERM, signal.SIGHUP)


def sut_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--sut` and `--sut-timeout` to a command."""
    timeout = click.option(
        "--sut-timeout",
        "sut_seconds",
        type=Duration(),
        default=f"{SECONDS:g}s",
        show_default=True,
        help="How long the live system may take for one answer."
        f" Its start may take {START:g} times that, and {LEAST:g}s in any case.",
    )
    sut = click.option(
        "--sut",
        "sut",
        metavar="'COMMAND ARGS'",
        help="Test a live system that speaks the wire protocol, instead of the model.",
    )
    return sut(timeout(command))


@contextmanager
def live_system(
    sut: str | None,
    seconds: float,
    *,
    faults: tuple[str, ...] = (),
    settings: tuple[World, frozenset[str]] | None = None,
) -> Iterator["LiveSystem | None"]:
    """Yield the live system that the options name, started and greeted, None without `--sut`.

    Whatever ends the command, a signal included, ends the agent, too.
    Errors: usage error for a command that cannot be split; VmfuzzError when it does not start.
    """
    if sut is None:
        yield None
        return
    from vmfuzz.sut.system import LiveSystem

    world, pinned = settings or world_from(())
    with _signals_as_interrupts():
        system = LiveSystem(
            split_command(sut), seconds, faults=faults, settings=world, pinned=pinned
        )
        with system:
            _ = system.world  # an agent that does not start is a usage error, before all else
            yield system


def split_command(sut: str) -> list[str]:
    """Return the words of a command, as a shell would split them. Errors: usage error."""
    try:
        words = shlex.split(sut)
    except ValueError as error:
        raise click.UsageError(f"--sut {sut[:60]!r}: {str(error).lower()}") from None
    if not words or not words[0]:
        raise click.UsageError("--sut: the command is empty")
    return words


def refused_lines(live: "LiveSystem | None") -> list[str]:
    """Return a line that says which ops the agent refused, and how often; none if it did not."""
    refusals = live.vocabulary.refusals if live is not None else {}
    refused = ", ".join(f"{name} ({n})" for name, n in sorted(refusals.items()))
    return [f"refused by the agent: {refused}"] if refused else []


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Let a signal that ends the process unwind it first, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
