"""The plugin in every way of running pytest that it promises to bear."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from plugin_traces import CLEAN, FAILS, KNOWN, project

pytest_plugins = ["pytester"]

NEEDS_XDIST = pytest.mark.skipif(not find_spec("xdist"), reason="pytest-xdist is not installed")
STRICT = ("--strict-markers", "--strict-config", "-W", "error")
USER = """
import pytest

def test_a_fixture(vm_replay, vm_trace_factory):
    trace = vm_trace_factory("f0 = frame_from_unused(paddr=0x0)", frames=4)
    assert vm_replay(trace).executed == 1

@pytest.mark.vm_known_bug("BUG-7", reason="waits for upstream")
def test_a_known_bug():
    assert False

def test_a_campaign(vm_campaign):
    assert vm_campaign(steps=500).findings == {}
"""


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """A corpus with one failing trace, and a module that uses fixtures and markers."""
    corpus = project(pytester.path)
    (corpus / "bad.trace").write_text(FAILS)
    pytester.makepyfile(test_user=USER)
    return corpus


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("options", [(), STRICT, ("-p", "no:cacheprovider")], ids=str)
def test_plain_and_strict_runs_agree(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    result = pytester.runpytest_inprocess(*options)

    result.assert_outcomes(passed=4, failed=1, xfailed=1)
    result.stdout.fnmatch_lines(["replayed 3 traces, 6 steps: 2 as expected, 1 not as expected"])


@NEEDS_XDIST
@pytest.mark.usefixtures("folder")
def test_workers_run_the_same_and_the_controller_reports(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("-n", "2", *STRICT, "--vmfuzz-report", "out")

    result.assert_outcomes(passed=4, failed=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "corpus/bad.trace:5: ACCT.3c violated*",
            "replayed 3 traces, 6 steps: 2 as expected, 1 not as expected",
            "if this is the new truth: pytest --vmfuzz-update corpus/bad.trace",
        ]
    )
    assert (pytester.path / "out" / "traces.json").read_text().count('"trace"') == 3


@NEEDS_XDIST
def test_workers_rewrite_each_its_own_file(pytester: pytest.Pytester) -> None:
    corpus = project(pytester.path)
    for number in range(6):
        (corpus / f"{number}.trace").write_text(FAILS)

    result = pytester.runpytest_subprocess("-n", "2", "--vmfuzz-update")

    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(["updated corpus/0.trace", "updated corpus/5.trace"])
    assert {(corpus / f"{number}.trace").read_text() for number in range(6)} == {KNOWN}


@pytest.mark.usefixtures("folder")
def test_the_plugin_can_be_switched_off(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("-p", "no:vmfuzz", "-k", "known_bug")

    result.assert_outcomes(failed=1, deselected=2)  # no trace, and the marker has no effect


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["vmfuzz.pytest_plugin", "vmfuzz"])
def test_the_plugin_can_be_named_where_none_is_looked_for(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    result = pytester.runpytest_subprocess("-p", name, *STRICT)

    result.assert_outcomes(passed=4, failed=1, xfailed=1)
    pytester.runpytest_subprocess().assert_outcomes(errors=2, failed=1)  # without it: no fixtures


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("vm_trace", {"bad.trace", "clean.trace", "known.trace"}),
        ("vm_campaign", {"test_user.py"}),
        ("vm_known_bug", {"test_user.py"}),
    ],
)
def test_markers_select(pytester: pytest.Pytester, expression: str, names: set[str]) -> None:
    listed = pytester.runpytest_inprocess("--collect-only", "-q", "-m", expression)

    ids = [line for line in listed.outlines if "::" in line]
    assert {Path(line.partition("::")[0]).name for line in ids} == names


def test_a_known_bug_that_is_gone_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.vm_known_bug("BUG-7", "waits for upstream")
        def test_it():
            pass
        """
    )
    result = pytester.runpytest_inprocess()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*BUG-7: waits for upstream*"])


@pytest.mark.parametrize("arguments", ["", '"BUG-7"', '"", reason="x"', '"a", "b", "c"', "7, 8"])
def test_a_known_bug_needs_id_and_reason(pytester: pytest.Pytester, arguments: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.vm_known_bug({arguments})
        def test_it():
            pass
        """
    )
    result = pytester.runpytest_inprocess()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["vm_known_bug takes the id of a bug and the reason why*"])


def test_an_empty_corpus_is_named_and_no_failure(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nvmfuzz_corpora = corpus\n")
    pytester.mkdir("corpus")
    pytester.mkdir("other")

    result = pytester.runpytest_inprocess()

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"vmfuzz_corpora: {pytester.path / 'corpus'} holds no *.trace*"])
    assert pytester.runpytest_inprocess("other").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_deselecting_everything_is_what_it_is_without_the_plugin(pytester: pytest.Pytester) -> None:
    project(pytester.path)

    result = pytester.runpytest_inprocess("-k", "nothing")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_corpora_can_be_named_on_the_command_line(pytester: pytest.Pytester) -> None:
    for name in ("one/traces", "two/traces"):
        folder = pytester.path / name
        folder.mkdir(parents=True)
        (folder / "same.trace").write_text(CLEAN)
    pytester.makepyfile(test_other="def test_other(): pass")

    chosen = ("--vmfuzz-corpora", "one/traces", "--vmfuzz-corpora=two/traces")
    listed = pytester.runpytest_inprocess("test_other.py", "--collect-only", "-q", *chosen)

    assert [line for line in listed.outlines if "::" in line] == [
        "test_other.py::test_other",
        "one/traces/same.trace::replay",
        "two/traces/same.trace::replay",
    ]


def test_a_trace_named_on_the_command_line_is_run_wherever_it_is(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeini("[pytest]\n")
    (pytester.path / "known.trace").write_text(KNOWN)
    (pytester.path / "other.trace").write_text("a log of somebody else")

    ran = pytester.runpytest_inprocess("known.trace")
    other = pytester.runpytest_inprocess("other.trace")

    ran.assert_outcomes(passed=1)
    assert other.ret == pytest.ExitCode.USAGE_ERROR  # not ours


def test_ids_of_namesakes_outside_of_the_root_differ(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytester.makeini("[pytest]\n")
    roots = [tmp_path_factory.mktemp(name) / "corpus" for name in ("first", "second")]
    for root in roots:
        root.mkdir()
        (root / "same.trace").write_text(CLEAN)

    result = pytester.runpytest_inprocess(
        "--collect-only", "-q", *(f"--vmfuzz-corpora={root}" for root in roots)
    )

    ids = [line for line in result.outlines if "::" in line]
    assert len(set(ids)) == 2
    assert not any(line.startswith("/") for line in ids)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--vmfuzz-time=soon", "--vmfuzz-time: 'soon' is no duration"),
        ("--vmfuzz-report=/dev/null/out", "/dev/null/out: cannot create: Not a directory"),
        ("--vmfuzz-seed=-1", "--vmfuzz-seed: '-1': allowed are 0 to 2147483647"),
        ("--vmfuzz-profile=ostb", "unknown profile 'ostb' (did you mean 'ostd'?)"),
    ],
)
def test_an_option_that_is_none_is_named(
    pytester: pytest.Pytester, option: str, message: str
) -> None:
    result = pytester.runpytest_inprocess(option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()


def test_a_report_that_cannot_be_written_costs_no_result(pytester: pytest.Pytester) -> None:
    project(pytester.path)
    (pytester.path / "out" / "traces.json").mkdir(parents=True)

    result = pytester.runpytest_inprocess("--vmfuzz-report=out")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["--vmfuzz-report: *traces.json: cannot write: Is a directory"])
