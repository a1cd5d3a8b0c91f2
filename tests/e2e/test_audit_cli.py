"""`vmfuzz audit` as a user meets it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import vmfuzz.audit

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]
TRACES = Path(vmfuzz.audit.__file__).parent / "traces"


@pytest.mark.slow
def test_the_same_steps_and_seed_give_the_same_table(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    arguments = ("audit", "--steps", 1500, "--contract", "OP.UNMAP.*", "--profile", "ostd")
    first = vmfuzz(*arguments, "--json", "--out", tmp_path / "a", PYTHONHASHSEED="1")
    again = vmfuzz(*arguments, "--json", PYTHONHASHSEED="2")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert first.stdout == again.stdout
    document = json.loads(first.stdout)
    rows = {row["id"]: row for row in document["clauses"]}
    shown = rows["OP.UNMAP.ENS.19/OLD"]
    assert shown["status"] == "violated"
    assert (shown["ax"], shown["op"]) == ("AX-09", "Unmap")
    assert shown["trace"].startswith("#vmfuzz-trace 1\n")
    assert rows["OP.UNMAP.EXEC.4"]["status"] in {"holds", "not-reached"}
    assert all(row["evaluated"] >= row["nonvacuous"] for row in rows.values())
    assert {"AX-08", "AX-09"} <= document["confirmed"].keys()
    assert document["unconfirmed"]["AX-44"]
    assert document["news"] == []
    written = {path.name for path in (tmp_path / "a" / "traces").iterdir()}
    assert "AX-09.OP.UNMAP.ENS.19--OLD.ostd.trace" in written
    assert "## AX-09" in (tmp_path / "a" / "audit.md").read_text()


@pytest.mark.slow
def test_a_contract_that_a_planted_bug_breaks_is_news(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz(
        "audit", "--steps", 6000, "--contract", "OP.SC.*", "--profile", "ostd",
        "--fault", "segment-clone-misses-last",
    )  # fmt: skip

    assert done.returncode == 1, done.stdout
    assert "OP.SC.ENS.3 violated at step" in done.stdout
    assert "FOUND 1 that nobody knew" in done.stdout


def test_a_trace_is_judged(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("audit", TRACES / "AX-26.OP.FD.GUARD.ostd.trace")

    assert done.returncode == 0
    assert "OP.FD.GUARD (AX-26)" in done.stdout


def test_mistakes_have_an_answer(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    unknown = vmfuzz("audit", "--contract", "OP.UNMAPP.*")
    assert unknown.returncode == 2
    assert "--contract 'OP.UNMAPP.*' names nothing" in unknown.stderr
    assert vmfuzz("audit", tmp_path / "none.trace").returncode == 2
    (tmp_path / "broken.trace").write_text(
        "#vmfuzz-trace 1\nworld\nf0 = frame_from_unusd(paddr=0x0)\n"
    )
    broken = vmfuzz("audit", tmp_path / "broken.trace")
    assert broken.returncode == 2
    assert "broken.trace:3" in broken.stderr
    assert vmfuzz("audit", "--profile", "seed").returncode == 2
    assert vmfuzz("audit", "--steps", 0).returncode == 2
