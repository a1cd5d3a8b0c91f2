"""Campaigns on a small disk of their own that is full, or read-only."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vmfuzz.campaigns.event_log import read_log
from vmfuzz.campaigns.events import FindingSeen
from vmfuzz.trace_file import load

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]
FAULT = ("--fault", "segment-clone-misses-last")
BUCKET = "ACCT.3c--segment_clone"
NIGHT = ("fuzz", "--workers", 2, "--stop-on", "never", *FAULT)


def mount(*arguments: str) -> bool:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for _ in range(1000):
            file.write(bytes(4096))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 512 pages."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)):
        pytest.skip("mounting takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_campaign_goes_on_when_the_disk_is_full_and_keeps_what_it_had(
    vmfuzz: Vmfuzz, disk: Path
) -> None:
    vmfuzz(*NIGHT, "--out", disk / "night", "--steps", 20_000)
    before = load(disk / "night" / BUCKET / "min.trace")
    rest = disk / "rest"
    with pytest.raises(OSError, match="No space left"):
        fill(rest)

    done = vmfuzz(*NIGHT, "--out", disk / "night", "--steps", 20_000)
    report = vmfuzz("report", disk / "night")
    rest.unlink()
    resumed = vmfuzz(*NIGHT, "--out", disk / "night", "--steps", 4_000)

    assert done.returncode == resumed.returncode == 1
    assert "No space left on device" in done.stdout + done.stderr
    assert report.returncode == 2
    assert "report.html: cannot write: No space left on device" in report.stderr
    assert "No space left" not in resumed.stdout + resumed.stderr
    assert load(disk / "night" / BUCKET / "min.trace") == before
    log = read_log(disk / "night" / "events.jsonl")
    assert not log.bad
    assert {event.run for event in log.events} >= {1, 3}
    assert any(isinstance(event, FindingSeen) for event in log.events)
    for each in (done, report, resumed):
        assert "Traceback" not in each.stderr


def test_a_read_only_disk_is_refused(vmfuzz: Vmfuzz, disk: Path) -> None:
    vmfuzz(*NIGHT, "--out", disk / "night", "--steps", 4_000)
    files = sorted(disk.rglob("*"))
    assert mount("-o", "remount,ro", str(disk))

    again = vmfuzz(*NIGHT, "--out", disk / "night", "--steps", 4_000)
    fresh = vmfuzz(*NIGHT, "--out", disk / "other", "--steps", 4_000)
    report = vmfuzz("report", disk / "night")

    for done in (again, fresh, report):
        assert done.returncode == 2
        assert "Read-only file system" in done.stderr
        assert "Traceback" not in done.stderr
    assert sorted(disk.rglob("*")) == files
