"""A live system: every planted bug that shows outside is found, and how fast agents are driven."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vmfuzz.bench.live import measure_live
from vmfuzz.campaign import Campaign, run_campaign
from vmfuzz.engines.interface import Plan
from vmfuzz.sut.system import SECONDS, LiveSystem
from vmfuzz.swarm import FAMILIES
from vmfuzz.trace_file import load
from vmstore.faults import FAULT_BY_ID, PLANTED

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
BUDGET = 90.0  # seconds for each world; most take two
SMALL = {"frames": "16", "pt_frames": "40", "entries": "4"}
FAMILY = {
    "page_table": ("table", "space"),
    "cursor": ("table", "space"),
    "tlb": ("space",),
    "vmspace": ("space", "table"),
    "io": ("io",),
}
# What no answer can show, whatever is asked: the reason.
INVISIBLE = {
    "teardown-keeps-storage": "stale metadata of an unused page is never read",
    "teardown-keeps-vtable": "stale metadata of an unused page is never read",
    "kernel-half-starts-late": "the kernel's own table maps nothing that a walk could find",
    "stray-not-marked": "the mark is for a CPU that waits for the lock meanwhile",
    "xsa-219-write-after-ref-drop": "no program can drop a page that a writer borrows",
}
# Visible, but not found in 700,000 steps: the reason.
HARD = {
    "split-counts-in-parent": "a split huge page must be emptied page by page, then cut out whole",
}


def worlds(fault: str) -> list[dict[str, str]]:
    """Return the small world with what the bug's regression trace needs, then that one alone."""
    own = load(ROOT / "corpora" / "regressions" / f"{fault}.trace").world.settings()
    sizes = SMALL if not own.keys() & SMALL.keys() else {}
    return [{**sizes, **own}] + ([own] if sizes else [])


@pytest.mark.parametrize("fault", [fault.id for fault in PLANTED])
def test_a_planted_bug_is_found_through_the_pipe(fault: str) -> None:
    if fault in INVISIBLE or fault in HARD:
        pytest.skip(INVISIBLE.get(fault) or HARD[fault])
    families = FAMILY.get(FAULT_BY_ID[fault].component, FAMILIES)
    for world in worlds(fault):
        command = [sys.executable, "-m", "vmfuzz", "agent", "--fault", fault]
        command += [word for key, value in world.items() for word in ("--world", f"{key}={value}")]
        with LiveSystem(command) as system:
            campaign = Campaign()
            plan = Plan(seconds=BUDGET, live=system, families=families)
            run_campaign(campaign, plan, ["swarm"])
        assert not campaign.unreproducible
        for signature, stored in campaign.findings.items():
            assert signature.startswith(("DIVERGE.", "SUT."))
            assert len(stored.minimized.trace.steps) <= 16
            return
    pytest.fail(f"{fault} was not found in {BUDGET * 2:.0f} s")


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
