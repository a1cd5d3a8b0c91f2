"""`--vmfuzz-update`: what a trace records becomes what it comes to, and nothing else changes."""

import json
from pathlib import Path

import pytest

from plugin_traces import CLEAN, FAILS, FAULT, KNOWN, SETTINGS, STEPS
from vmfuzz.runner import run
from vmfuzz.testing.failure import TraceFailed
from vmfuzz.testing.update import updated
from vmfuzz.trace_text import parse

pytest_plugins = ["pytester"]

WRONG = """#vmfuzz-trace 1
# A comment at the top.
world   frames=8   # sizes
fault segment-clone-misses-last
expect XTRA.2 at 0   # somebody guessed

# in between
s0 = segment_from_unused(start=0x0, end=0x1000)   => err InUse  # not so
  s1 =  segment_clone( segment=s0 )
"""
RIGHT = WRONG.replace("XTRA.2 at 0", "ACCT.3c at 1").replace("=> err InUse", "=> ok")


def test_outcomes_and_expectations_are_replaced_in_place() -> None:
    after, changes = updated(WRONG, parse(WRONG), Path("x.trace"))

    assert after == RIGHT.replace("0x1000)   => ok", "0x1000) => ok")
    assert changes == [
        "line 8: 'err InUse' is now 'ok'",
        "expected was XTRA.2 at 0, is now ACCT.3c at 1",
    ]
    assert updated(after, parse(after), Path("x.trace")) == (after, [])


def test_line_ends_stay_what_they_are() -> None:
    text = FAILS.replace("\n", "\r\n")

    after, _ = updated(text, parse(text), Path("x.trace"))

    assert after == KNOWN.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FAILS, KNOWN),
        (KNOWN.replace(f"fault {FAULT}\n", ""), CLEAN),
        (KNOWN.replace("expect", "expect DER.5 at 0\nexpect XTRA.2 at 1\nexpect"), None),
        (KNOWN.replace("at 1", "at 0\nexpect XTRA.2 at 1"), KNOWN),
        (CLEAN.replace("=s0)", "=s0) => err Busy"), CLEAN.replace("=s0)", "=s0) => ok")),
    ],
)
def test_only_what_is_wrong_changes(text: str, expected: str | None) -> None:
    after, changes = updated(text, parse(text), Path("x.trace"))

    assert after == (expected or text)
    assert bool(changes) == (after != text)


def test_a_finding_of_the_clean_model_is_never_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real bug of the model cannot be had to order, so a planted one stands in for it."""
    trace = parse(FAILS)
    unnamed = parse(CLEAN)
    monkeypatch.setattr("vmfuzz.testing.update.run", lambda _trace: run(trace))

    with pytest.raises(TraceFailed) as raised:
        updated(CLEAN, unnamed, Path("x.trace"))

    assert raised.value.line == 4


def test_a_run_says_what_it_changed_and_the_next_one_passes(pytester: pytest.Pytester) -> None:
    pytester.makeini(SETTINGS)
    folder = pytester.mkdir("corpus")
    for name, text in {"wrong": WRONG, "clean": CLEAN, "fails": FAILS}.items():
        (folder / f"{name}.trace").write_text(text)
    before = (folder / "clean.trace").stat()

    pytester.runpytest_inprocess().assert_outcomes(passed=1, failed=2)
    result = pytester.runpytest_inprocess("--vmfuzz-update", "--vmfuzz-report=out")
    again = pytester.runpytest_inprocess()

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "replayed 3 traces*: 1 as expected, 2 updated",
            "updated corpus/fails.trace",
            "  expected was nothing, is now ACCT.3c at 1",
            "updated corpus/wrong.trace",
            "  line 8: 'err InUse' is now 'ok'",
        ]
    )
    again.assert_outcomes(passed=3)
    after = (folder / "clean.trace").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert not [path for path in folder.iterdir() if path.suffix != ".trace"]
    document = json.loads((pytester.path / "out" / "traces.json").read_text())
    assert [record["verdict"] for record in document["traces"]] == ["ok", "updated", "updated"]


def test_the_text_of_steps_is_what_the_tests_say() -> None:
    assert parse(CLEAN).ops == parse(f"#vmfuzz-trace 1\nworld\n{STEPS}").ops


def test_line_ends_and_permissions_stay(pytester: pytest.Pytester) -> None:
    pytester.makeini(SETTINGS)
    path = pytester.mkdir("corpus") / "it.trace"
    path.write_bytes(CLEAN.replace("=s0)", "=s0) => err Busy").replace("\n", "\r\n").encode())
    path.chmod(0o640)

    pytester.runpytest_inprocess("--vmfuzz-update").assert_outcomes(passed=1)

    after = path.read_bytes()
    assert b"(segment=s0) => ok\r\n" in after
    assert after.count(b"\n") == after.count(b"\r\n")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_read_only_file_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makeini(SETTINGS)
    path = pytester.mkdir("corpus") / "it.trace"
    path.write_text(FAILS)
    path.chmod(0o444)

    result = pytester.runpytest_inprocess("--vmfuzz-update")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*cannot write: the file is read-only*"])
    assert path.read_text() == FAILS


def test_what_is_recorded_of_a_skipped_step_cannot_be_accepted(pytester: pytest.Pytester) -> None:
    pytester.makeini(SETTINGS)
    path = pytester.mkdir("corpus") / "it.trace"
    text = CLEAN.replace("=s0)", "=s7) => ok")
    path.write_text(text)

    result = pytester.runpytest_inprocess("--vmfuzz-update")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["corpus/it.trace:4: step 1 (segment_clone) was skipped: s7 *"])
    assert path.read_text() == text


def test_a_wrong_outcome_before_it_does_not_hide_a_skipped_step() -> None:
    text = CLEAN.replace("=s0)", "=s0) => err Busy") + "s2 = segment_clone(segment=s7) => ok\n"

    with pytest.raises(TraceFailed, match=r"x\.trace:5: step 2 \(segment_clone\) was skipped"):
        updated(text, parse(text), Path("x.trace"))
