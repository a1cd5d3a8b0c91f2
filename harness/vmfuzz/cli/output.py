"""Result on stdout, progress on stderr: a live line on a terminal, else a line every 30 s."""

import json
import os
import sys
from contextlib import suppress
from datetime import date
from time import monotonic
from typing import Any, Final

from rich.console import Console, OverflowMethod

from vmfuzz.amounts import counted
from vmfuzz.campaign import Campaign
from vmfuzz.cli.streams import mute, write
from vmfuzz.engines.interface import Progress

_PLAIN_EVERY: Final = 30.0
_LIVE_EVERY: Final = 0.2
_ENDLESS: Final = 1 << 30  # columns


class _ResultConsole(Console):
    def on_broken_pipe(self) -> None:
        """Go on in silence: whoever closed the pipe still reads the exit code."""
        mute(sys.stdout)


def result_console(*, markup: bool = False) -> Console:
    """Return the console of results: tables are as wide as the terminal, or as COLUMNS says.

    Where neither is known, a row is a line, for programs that read lines. Sentences and lists are
    never broken. Without `markup`, brackets and colons in names stand for themselves.
    """
    is_bounded = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return _ResultConsole(
        file=sys.stdout,
        width=None if is_bounded else _ENDLESS,
        soft_wrap=True,
        highlight=False,
        markup=markup,
        emoji=markup,
    )


def today() -> str:
    """Return the day as `YYYY-MM-DD`, by the clock of this machine."""
    return date.today().isoformat()


def print_json(value: Any) -> None:  # any JSON value
    """Write one JSON document."""
    write(json.dumps(value, indent=2) + "\n")


class _ProgressConsole(Console):
    def on_broken_pipe(self) -> None:
        """Go on in silence."""
        mute(sys.stderr)


class ProgressLine:
    """Reports a run's progress, and a campaign's findings. Effect: writes to stderr only."""

    def __init__(self, campaign: Campaign | None, seconds: float | None, steps: int | None) -> None:
        self.campaign = campaign
        self.limit = (
            f"of {seconds:.0f}s" if seconds else f"of {counted(steps, 'step')}" if steps else ""
        )
        self.console = _ProgressConsole(file=sys.stderr, highlight=False)
        self.started = monotonic()
        self.shown = self.started

    def __call__(self, name: str, progress: Progress) -> None:
        """Show the state of the run, at most as often as a reader can use."""
        now = monotonic()
        live = self.console.is_terminal
        if now - self.shown < (_LIVE_EVERY if live else _PLAIN_EVERY):
            return
        self.shown = now
        spent = now - self.started
        rate = progress.steps / progress.seconds if progress.seconds else 0.0
        line = (
            f"{name}: {spent:.0f}s {self.limit}, {counted(progress.steps, 'step')}, {rate:,.0f}/s"
        )
        line += (
            f", {counted(len(self.campaign.findings), 'finding')}"
            if self.campaign is not None
            else ""
        )
        line += f", {progress.stage}" if progress.stage else ""
        self._print(f"\r\x1b[2K{line}" if live else line, end="" if live else "\n")

    def close(self) -> None:
        """Clear the live line."""
        if self.console.is_terminal:
            self._print("\r\x1b[2K", end="")

    def _print(self, text: str, end: str) -> None:
        """Progress that cannot be shown must not end the run; a live line stays one line."""
        is_live = self.console.is_terminal
        overflow: OverflowMethod = "crop" if is_live else "ignore"
        with suppress(OSError):
            self.console.print(
                text, end=end, markup=False, no_wrap=True, overflow=overflow, crop=is_live
            )
