"""The command line among strangers: closed and full streams, odd names, folders in the way."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

FAULT = "segment-clone-misses-last"
BUCKET = "ACCT.3c--segment_clone"
HUNT = f"fuzz --fault {FAULT} --steps 50000"


def in_shell(script: str) -> str:
    """Return a bash script in which `vmfuzz` is the command."""
    return f'vmfuzz() {{ "{sys.executable}" -m vmfuzz "$@"; }}\n{script}'


def shell(script: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a bash script in which `vmfuzz` is the command. No script may show a traceback."""
    done = subprocess.run(
        ["bash", "-c", in_shell(script)],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=100,
        check=False,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **settings},
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    path = tmp_path / "clean.trace"
    path.write_text("#vmfuzz-trace 1\nworld\nl0 = list_new() => ok\n")
    return path


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("vmfuzz replay clean.trace >&- 2>&-", 0),
        ("vmfuzz replay clean.trace | true; exit ${PIPESTATUS[0]}", 0),
        ("vmfuzz --help | true; exit ${PIPESTATUS[0]}", 0),
        (f"vmfuzz {HUNT} | true; exit ${{PIPESTATUS[0]}}", 1),
        (f"vmfuzz {HUNT} --json | true; exit ${{PIPESTATUS[0]}}", 1),
        ("vmfuzz replay clean.trace > /dev/full", 2),
        ("vmfuzz model quirks --json > /dev/full", 2),
        ("vmfuzz fuzz --stepz 2> /dev/full", 2),
        ("vmfuzz fuzz --stepz 2>&1 | true; exit ${PIPESTATUS[0]}", 2),
        ("vmfuzz minimize clean.trace > /dev/full 2> /dev/full", 5),
    ],
)
def test_the_exit_code_outlives_the_streams(script: str, code: int, clean: Path) -> None:
    done = shell(script, clean.parent)

    assert done.returncode == code
    if "> /dev/full" in script and "2>" not in script:
        assert done.stderr == "vmfuzz: output: No space left on device\n"


def test_a_terminal_without_the_characters_gets_escapes(tmp_path: Path) -> None:
    done = shell("vmfuzz model variants --json && vmfuzz model ops", tmp_path, LC_ALL="C")
    narrow = shell("vmfuzz model ops", tmp_path, PYTHONIOENCODING="ascii")

    assert done.returncode == narrow.returncode == 0
    assert narrow.stdout.isascii()


def test_names_from_outside_are_shown_as_they_are_but_harmless(tmp_path: Path, clean: Path) -> None:
    shutil.copy(clean, tmp_path / "[red]:cat:.trace")
    shutil.copy(clean, tmp_path / "a\x1b[31m\nok.trace")
    shutil.copy(clean, tmp_path / "\udcff.trace")

    done = shell("vmfuzz replay .", tmp_path, PYTHONIOENCODING="utf-8:strict")

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "ok    [red]:cat:.trace: 1 step" in lines
    assert r"ok    a\x1b[31m\nok.trace: 1 step" in lines
    assert r"ok    \udcff.trace: 1 step" in lines


def test_a_search_passes_by_folders_loops_and_pipes(tmp_path: Path, clean: Path) -> None:
    (tmp_path / "folder.trace").mkdir()
    (tmp_path / "up").symlink_to(".")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe.trace")

    done = shell("vmfuzz replay .; echo $?; vmfuzz replay /dev/stdin < clean.trace", tmp_path)

    assert done.stdout.splitlines() == [
        "ok    clean.trace: 1 step",
        "ERROR pipe.trace: cannot read: not a regular file",
        "FAIL: 1 of 2 as expected",
        "2",
        "ok    /dev/stdin: 1 step",
        "ok: 1 of 1 as expected",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("replay ''", 2, "the path is empty"),
        ("fuzz --out '' --steps 5", 2, "the path is empty"),
        ("fuzz --out clean.trace --steps 5", 2, "--out clean.trace: not a folder, and in the way"),
        ("fuzz --out loop --steps 5", 2, "--out loop: not a folder, and in the way of one"),
        ("fuzz --out loop/x --steps 5", 2, "--out loop/x: cannot create: Too many levels of"),
        ("fuzz --world frames=3 --world frames=4", 2, "--world: 'frames' is given twice"),
        ("fuzz --world frames=0x$(printf %9000s | tr ' ' f)", 2, "a number is needed"),
        ("conformance empty.jsonl", 5, "no trace in these files, so nothing was compared"),
        ("replay clean.trace --fault segment-clone", 2, "(did you mean 'segment-clone-misses"),
        ("replay $(printf %5000s | tr ' ' a)", 2, "aaa...: cannot read: File name too long"),
    ],
)
def test_strange_arguments_are_refused_with_a_reason(
    arguments: str, code: int, message: str, clean: Path
) -> None:
    (clean.parent / "loop").symlink_to("loop")
    (clean.parent / "empty.jsonl").write_text("\n\n")

    done = shell(f"vmfuzz {arguments}", clean.parent)

    assert done.returncode == code
    assert message in " ".join((done.stdout + done.stderr).split())


def test_the_largest_world_is_cheap(tmp_path: Path) -> None:
    script = "ulimit -v 1000000; vmfuzz fuzz --world frames=1048576 --world pt_frames=1048576"

    assert shell(f"{script} --world cpus=64 --steps 2000", tmp_path).returncode == 0


def test_a_full_disk_costs_no_finding(tmp_path: Path) -> None:
    done = shell(f"ulimit -f 0; vmfuzz {HUNT} --out full", tmp_path)

    assert done.returncode == 1
    assert done.stdout.startswith("ACCT.3c violated at step ")
    assert done.stdout.splitlines()[-1] == (
        f"NOT STORED: full/{BUCKET}/min.trace: cannot write: File too large"
    )
    assert "full/events.jsonl: cannot write: File too large" in done.stderr
    files = [path for path in (tmp_path / "full").rglob("*") if path.is_file()]
    assert {(path.name, path.stat().st_size) for path in files} <= {
        ("lock", 0),
        ("events.jsonl", 0),
    }


def test_a_result_that_cannot_be_written_is_shown(tmp_path: Path) -> None:
    shell(f"vmfuzz {HUNT} --out found", tmp_path)
    done = shell(f"vmfuzz minimize found/{BUCKET}/first.trace -o /dev/null", tmp_path)

    assert done.returncode == 2
    assert done.stderr == "vmfuzz: /dev/null: cannot write: not a regular file\n"
    assert done.stdout == (tmp_path / "found" / BUCKET / "min.trace").read_text()
    assert Path("/dev/null").is_char_device()


def started(arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vmfuzz", *arguments.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )


def wait_for(process: subprocess.Popen[str], is_so: Callable[[], bool]) -> None:
    while process.poll() is None and not is_so():
        time.sleep(0.01)


def test_a_folder_deleted_while_running_is_written_again(tmp_path: Path) -> None:
    run = "fuzz --time 60s --stop-on never --out gone"
    process = started(f"{run} --fault {FAULT}", tmp_path)
    wait_for(process, (tmp_path / "gone" / BUCKET / "first.trace").exists)
    shutil.rmtree(tmp_path / "gone", ignore_errors=True)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in errors
    assert output.splitlines()[-1].startswith("interrupted; ")
    names = {path.name for path in (tmp_path / "gone" / BUCKET).iterdir()}
    assert names == {"first.trace", "min.trace", "finding.txt", "meta.json"}


def test_a_killed_run_leaves_whole_files_only(tmp_path: Path) -> None:
    process = started(f"fuzz --time 60s --stop-on never --out kept --fault {FAULT}", tmp_path)
    wait_for(process, (tmp_path / "kept" / BUCKET / "meta.json").exists)
    process.kill()
    process.communicate(timeout=60)
    done = shell("vmfuzz replay kept --json", tmp_path)

    assert process.returncode == -signal.SIGKILL
    traces = json.loads(done.stdout)["traces"]
    assert {trace["verdict"] for trace in traces} == {"FAIL"}
    assert "ACCT.3c/segment_clone" in {trace["finding"]["signature"] for trace in traces}


def test_a_row_is_a_line_where_nothing_says_how_wide_a_line_may_be(tmp_path: Path) -> None:
    done = shell("unset COLUMNS; vmfuzz model ops", tmp_path)
    ops = json.loads(shell("vmfuzz model ops --json", tmp_path).stdout)["ops"]

    header, *lines = done.stdout.splitlines()
    assert header.split() == ["op", "produces", "arguments", "consumes", "source", "vmstore"]
    assert len(lines) == len(ops) > 100
    for line, op in zip(lines, ops, strict=True):
        assert line.startswith(op["op"] + " ")
        assert op["source"] in line
        assert line.endswith(op["vmstore"])
    assert max(map(len, lines)) > 100


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_row_goes_on_below_where_columns_says_how_wide_it_may_be(
    tmp_path: Path, columns: int
) -> None:
    done = shell("vmfuzz model variants", tmp_path, COLUMNS=str(columns))
    named = json.loads(shell("vmfuzz model variants --json", tmp_path).stdout)["variants"]

    lines = done.stdout.splitlines()
    assert len(lines) > len(named) + 1
    assert max(map(len, lines)) <= columns
    assert all(line == line.rstrip() and "…" not in line for line in lines)
    firsts = {line.split(" ")[0] for line in lines}
    assert firsts >= {variant["name"] for variant in named}


def test_a_terminal_has_whole_ids_and_wrapped_texts(tmp_path: Path) -> None:
    script = "unset COLUMNS; stty cols 72 < /dev/tty; vmfuzz model quirks"
    done = shell(f"script -qec {shlex.quote(in_shell(script))} /dev/null", tmp_path, TERM="xterm")
    named = json.loads(shell("vmfuzz model quirks --json", tmp_path).stdout)["quirks"]

    lines = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()  # the headings are bold
    assert 40 < max(map(len, lines)) <= 72
    assert {line.split(" ")[0] for line in lines} >= {quirk["id"] for quirk in named}
    assert "…" not in done.stdout


def test_a_list_is_one_line_however_long(tmp_path: Path) -> None:
    done = shell("vmfuzz fuzz --steps 10000 --world frames=4", tmp_path, COLUMNS="60")

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert all(line == line.rstrip() for line in lines)
    (never,) = [line for line in lines if line.startswith("ops that succeeded: ")]
    (outcomes,) = [line for line in lines if line.startswith("outcomes reached: ")]
    assert "; never: " in outcomes
    assert max(len(never), len(outcomes)) > 60
    assert not any(line.startswith((" ", ",")) for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--steps abc", "'--steps': 'abc' is no whole number; write one of at least 1"),
        ("--seed 1.5", "'--seed': '1.5' is no whole number; write one from 0 to 2,147,483,647"),
        ("--corpus-share x", "'--corpus-share': 'x' is no number; write one from 0 to 0.9"),
    ],
)
def test_a_mistake_begins_with_the_usage_and_says_what_is_allowed(
    tmp_path: Path, arguments: str, message: str
) -> None:
    done = shell(f"vmfuzz fuzz {arguments}", tmp_path)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "Usage: vmfuzz fuzz [OPTIONS]",
        "",
        "Try 'vmfuzz fuzz --help' for help.",
        "",
        f"Error: Invalid value for {message}",
    ]


def test_the_examples_of_a_help_stand_below_a_heading(tmp_path: Path) -> None:
    lines = [line.strip() for line in shell("vmfuzz replay --help", tmp_path).stdout.splitlines()]

    at = lines.index("Examples:")
    assert lines[at + 1] == "vmfuzz replay corpora/seeds"
