"""`vmfuzz bench campaign`: what a user and a script get from it."""

import json
from pathlib import Path

import pytest

from bench_process import bench


@pytest.mark.long
@pytest.mark.slow
def test_a_campaign_is_in_time_and_its_folder_is_kept(tmp_path: Path) -> None:
    done = bench(
        "campaign", "--time", "60s", "--workers", "2", "--out", "kept", "--json", folder=tmp_path
    )
    document = json.loads(done.stdout)

    assert done.returncode == 0
    assert document["is_in_time"]
    assert document["start"]["steps"] > 1000
    assert document["end"]["corpus"] >= document["start"]["corpus"] > 0
    assert (tmp_path / "kept" / "events.jsonl").is_file()


@pytest.mark.slow
def test_a_short_campaign_is_judged_by_its_time_alone(tmp_path: Path) -> None:
    done = bench("campaign", "--time", "1s", folder=tmp_path)

    assert done.returncode == 0
    assert "too short to compare its start and its end" in done.stdout
    assert "asked for 1 s, took" in done.stdout
    assert "in time" in done.stdout
    assert "clean: nothing found" in done.stderr
    assert "vmfuzz-bench-" not in done.stdout + done.stderr  # a folder that is gone


@pytest.mark.slow
def test_a_folder_that_is_kept_is_named(tmp_path: Path) -> None:
    done = bench("campaign", "--time", "1s", "--out", "kept", folder=tmp_path)

    assert done.returncode == 0
    assert "report: kept/report.html" in done.stderr
    assert (tmp_path / "kept" / "report.html").is_file()


def test_no_figures_of_a_campaign_that_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = bench("campaign", "--out", "file", folder=tmp_path)

    assert done.returncode == 2
    assert "no figures: vmfuzz fuzz ended with exit code 2" in done.stderr
    assert "internal error" not in done.stderr
