"""How a campaign of workers goes: six numbers on a terminal, else a line every 30 s; on stderr."""

import sys
from contextlib import suppress
from time import monotonic
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from vmfuzz.campaigns.night import Night
from vmfuzz.cli.streams import mute
from vmfuzz.crashes import buckets

_PLAIN_EVERY: Final = 30.0
_LIVE_EVERY: Final = 0.5


class _PanelConsole(Console):
    def on_broken_pipe(self) -> None:
        """Go on in silence."""
        mute(sys.stderr)


class Panel:
    """Shows a campaign. Effect: writes to stderr only; what cannot be written ends nothing."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _PanelConsole(file=sys.stderr, highlight=False)
        self.live: Live | None = None
        self.shown = monotonic()
        self._before = (self.shown, 0)

    def __call__(self, night: Night) -> None:
        """Show how far the campaign is, at most as often as a reader can use."""
        now = monotonic()
        is_live = self.console.is_terminal
        if now - self.shown < (_LIVE_EVERY if is_live else _PLAIN_EVERY):
            return
        self.shown = now
        numbers = self.numbers(night, now)
        with suppress(OSError):
            if is_live:
                self._update(numbers)
            else:
                line = ", ".join(f"{name} {text}" for name, text in numbers.items())
                self.console.print(line, markup=False, soft_wrap=True)

    def numbers(self, night: Night, now: float) -> dict[str, str]:
        """Return what is shown, by name."""
        then, steps = self._before
        self._before = (now, night.census.steps)
        rate = (night.census.steps - steps) / (now - then) if now > then else 0.0
        left = night.left()
        findings = night.desk.campaign.findings
        return {
            "stage": night.stage,
            "left": "-" if left == float("inf") else _clock(left),
            "steps": f"{night.census.steps:,}",
            "steps/s": f"{rate:,.0f}",
            "features": f"{len(night.census.features):,}",
            "corpus": f"{len(night.corpus):,}",
            "buckets": f"{len(buckets(night.folder.path))} ({len(findings)} met)",
        }

    def close(self) -> None:
        """Take the panel away."""
        if self.live is not None:
            with suppress(OSError):
                self.live.stop()

    def _update(self, numbers: dict[str, str]) -> None:
        table = Table(*numbers, box=None, pad_edge=False)
        table.add_row(*numbers.values())
        if self.live is None:
            self.live = Live(table, console=self.console, transient=True, auto_refresh=False)
            self.live.start()
        self.live.update(table, refresh=True)


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
