"""The pytest plugin in pytest runs of its own: inert by default, clear when a trace fails."""

import re
import shlex
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from plugin_traces import BROKEN, CLEAN, FAILS, FAULT, KNOWN, SETTINGS, project
from vmfuzz import __version__

pytest_plugins = ["pytester"]


@pytest.fixture
def corpus(pytester: pytest.Pytester) -> Path:
    return project(pytester.path)


def test_without_its_option_the_plugin_collects_nothing_and_imports_nothing(
    pytester: pytest.Pytester,
) -> None:
    (pytester.path / "fails.trace").write_text(FAILS)
    pytester.makepyfile(
        test_other="""
        import sys

        def test_other_people_do_not_pay():
            assert not {"vmstore", "vmfuzz.runner", "rich", "click"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess()

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*vmfuzz_corpora*")


@pytest.mark.usefixtures("corpus")
def test_every_trace_below_a_configured_folder_is_an_item(pytester: pytest.Pytester) -> None:
    listed = pytester.runpytest_inprocess("--collect-only", "-q")
    ran = pytester.runpytest_inprocess("-v")

    items = ["corpus/clean.trace::replay", "corpus/deep/known.trace::replay"]
    assert [line for line in listed.outlines if "::" in line] == items
    ran.assert_outcomes(passed=2)
    ran.stdout.fnmatch_lines([f"{item} PASSED*" for item in items])


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("chosen", [["corpus/deep/known.trace::replay"], ["-k", "known"]])
def test_an_item_can_be_chosen(pytester: pytest.Pytester, chosen: list[str]) -> None:
    result = pytester.runpytest_inprocess(*chosen)

    result.assert_outcomes(passed=1, deselected=len(chosen) - 1)


def test_a_failure_shows_the_finding_its_line_and_a_command_that_repeats_it(
    pytester: pytest.Pytester, corpus: Path
) -> None:
    (corpus / "it fails.trace").write_text(FAILS)

    result = pytester.runpytest_inprocess()

    result.assert_outcomes(passed=2, failed=1)
    output = result.stdout.str()
    assert "\ncorpus/it fails.trace:5: ACCT.3c violated at step 1 (segment_clone): " in output
    assert "\n  >   1  s1 = segment_clone(segment=s0)\n" in output
    assert "Traceback" not in output
    (command,) = (line for line in output.splitlines() if line.startswith("repeat: vmfuzz "))
    repeated = pytester.run(sys.executable, "-m", *shlex.split(command)[1:])
    assert repeated.ret == 1
    repeated.stdout.fnmatch_lines(["FAIL  corpus/it fails.trace: 2 steps"])


@pytest.mark.parametrize("on_ci", [False, True])  # where pytest repeats all it is given
def test_the_summary_names_a_failure_in_one_line(
    pytester: pytest.Pytester, corpus: Path, monkeypatch: pytest.MonkeyPatch, *, on_ci: bool
) -> None:
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    monkeypatch.setenv("CI", "true") if on_ci else monkeypatch.delenv("CI", raising=False)
    (corpus / "bad.trace").write_text(FAILS)

    result = pytester.runpytest_inprocess()

    whole = "ACCT.3c violated at step 1 (segment_clone): rc == H + P + C, and + D while"
    summary = result.outlines.index(next(x for x in result.outlines if "test summary" in x))
    assert result.outlines[summary + 1].startswith(
        "FAILED corpus/bad.trace::replay - ACCT.3c violated"
    )
    assert "1 failed, 2 passed" in result.outlines[summary + 2]
    assert (whole in result.outlines[summary + 1]) == on_ci


WRONG = {  # the text, the line that is named, the message
    "step": (KNOWN.replace("at 1", "at 0"), "6", "expected ACCT.3c at 0, found ACCT.3c/segment_"),
    "clause": (KNOWN.replace(BROKEN, "XTRA.2"), "6", "expected XTRA.2 at 1, found ACCT.3c/segm"),
    "misspelt": (KNOWN.replace(BROKEN, "ACTC.3c"), "4:8", "(did you mean 'ACCT.3c'?)"),
    "handle": (CLEAN.replace("=s0)", "=s7) => ok"), "4", "was skipped: s7 is not live; recorded"),
    "cut": (KNOWN.rpartition("s1")[0], "", "found nothing; the trace ends before step 1"),
    "nothing": (KNOWN.replace(f"fault {FAULT}\n", ""), "", "expected ACCT.3c at 1, found nothing"),
    "outcome": (CLEAN.replace("=s0)", "=s0) => err Busy"), "4", "EXPECT failed at step 1"),
    "fault": (KNOWN.replace(FAULT, "segment-clone"), "3:7", "unknown fault 'segment-clone'"),
    "syntax": (CLEAN.replace("s0 =", "s0 +"), "3:1", "not an op line"),
    "op": (CLEAN.replace("segment_clone", "segment_clown"), "4:6", "unknown op 'segment_clown'"),
    "empty": ("", "1:1", "not a trace"),
    "bytes": ("\xff", "", "not UTF-8 text (byte 0)"),
}


def test_what_is_wrong_with_a_trace_is_named_with_its_line(pytester: pytest.Pytester) -> None:
    pytester.makeini(SETTINGS)
    folder = pytester.mkdir("corpus")
    for name, (text, _, _) in WRONG.items():
        (folder / f"{name}.trace").write_text(text, encoding="latin-1")

    result = pytester.runpytest_inprocess("-rN")

    result.assert_outcomes(failed=len(WRONG))
    output = result.stdout.str()
    assert "Traceback" not in output
    assert ".py:" not in output
    blocks = re.split(r"\n_+ replay of (\w+)\.trace _+\n", output)
    shown = dict(zip(blocks[1::2], blocks[2::2], strict=True))
    for name, (_, line, message) in WRONG.items():
        assert f"corpus/{name}.trace:{line and line + ':'} " in shown[name]
        assert message in shown[name]


def test_a_folder_that_is_not_there_is_named(pytester: pytest.Pytester) -> None:
    pytester.makeini(SETTINGS)
    pytester.makepyfile("def test_something(): pass")

    result = pytester.runpytest_inprocess()

    result.assert_outcomes(passed=1)
    missing = pytester.path / "corpus"
    result.stdout.fnmatch_lines([f"vmfuzz_corpora: {missing} is no folder, so no trace below*"])


def test_the_last_failed_trace_can_be_run_again(pytester: pytest.Pytester, corpus: Path) -> None:
    (corpus / "bad.trace").write_text(FAILS)
    pytester.runpytest_inprocess().assert_outcomes(passed=2, failed=1)

    pytester.runpytest_inprocess("--lf").assert_outcomes(failed=1)
    (corpus / "bad.trace").write_text(CLEAN)
    pytester.runpytest_inprocess("--lf").assert_outcomes(passed=1)


def test_a_junit_report_names_clause_and_op(pytester: pytest.Pytester, corpus: Path) -> None:
    (corpus / "bad.trace").write_text(FAILS)

    pytester.runpytest_inprocess("--junitxml=report.xml").assert_outcomes(passed=2, failed=1)

    cases = ElementTree.parse(pytester.path / "report.xml").getroot().findall(".//testcase")
    properties = {
        case.attrib["classname"]: [
            (p.attrib["name"], p.attrib["value"]) for p in case.iter("property")
        ]
        for case in cases
    }
    ran = [("trace_format", "1"), ("version", __version__), ("profile", "ostd"), ("steps", "2")]
    found = [("clause", BROKEN), ("op", "segment_clone"), ("signature", f"{BROKEN}/segment_clone")]
    expected = [[*ran, *found], ran, [*ran, *found]]
    assert list(properties.values()) == [
        [(f"vmfuzz_{name}", value) for name, value in pairs] for pairs in expected
    ]
    assert [case.find("failure") is not None for case in cases] == [True, False, False]
