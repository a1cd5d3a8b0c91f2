"""How a campaign of workers is shown: numbers on a terminal, a line elsewhere, not too often."""

from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from vmfuzz.cli import panel as panel_module
from vmfuzz.cli.panel import Panel


def night(folder: Path, steps: int, left: float = 3725.0) -> Any:
    return SimpleNamespace(
        stage="swarm",
        left=lambda: left,
        census=SimpleNamespace(steps=steps, features={1, 2, 3}),
        corpus=["a"],
        folder=SimpleNamespace(path=folder),
        desk=SimpleNamespace(campaign=SimpleNamespace(findings={"x": 1})),
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    state = SimpleNamespace(now=100.0)
    monkeypatch.setattr(panel_module, "monotonic", lambda: state.now)
    return state


def test_elsewhere_than_on_a_terminal_a_line_comes_every_30_seconds(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    out = StringIO()
    panel = Panel(Console(file=out, width=200, force_terminal=False))
    for second in range(0, 65, 5):
        clock.now = 100.0 + second
        panel(night(tmp_path, steps=1000 * second))
    panel.close()

    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1] == (
        "stage swarm, left 1:02:05, steps 60,000, steps/s 1,000, features 3, corpus 1,"
        " buckets 0 (1 met)"
    )


def test_on_a_terminal_the_numbers_stay_in_one_place_and_go_away(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    out = StringIO()
    panel = Panel(Console(file=out, width=100, force_terminal=True))
    for tick in range(4):
        clock.now = 100.0 + tick
        panel(night(tmp_path, steps=2500 * tick, left=float("inf")))
    panel.close()

    text = out.getvalue()
    assert "steps/s" in text
    assert "2,500" in text
    assert "\x1b[1A\x1b[2K" in text  # what is shown is overwritten, and cleared at the end


def test_a_stderr_that_nobody_reads_ends_nothing(tmp_path: Path, clock: SimpleNamespace) -> None:
    class Closed(StringIO):
        def write(self, _text: str) -> int:
            raise OSError("no space")

    panel = Panel(Console(file=Closed(), width=100, force_terminal=False))
    clock.now += 100
    panel(night(tmp_path, steps=1))

    assert panel.shown == clock.now
