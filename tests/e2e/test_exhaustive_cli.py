"""`vmfuzz fuzz --engine exhaustive`: what it prints, and what it says of mistakes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.cli import main

BASE = ["fuzz", "--engine", "exhaustive"]
FEW = ["--ops", "frame_from_*,frame_clone,frame_drop"]


def vmfuzz(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    code = main([*BASE, *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_clean_search_says_what_it_has_shown(capsys: Any) -> None:
    code, out, _ = vmfuzz(capsys, *FEW, "--depth", "3")

    assert code == 0
    assert "  frame_from_unused(paddr=0x0|0x1000|0x2000|0x3800, meta=umeta, val=1)\n" in out
    assert out.splitlines()[-2] == "every trace of up to 3 ops over this alphabet: clean"
    assert out.splitlines()[-1].startswith("clean: nothing found")
    assert "ops that succeeded: 4 of 5" in out


def test_json_has_the_counts(capsys: Any) -> None:
    code, out, _ = vmfuzz(capsys, *FEW, "--depth", "2", "--world", "frames=2", "--json")

    assert code == 0
    found = json.loads(out)["exhaustive"]
    assert found["complete"]
    assert found["depth"] == 2
    assert found["world"]["frames"] == "2"
    # One op: three addresses each for two ops. Two: the same again, and two on the one handle.
    assert found["states"][:2] == [1, 2]
    assert found["traces"] == 6 + 4 * 6 + 2 * (6 + 2)


def test_a_planted_bug_is_found_by_a_shortest_trace(capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "findings"
    code, text, _ = vmfuzz(
        capsys, "--depth", "3", "--fault", "from-raw-counts-again", "--out", str(out)
    )

    assert code == 1
    assert "found by exhaustive in 3 ops, minimized to 3" in text
    (trace,) = out.glob("*/min.trace")
    assert main(["replay", str(trace)]) == 1


def test_a_search_that_ran_out_of_steps_is_no_clean_one_and_can_go_on(
    capsys: Any, tmp_path: Path
) -> None:
    kept = str(tmp_path / "search.jsonl")
    code, out, _ = vmfuzz(capsys, *FEW, "--depth", "4", "--steps", "100", "--resume", kept)
    assert code == 4
    assert out.splitlines()[-1].startswith(
        "inconclusive: stopped before depth 4; every trace of up"
    )
    assert "states still to be expanded" in out

    code, out, _ = vmfuzz(capsys, *FEW, "--depth", "4", "--resume", kept)
    assert code == 0
    assert "every trace of up to 4 ops over this alphabet: clean" in out

    code, _, err = vmfuzz(capsys, "--depth", "4", "--resume", kept)
    assert code == 2
    assert "the file is of a search with alphabet" in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--ops", "frame_form_unused"], "did you mean 'frame_from_unused'"),
        (["--ops", "host_*"], "matches no op"),
        (["--value", "metta=unit"], "did you mean 'meta'"),
        (["--value", "meta=umeat"], "did you mean 'umeta'"),
        (["--value", "meta"], "expected ARG=V,V"),
        (["--value", "meta=unit", "--value", "meta=link"], "given twice"),
        (["--value", "paddr=0x10000000000000000"], "does not fit into 64 bits"),
        (["--world", "frames=4000"], "at most 10,000 are allowed"),
        (["--depth", "65"], "--depth"),
        (["--sut", "agent"], "driven by the swarm engine only"),
    ],
)
def test_mistakes_are_named(capsys: Any, arguments: list[str], problem: str) -> None:
    code, _, err = vmfuzz(capsys, *arguments)

    assert code == 2
    assert problem in " ".join(err.replace("│", " ").split())


def test_its_options_need_the_engine(capsys: Any) -> None:
    assert main(["fuzz", "--depth", "3"]) == 2
    assert "belong to --engine exhaustive" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_an_interrupt_keeps_the_file_whole(tmp_path: Path) -> None:
    kept = tmp_path / "search.jsonl"
    command = [sys.executable, "-m", "vmfuzz", *BASE, "--depth", "6", "--resume", str(kept)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as child:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (kept.exists() and kept.stat().st_size > 70_000):
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)

    assert child.returncode == 130, err
    assert "interrupted; 0 signatures found so far" in out
    assert "Traceback" not in err
    lines = kept.read_bytes().splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in lines)
    assert len(lines) > 10
    assert main([*BASE, "--depth", "2", "--resume", str(kept), "--json"]) == 0
