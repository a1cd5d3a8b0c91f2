"""A live system: every planted bug that shows outside is found, and how fast agents are driven."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vmfuzz.bench.live import measure_live
from vmfuzz.bench.live_faults import INVISIBLE, live_hunt
from vmfuzz.sut.system import SECONDS
from vmstore.faults import PLANTED

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BUDGET = 240.0  # seconds; most take two, the machine may be busy
UNSEEN = 20.0  # seconds for what is held for invisible


@pytest.mark.parametrize("fault", [fault.id for fault in PLANTED if fault.id not in INVISIBLE])
def test_a_planted_bug_is_found_through_the_pipe(fault: str) -> None:
    hunt = live_hunt(fault, 0, BUDGET)

    assert hunt.signature is not None, f"not found in {hunt.steps:,} steps: {hunt.problem}"
    assert hunt.signature.startswith(("DIVERGE.", "SUT."))
    assert hunt.minimal is not None
    assert hunt.minimal <= 16


@pytest.mark.parametrize("fault", INVISIBLE)
def test_what_is_held_for_invisible_does_not_show(fault: str) -> None:
    hunt = live_hunt(fault, 0, UNSEEN)

    assert hunt.signature is None, hunt.trace
    assert hunt.steps > 0


def test_the_python_agent_is_driven_fast_enough() -> None:
    command = [sys.executable, str(EXAMPLES / "python-agent" / "agent.py")]
    rates = [measure_live(command, SECONDS, 60_000) for _ in range(3)]

    assert not any(rate.findings for rate in rates)
    assert max(min(rate.harness, rate.agent) for rate in rates) >= 10_000


def test_the_rust_agent_is_driven_fast_enough(tmp_path: Path) -> None:
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("cargo is not installed")
    build = f"{cargo} build --offline --release --target-dir {shlex.quote(str(tmp_path))}"
    subprocess.run(shlex.split(build), cwd=EXAMPLES / "rust-agent", check=True)
    command = [str(tmp_path / "release" / "rust-agent")]
    rates = [measure_live(command, SECONDS, 100_000) for _ in range(3)]

    assert not any(rate.findings for rate in rates)
    assert max(min(rate.harness, rate.agent) for rate in rates) >= 30_000
