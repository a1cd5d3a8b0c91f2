"""`vmfuzz bench campaign`: what a user and a script get from it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vmfuzz", "bench", "campaign", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.long
@pytest.mark.slow
def test_a_campaign_is_in_time_and_its_folder_is_kept(tmp_path: Path) -> None:
    done = bench("--time", "60s", "--workers", "2", "--out", str(tmp_path / "kept"), "--json")
    document = json.loads(done.stdout)

    assert done.returncode == 0
    assert document["is_in_time"]
    assert document["start"]["steps"] > 1000
    assert document["end"]["corpus"] >= document["start"]["corpus"] > 0
    assert (tmp_path / "kept" / "events.jsonl").is_file()


@pytest.mark.slow
def test_a_short_campaign_is_judged_by_its_time_alone() -> None:
    done = bench("--time", "1s")

    assert done.returncode == 0
    assert "too short to compare its start and its end" in done.stdout
    assert "asked for 1 s, took" in done.stdout
    assert "in time" in done.stdout
    assert "clean: nothing found" in done.stderr
    assert "vmfuzz-bench-" not in done.stdout + done.stderr  # a folder that is gone


@pytest.mark.slow
def test_a_folder_that_is_kept_is_named(tmp_path: Path) -> None:
    done = bench("--time", "1s", "--out", str(tmp_path / "kept"))

    assert done.returncode == 0
    assert f"report: {tmp_path / 'kept' / 'report.html'}" in done.stderr
    assert (tmp_path / "kept" / "report.html").is_file()


def test_no_figures_of_a_campaign_that_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = bench("--out", str(tmp_path / "file"))

    assert done.returncode == 2
    assert "no figures: vmfuzz fuzz ended with exit code 2" in done.stderr
    assert "internal error" not in done.stderr
