"""`vmfuzz bench minimize`: two bugs measured, kept, resumed, summed up; what does not fit."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]
BENCH = ("bench", "minimize")
TWO = ("--fault", "segment-clone-*", "--fault", "empty-range-accepted", "--starts", "1")
REGRESSIONS = str(Path(__file__).parents[2] / "corpora" / "regressions")


def test_bugs_are_measured_once_and_kept(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    arguments = (*BENCH, *TWO, "--traces", REGRESSIONS, "--out", "r.jsonl")
    first = vmfuzz(*arguments)
    kept = (tmp_path / "r.jsonl").read_text()
    again = vmfuzz(*arguments, "--json")
    *lines, last = map(json.loads, again.stdout.splitlines())

    assert first.returncode == again.returncode == 0, first.stderr
    for word in ("segment-clone-misses-last", "known", "ddmin", "slips", "implementation"):
        assert word in first.stdout
    assert "4 of 4: " in first.stderr
    assert not again.stderr
    assert (tmp_path / "r.jsonl").read_text() == kept
    assert [json.loads(line) for line in kept.splitlines()] == lines
    ours, plain = last["summary"]["methods"]
    assert (ours["method"], plain["method"]) == ("vmfuzz", "ddmin")
    assert ours["slips"] == plain["slips"] == 0
    assert (ours["bugs"], ours["near"]) == (2, 1.0)
    assert last["summary"]["without_start"] == []


def test_without_the_stored_traces_only_lengths_and_times_are_told(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz(*BENCH, *TWO, "--against", "", "--json")
    last = json.loads(done.stdout.splitlines()[-1])

    assert done.returncode == 0
    (ours,) = last["summary"]["methods"]
    assert ours["extra"] is ours["near"] is None


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--fault", "segment-clone"), "matches no planted bug (did you mean"),
        (("--against", "ddmn"), "'ddmn' is no method (did you mean 'ddmin'?)"),
        (("--starts", "0"), "0 is not in the range"),
        (("--ops", "0"), "0 is not in the range"),
        (("--out", "bad.jsonl"), "bad.jsonl:1: not a line of `bench minimize`"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(
    words: tuple[str, ...], problem: str, vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"fault": 3}\n')
    done = vmfuzz(*BENCH, *words)

    assert done.returncode == 2
    assert problem in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
