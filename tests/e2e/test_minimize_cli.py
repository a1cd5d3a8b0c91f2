"""`vmfuzz minimize`: a trace that can be piped or kept, and what is no failing trace."""

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vmfuzz.cli import main
from vmfuzz.runner import as_expected, run
from vmfuzz.trace_file import load
from vmfuzz.trace_text import parse

FAULT = "segment-clone-misses-last"
STEPS = """f0 = frame_from_unused(paddr=0x1000)
s4 = segment_from_unused(start=0x5000, end=0x8000)
f1 = frame_clone(frame=f0)
s7 = segment_clone(segment=s4)
frame_drop(frame=f1)
"""
CLEAN = f"#vmfuzz-trace 1\n# why it is kept\nworld cpus=3\n{STEPS}"
FAILS = CLEAN.replace("cpus=3\n", f"cpus=3\nfault {FAULT}\n")
SMALL = f"""#vmfuzz-trace 1
# why it is kept
world
fault {FAULT}
s0 = segment_from_unused(start=0x0, end=0x1000)
s1 = segment_clone(segment=s0)
"""
Captured = pytest.CaptureFixture[str]
Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fails.trace").write_text(FAILS)
    Path("clean.trace").write_text(CLEAN)


def minimize(*arguments: str) -> int:
    return main(["minimize", *arguments])


def test_the_trace_alone_is_on_stdout(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("minimize", "fails.trace")

    assert done.returncode == 0
    assert done.stdout == SMALL
    assert done.stderr.startswith("vmfuzz: ACCT.3c/segment_clone: 5 ops to 2 in ")


def test_with_an_output_file_the_finding_is_shown_and_the_command_that_repeats_it(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    done = vmfuzz("minimize", "fails.trace", "-o", "new/a min.trace")

    *_, written, command = done.stdout.splitlines()
    assert done.returncode == 0
    assert done.stdout.startswith("ACCT.3c violated at step 1 (segment_clone): ")
    assert written == "written to new/a min.trace"
    assert (tmp_path / "new" / "a min.trace").read_text() == SMALL
    again = vmfuzz(*shlex.split(command.removeprefix("next: vmfuzz ")))
    assert again.returncode == 1
    assert "ACCT.3c violated at step 1" in again.stdout


def test_json_has_what_a_script_needs(capsys: Captured) -> None:
    code = minimize("fails.trace", "--json", "--output", "min.trace")

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document.pop("runs") > 0
    assert document.pop("witness").startswith("slot 0x0: rc=1")
    assert document == {
        "path": "fails.trace",
        "signature": "ACCT.3c/segment_clone",
        "clause": "ACCT.3c",
        "step": 1,
        "ops_before": 5,
        "ops": 2,
        "minimal": True,
        "output": "min.trace",
        "trace": SMALL,
    }
    assert Path("min.trace").read_text() == SMALL


def test_a_file_can_be_minimized_in_place(capsys: Captured) -> None:
    assert minimize("fails.trace", "-o", "fails.trace") == 0
    assert Path("fails.trace").read_text() == SMALL
    assert minimize("fails.trace", "-o", "fails.trace") == 0
    assert Path("fails.trace").read_text() == SMALL
    assert "2 ops to 2 in " in capsys.readouterr().out


def test_a_planted_bug_is_written_into_the_trace(capsys: Captured) -> None:
    assert minimize("clean.trace", "--fault", FAULT) == 0
    assert capsys.readouterr().out == SMALL


def test_a_known_bug_test_stays_one() -> None:
    known = FAILS.replace(f"fault {FAULT}\n", f"fault {FAULT}\nexpect ACCT.3c at 3\n")
    Path("known.trace").write_text(known)
    assert as_expected(parse(known), run(parse(known)))

    assert minimize("known.trace", "-o", "known.trace") == 0

    small = load(Path("known.trace"))
    assert [(e.clause, e.step) for e in small.expect] == [("ACCT.3c", 1)]
    assert as_expected(small, run(small))


def test_a_known_upstream_defect_needs_strict(capsys: Captured) -> None:
    lines = [
        "s0 = segment_from_unused(start=0x0, end=0x1000)",
        "s1 = segment_slice(segment=s0, start=0x1000, end=0x1000)",
        "segment_to_usegment(segment=s1)",
    ]
    Path("quirk.trace").write_text("\n".join(["#vmfuzz-trace 1", "world", *lines, ""]))

    assert minimize("quirk.trace") == 5
    assert minimize("quirk.trace", "--strict", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["clause"] == "SAFETY.empty-segment-reads-foreign-frame"


def test_a_trace_that_does_not_fail_is_nothing_to_do(capsys: Captured) -> None:
    assert minimize("clean.trace", "-o", "min.trace") == 5
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "clean.trace: the starting trace (5 ops) does not fail" in shown.err

    assert minimize("clean.trace", "--json") == 5
    assert json.loads(capsys.readouterr().out) == {
        "path": "clean.trace",
        "signature": None,
        "ops_before": 5,
    }
    assert not Path("min.trace").exists()


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (None, ["nowhere.trace"], "nowhere.trace: cannot read: No such file"),
        (None, ["."], ".: is a folder; "),
        (None, [], "Missing argument 'PATH'"),
        (None, ["fails.trace", "--fault", "nope"], "--fault: unknown fault 'nope'"),
        (None, ["fails.trace", "--bogus"], "--bogus"),
        ("", ["bad.trace"], "bad.trace:1:1: not a trace"),
        (CLEAN.replace("s7 =", "s7 +"), ["bad.trace"], "bad.trace:7:1: not an op line"),
        (FAILS.replace(FAULT, "nope"), ["bad.trace"], "bad.trace:4:7: unknown fault 'nope'"),
        ("\xff", ["bad.trace"], "bad.trace: not UTF-8 text"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_named_and_nothing_is_written(
    text: str | None, arguments: list[str], message: str, capsys: Captured
) -> None:
    if text is not None:
        Path("bad.trace").write_text(text, encoding="latin-1")
    before = sorted(Path().rglob("*"))

    assert minimize(*arguments) == 2

    shown = capsys.readouterr()
    assert message in " ".join(shown.err.split())
    assert shown.out == ""
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("out", ["clean.trace/x", "."])
def test_a_result_that_cannot_be_written_goes_to_stdout(out: str, capsys: Captured) -> None:
    before = sorted(Path().rglob("*"))

    assert minimize("fails.trace", "-o", out) == 2

    shown = capsys.readouterr()
    assert f"{out}: cannot write: " in " ".join(shown.err.split())
    assert len(parse(shown.out).steps) == 2
    assert sorted(Path().rglob("*")) == before
