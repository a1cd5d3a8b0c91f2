"""`vmfuzz demo`: what it promises, what it leaves behind, and the command it prints."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vmfuzz.cli import main
from vmfuzz.engines.registry import ENGINE_NAMES, installed_engines
from vmfuzz.runner import as_expected, run
from vmfuzz.trace_file import load

BUG = "inc-ref-temp-handle"
BUCKETS = {f"ACCT.3c--segment_{op}" for op in ("clone", "slice")}  # both go the broken way
Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]


def check_folder(out: Path) -> None:
    """Buckets and the regression test, which passes as it is and fails without its bug."""
    buckets = {path.name for path in out.iterdir()} - {f"{BUG}.trace"}
    assert buckets
    assert buckets <= BUCKETS
    for bucket in sorted(buckets):
        names = {path.name for path in (out / bucket).iterdir()}
        assert {"first.trace", "min.trace", "finding.txt", "meta.json"} <= names
    regression = load(out / f"{BUG}.trace")
    assert regression.faults == (BUG,)
    assert len(regression.steps) == 2
    assert as_expected(regression, run(regression))
    regression.faults = ()
    assert run(regression).finding is None


@pytest.mark.slow
def test_the_printed_command_repeats_the_bug(
    vmfuzz: Vmfuzz, without_atheris: dict[str, str], tmp_path: Path
) -> None:
    done = vmfuzz("demo", "--time", "4s", "--out", "a demo", **without_atheris)

    assert done.returncode == 0
    check_folder(tmp_path / "a demo")
    lines = done.stdout.splitlines()
    assert "clean: nothing found" in lines
    assert [line.split()[:2] for line in lines if line.startswith(ENGINE_NAMES)][2] == [
        "atheris",
        "-",
    ]
    (command,) = (line for line in lines if line.startswith("$ vmfuzz replay "))
    repeated = vmfuzz(*shlex.split(command)[2:])
    assert repeated.returncode == 0
    assert repeated.stdout.rstrip() == done.stdout.rpartition(f"{command}\n")[2].rstrip()
    assert repeated.stdout.splitlines()[-1] == "ok: 1 of 1 as expected"


@pytest.mark.slow
def test_every_installed_engine_stays_clean_and_finds_the_bug(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    done = vmfuzz("demo", "--time", "4s", "--json")

    document = json.loads(done.stdout)
    engines = installed_engines()
    assert done.returncode == document["exit"] == document["replay"] == 0
    assert document["clean_findings"] == []
    assert [row["engine"] for row in document["clean"]] == engines
    assert all(row["steps"] > 0 for row in document["clean"])
    assert [hunt["engine"] for hunt in document["hunts"]] == engines
    assert {hunt["signature"].replace("/", "--") for hunt in document["hunts"]} <= BUCKETS
    assert {hunt["ops"] for hunt in document["hunts"]} == {2}
    out = tmp_path / "vmfuzz-out" / "demo"
    assert document["regression"] == str(Path("vmfuzz-out", "demo", f"{BUG}.trace"))
    check_folder(out)
    stored = [*out.glob("*/first.trace"), *out.glob("*/0*.trace")]
    assert len(stored) == len(engines)


def test_a_bug_that_is_not_found_in_time_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("vmfuzz.cli.demo._HUNT_SECONDS", 0.001)
    monkeypatch.setattr("vmfuzz.cli.demo._LEAST_SECONDS", 0.001)
    monkeypatch.setattr("vmfuzz.cli.demo.installed_engines", lambda: ["swarm"])

    code = main(["demo", "--time", "0.1s", "--fault", "list-id-overflow", "--out", str(tmp_path)])

    shown = capsys.readouterr().out
    assert code == 3
    assert "clean: nothing found" in shown
    assert shown.splitlines()[-1] == "the bug was not found"
    assert "replay" not in shown
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "nope"], "--fault: unknown fault 'nope'"),
        (["--fault", "rwmutex-lost-wakeup"], "out of scope"),
        (["--time", "0s"], "is no duration"),
        (["--out", "/dev/null/x"], "cannot create: Not a directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_named_before_anything_runs(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["demo", *arguments]) == 2

    shown = capsys.readouterr()
    assert message in " ".join(shown.err.split())
    assert shown.out == ""


@pytest.mark.slow
def test_the_doctor_does_not_need_atheris(vmfuzz: Vmfuzz, without_atheris: dict[str, str]) -> None:
    done = vmfuzz("doctor", "--json", **without_atheris)

    document = json.loads(done.stdout)
    looks = {look["name"]: look for look in document["checks"]}
    assert done.returncode == 0
    assert document["ok"] is True
    assert looks["atheris"]["state"] == "missing"
    assert "pip install 'vmfuzz[atheris]'" in looks["atheris"]["detail"]
    assert "engine atheris" not in looks


@pytest.mark.slow
def test_the_doctor_runs_every_installed_engine(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("doctor")

    rows = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 0
    for name in installed_engines():
        assert ["engine", name, "ok"] in [row[:3] for row in rows]
    assert done.stdout.splitlines()[-1].endswith(" is ready")
    assert sys.version.split()[0] in done.stdout
