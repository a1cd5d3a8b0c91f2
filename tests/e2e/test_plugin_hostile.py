"""Files that are no traces, folders that never end: a clear failure each, nothing internal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plugin_traces import CLEAN, FAILS, SETTINGS, STEPS, project

pytest_plugins = ["pytester"]

LONG = "x" * 10_000
ESCAPES = "\x1b[31m\x1b]0;title\x07"


def clear(result: pytest.RunResult) -> str:
    """Return the output of a run, which shows no defect of the plugin and no control character."""
    output = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in output
    assert "Traceback" not in output
    assert "\x1b" not in output
    return output


@pytest.fixture
def corpus(pytester: pytest.Pytester) -> Path:
    (pytester.path / "tox.ini").write_text(SETTINGS)
    return pytester.mkdir("corpus")


CONTENTS = {
    "bytes": (b"#vmfuzz-trace 1\n\xff\xfe", "not UTF-8 text (byte 16)"),
    "huge": (CLEAN.encode() + b"#" * (17 << 20), "larger than 16 MiB"),
    "long": (CLEAN.encode() + b"#" * 200_000, "longer than 100000 characters"),
    "version": (CLEAN.replace("trace 1", "trace 99").encode(), "'99' is not supported"),
    "label": (CLEAN.replace("s1 =", f"{LONG} =").encode(), "is no segment handle"),
    "clause": (
        f"#vmfuzz-trace 1\nworld\nexpect {LONG} at 0\n{STEPS}".encode(),
        "no clause is called",
    ),
    "escapes": (CLEAN.replace("s1 =", f"{ESCAPES} =").encode(), "is no segment handle"),
    "nulls": (b"\0" * 100, "not a trace"),
    "empty": (b"", "not a trace"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_no_trace_fails_clearly(pytester: pytest.Pytester, corpus: Path, name: str) -> None:
    data, message = CONTENTS[name]
    (corpus / f"{name}.trace").write_bytes(data)

    result = pytester.runpytest_inprocess("--color=no", "--junitxml=report.xml")

    result.assert_outcomes(failed=1)
    assert message in clear(result)
    assert (corpus / f"{name}.trace").read_bytes() == data
    assert (pytester.path / "report.xml").stat().st_size > 100


@pytest.mark.parametrize("name", CONTENTS)
def test_an_update_leaves_alone_what_is_no_trace(
    pytester: pytest.Pytester, corpus: Path, name: str
) -> None:
    data, message = CONTENTS[name]
    (corpus / f"{name}.trace").write_bytes(data)

    result = pytester.runpytest_inprocess("--color=no", "--vmfuzz-update")

    result.assert_outcomes(failed=1)
    assert message in clear(result)
    assert (corpus / f"{name}.trace").read_bytes() == data


def test_another_format_version_can_be_skipped(pytester: pytest.Pytester, corpus: Path) -> None:
    (corpus / "later.trace").write_text(CLEAN.replace("trace 1", "trace 99"))
    (corpus / "wrong.trace").write_text(CLEAN.replace("trace 1", "trace one"))

    result = pytester.runpytest_inprocess("-o", "vmfuzz_strict_schema=false")

    result.assert_outcomes(skipped=1, failed=1)
    result.stdout.fnmatch_lines(["replayed 2 traces*: 1 unreadable, 1 of another trace format"])


def test_a_link_to_a_folder_around_it_is_not_followed(
    pytester: pytest.Pytester, corpus: Path
) -> None:
    (corpus / "deep").mkdir()
    (corpus / "one.trace").write_text(CLEAN)
    (corpus / "deep" / "up").symlink_to(corpus)
    (corpus / "self").symlink_to(corpus / "self")
    (corpus / "nowhere.trace").symlink_to(corpus / "missing")

    result = pytester.runpytest_inprocess()

    result.assert_outcomes(passed=1)
    clear(result)


def test_a_link_to_a_folder_elsewhere_is_followed(pytester: pytest.Pytester, corpus: Path) -> None:
    elsewhere = pytester.mkdir("elsewhere")
    (elsewhere / "one.trace").write_text(CLEAN)
    (corpus / "more").symlink_to(elsewhere)

    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_file_that_cannot_be_read_is_named(
    pytester: pytest.Pytester, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus / "secret.trace").write_text(CLEAN)
    opened = Path.open

    def refuse(path: Path, *arguments: object, **more: object) -> object:
        if path.name == "secret.trace":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **more)  # type: ignore[call-overload]  # as it was called

    monkeypatch.setattr(Path, "open", refuse)
    result = pytester.runpytest_inprocess()

    result.assert_outcomes(failed=1)
    assert "secret.trace: cannot read: Permission denied" in clear(result)


@pytest.mark.parametrize("name", ["a\x1b[31mb", "zeile\nzwei", "ünï", "%s {0}", "-k"])
def test_odd_names_are_shown_harmlessly(pytester: pytest.Pytester, corpus: Path, name: str) -> None:
    (corpus / f"{name}.trace").write_text(FAILS)

    result = pytester.runpytest_inprocess("--color=no")

    result.assert_outcomes(failed=1)
    output = result.stdout.str()
    assert "INTERNALERROR" not in output
    blamed = [line for line in output.splitlines() if "ACCT.3c violated" in line]
    assert blamed[0].endswith("rc == H + P + C, and + D while references are deferred")


def test_a_name_that_is_no_text(pytester: pytest.Pytester, corpus: Path) -> None:
    path = os.path.join(os.fsencode(corpus), b"\xff.trace")
    with open(path, "wb") as file:
        file.write(FAILS.encode())

    command = [sys.executable, "-m", "pytest", "--color=no"]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, check=False, timeout=60)

    assert b"1 failed" in done.stdout
    assert b"ACCT.3c violated" in done.stdout
    assert b"INTERNALERROR" not in done.stdout + done.stderr


def test_folders_of_findings_are_not_collected(pytester: pytest.Pytester) -> None:
    (pytester.path / "tox.ini").write_text("[pytest]\nvmfuzz_corpora = .\n")
    project(pytester.path / "sub")
    kept = pytester.path / "vmfuzz-out" / "pytest" / "ACCT.3c--segment_clone"
    kept.mkdir(parents=True)
    (kept / "min.trace").write_text(FAILS)

    result = pytester.runpytest_inprocess("--collect-only", "-q")

    assert not [line for line in result.outlines if "vmfuzz-out" in line]
    assert len([line for line in result.outlines if "::" in line]) == 3
