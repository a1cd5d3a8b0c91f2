"""`vmfuzz bench live --faults`: planted bugs hunted through the pipe, kept, resumed, summed up."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vmfuzz.trace_text import parse

pytestmark = pytest.mark.slow  # each test hunts planted bugs

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]
HUNT = ("bench", "live", "--faults")


def test_bugs_are_hunted_once_and_kept(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    first = vmfuzz(*HUNT, "segment-clone-*", "--time", "60s", "--out", "hunts.jsonl")
    kept = (tmp_path / "hunts.jsonl").read_text()
    again = vmfuzz(*HUNT, "segment-clone-*", "--time", "60s", "--out", "hunts.jsonl", "--json")
    (hunt,) = json.loads(again.stdout)

    assert first.returncode == again.returncode == 0, first.stderr
    assert "found 1 of 1, missed 0, invisible from outside 0" in first.stdout
    assert "1 of 1: segment-clone-misses-last found" in first.stderr
    assert not again.stderr
    assert (tmp_path / "hunts.jsonl").read_text() == kept
    assert hunt["signature"] == "DIVERGE.slots/segment_clone"
    assert hunt["broken"] == "ACCT.3c"
    assert len(parse(hunt["trace"]).steps) == hunt["minimal"] == 2


def test_an_invisible_bug_is_no_failure_and_a_missed_one_is(vmfuzz: Vmfuzz) -> None:
    invisible = vmfuzz(*HUNT, "stray-not-marked", "--time", "0.5s")
    missed = vmfuzz(*HUNT, "split-counts-in-parent", "--time", "0.001s")

    assert invisible.returncode == 0
    assert "invisible: stray-not-marked: only a CPU that waits" in invisible.stdout
    assert missed.returncode == 4
    assert "missed: split-counts-in-parent" in missed.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "one of --sut and --faults is needed"),
        (("--sut", "x", "--faults", "*"), "one of --sut and --faults is needed"),
        (("--sut", "x", "--time", "3s"), "--time goes with --faults, not with --sut"),
        (("--faults", "*", "--steps", "3"), "--steps goes with --sut, not with --faults"),
        (("--faults", "segment-clone"), "no planted bug has such an id (did you mean"),
        (("--faults", "*", "--out", "bad.jsonl"), "bad.jsonl:1: not a line of `bench live"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(
    words: tuple[str, ...], problem: str, vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"fault": 3}\n')
    done = vmfuzz("bench", "live", *words)
    text = " ".join(done.stderr.split())

    assert done.returncode == 2
    assert problem in text


def test_a_record_that_was_cut_short_is_resumed(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    record = tmp_path / "hunts.jsonl"
    vmfuzz(*HUNT, "stray-not-marked", "--time", "0.5s", "--out", record)
    whole = record.read_text()
    record.write_text(whole + whole[:40])
    done = vmfuzz(*HUNT, "stray-not-marked", "--time", "0.5s", "--out", record)

    assert done.returncode == 0
    assert record.read_text() == whole
