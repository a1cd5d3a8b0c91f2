"""`vmfuzz coverage` and what a campaign says of its gaps, as a user meets them."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vmfuzz.trace_text import parse

ROOT = Path(__file__).parents[2]
WITNESSES = ROOT / "tests" / "model" / "witnesses.traces"
VECTORS = ROOT / "corpora" / "vectors" / "hand_spaces.jsonl.gz"
HEADER = "#vmfuzz-trace 1\n"
CLONE = f"{HEADER}world\nf0 = frame_from_unused(paddr=0x0)\nf1 = frame_clone(frame=f0)\n"
Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "clone.trace"
    path.write_text(CLONE)
    return path


def test_the_gaps_of_a_trace_come_first_and_the_totals_last(vmfuzz: Vmfuzz, trace: Path) -> None:
    done = vmfuzz("coverage", trace)

    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[0] == "Outcomes never reached"
    assert (
        "  frame_clone                     abort ref-count-saturated (needs a small rc_max)"
        in lines
    )
    assert "  frame_clone                     ok 1" in lines
    assert lines[-6] == "1 trace, 2 steps"
    assert lines[-5].strip() == "2 of 126 ops"


def test_traces_and_vectors_are_found_in_folders(vmfuzz: Vmfuzz, trace: Path) -> None:
    shutil.copy(VECTORS, trace.parent / "more.jsonl.gz")
    document = json.loads(vmfuzz("coverage", trace.parent, "--json").stdout)

    assert document["traces"] == 141
    assert document["findings"] == 0
    assert document["steps"] > 1000
    assert document["summary"]["outcomes"]["reached"] > 50


def test_a_campaign_s_own_files_are_no_vectors(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    plan = ("--steps", 20_000, "--fault", "segment-clone-misses-last", "--out", "f")
    assert vmfuzz("fuzz", *plan, "--workers", 1).returncode == 1
    (tmp_path / "f" / "exhaustive-0a1b2c3d.jsonl").write_text("{}\n")

    covered = vmfuzz("coverage", "f", "--json")
    compared = vmfuzz("conformance", "f")
    named = vmfuzz("conformance", "f/events.jsonl")
    shutil.copy(VECTORS, tmp_path / "f" / "more.jsonl.gz")
    among = vmfuzz("conformance", "f", "--json")

    assert covered.returncode == 0, covered.stderr
    assert json.loads(covered.stdout)["traces"] >= 2
    missing = "vmfuzz: no *.jsonl or *.jsonl.gz file in f\n"
    assert (compared.returncode, compared.stderr) == (5, missing)
    assert (named.returncode, named.stderr) == (2, "vmfuzz: f/events.jsonl:1: 'id' is missing\n")
    assert [file["path"] for file in json.loads(among.stdout)["files"]] == ["f/more.jsonl.gz"]


def test_a_log_that_is_no_campaign_s_is_a_vector_file(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    shutil.copy(VECTORS, tmp_path / "kept.jsonl.gz")
    (tmp_path / "events.jsonl").write_text("{}\n")
    (tmp_path / "empty").mkdir()

    done = vmfuzz("conformance", "kept.jsonl.gz", "empty")
    refused = vmfuzz("conformance", ".")

    assert done.returncode == 0
    assert done.stderr == "vmfuzz: no *.jsonl or *.jsonl.gz file in empty\n"
    assert refused.stderr == "vmfuzz: events.jsonl:1: 'id' is missing\n"


def test_every_witness_together_leaves_no_gap_but_one_clause(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    """The clause speaks of a count of 0, which no op leaves behind; others need long traces."""
    for number, text in enumerate(WITNESSES.read_text().split(HEADER)[1:]):
        (tmp_path / f"{number:03}.trace").write_text(HEADER + text)
    done = vmfuzz("coverage", tmp_path, "--gaps", "--require-goals", "all")

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:3] == ["Outcomes never reached", "  none", ""]
    assert "Goals never reached" in lines
    assert lines[lines.index("Goals never reached") + 1] == "  none"
    assert lines[-4].split() == ["406", "of", "406", "(op,", "outcome)", "cells"]
    assert lines[-2].split() == ["124", "of", "124", "goals"]


def test_the_same_traces_give_the_same_document(vmfuzz: Vmfuzz, trace: Path) -> None:
    runs = [vmfuzz("coverage", VECTORS, "--json", PYTHONHASHSEED=seed) for seed in ("1", "2")]

    assert runs[0].stdout == runs[1].stdout
    assert json.loads(runs[0].stdout)["version"] == 1


def test_a_required_goal_that_was_not_reached_exits_4(vmfuzz: Vmfuzz, trace: Path) -> None:
    missed = vmfuzz("coverage", trace, "--require-goals", "frame-zero,stale-used")
    met = vmfuzz("coverage", trace, "--require-goals", "frame-zero")

    assert missed.returncode == 4
    assert missed.stdout.splitlines()[-1] == "NOT REACHED: 1 of the required goals: stale-used"
    assert met.returncode == 0


def test_the_page_is_written_whole(vmfuzz: Vmfuzz, trace: Path, tmp_path: Path) -> None:
    page = tmp_path / "out" / "coverage.html"
    done = vmfuzz("coverage", trace, "--html", page)

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == f"page: {page}"
    assert page.read_text().startswith("<!doctype html>")
    assert page.read_text().endswith("</html>\n")


@pytest.mark.slow
def test_the_lines_of_the_model_are_measured(vmfuzz: Vmfuzz, trace: Path, tmp_path: Path) -> None:
    (tmp_path / "coverage.py").write_text("raise SystemExit('not the library')\n")
    done = vmfuzz("coverage", trace, "--code", "--json")

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    modules = {row["module"]: row for row in document["code"]["modules"]}
    frame, tlb = modules["vmstore.exec.frame"], modules["vmstore.exec.tlb"]
    assert document["summary"]["ops"]["reached"] == 2
    assert frame["lines_run"] > tlb["lines_run"] * 0.5
    assert 0 < document["code"]["percent"] < 100
    source = (ROOT / "models" / "vmstore" / "exec" / "frame.py").read_text().splitlines()
    never = [source[line - 1].strip() for line in frame["missing_lines"]]
    assert "meta.drop_shared(m, m.frames.pop(op.frame))" in never
    assert "meta.inc_ref_count(m, slot)" in never or "m.frames[op.dst] = slot" not in never
    assert all(row["lines_run"] <= row["lines"] for row in modules.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: cannot read: No such file"),
        (["clone.trace", "--require-goals", "stale-usd"], "did you mean 'stale-used'?"),
        (["bad.trace"], "bad.trace:3:1: "),
        (["bad.trace", "--code"], "bad.trace:3:1: "),
        (["clone.trace", "--html", "/dev/null/x"], "/dev/null/x: cannot"),
        ([], "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_named(
    vmfuzz: Vmfuzz, arguments: list[str], message: str, tmp_path: Path
) -> None:
    if "." not in arguments:
        (tmp_path / "clone.trace").write_text(CLONE)
        (tmp_path / "bad.trace").write_text(f"{HEADER}world\nno_such_op()\n")
    done = vmfuzz("coverage", *arguments, COLUMNS="200")

    assert done.returncode == 2
    assert message in " ".join((done.stdout + done.stderr).split())


def test_a_run_without_steps_is_nothing_to_do(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    (tmp_path / "empty.trace").write_text(f"{HEADER}world\n")
    done = vmfuzz("coverage", "empty.trace")

    assert done.returncode == 5
    assert "no step of these traces was run" in done.stderr


def test_a_campaign_names_its_gaps(vmfuzz: Vmfuzz) -> None:
    shown = vmfuzz("fuzz", "--steps", 12_000, "--seed", 1)
    document = json.loads(vmfuzz("fuzz", "--steps", 12_000, "--seed", 1, "--json").stdout)

    (line,) = [line for line in shown.stdout.splitlines() if line.startswith("outcomes reached: ")]
    first = document["gaps"][0]
    assert f"; never: {first['op']} {first['outcome']}, " in line
    assert f" and {len(document['gaps']) - 5} more (--json lists them)" in line
    reached = int(line.split()[2])
    assert reached == int(line.split()[4]) - len(document["gaps"])
    seen = {(op, word) for op, words in document["ops"].items() for word in words}
    assert not seen & {(gap["op"], gap["outcome"]) for gap in document["gaps"]}
    assert len(seen) >= reached


def test_a_gap_is_only_what_the_campaign_s_worlds_allow(vmfuzz: Vmfuzz) -> None:
    command = ("fuzz", "--steps", 200, "--json", "--world")
    free = json.loads(vmfuzz(*command, "frames=16").stdout)["gaps"]
    pinned = json.loads(vmfuzz(*command, "build=release").stdout)["gaps"]

    words = {gap["outcome"] for gap in free}, {gap["outcome"] for gap in pinned}
    assert "panic paddr-out-of-bound" in words[0] - words[1]
    assert "diverges" in words[0] & words[1]
    assert {"op": "cursor_jump", "outcome": "panic level-at-guard"} not in free + pinned


def test_a_witness_is_a_trace() -> None:
    first = WITNESSES.read_text().split(HEADER)[1]

    assert parse(HEADER + first).comment == ("cell frame_from_unused: ok",)
