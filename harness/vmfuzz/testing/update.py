"""Rewrites what a trace records to what it comes to now; every other line stays as it is."""

from dataclasses import replace
from pathlib import Path

from vmfuzz.errors import HarnessError
from vmfuzz.finding import Finding
from vmfuzz.outcome_text import format_outcome
from vmfuzz.runner import Run, as_expected, run
from vmfuzz.testing.failure import failure
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_file import load, write_atomically
from vmfuzz.trace_text import parse, split_comment, step_lines


def update_file(path: Path, shown: Path) -> list[str]:
    """Rewrite a trace that does not end as it says; return what was changed, line by line.

    A trace that has neither `fault` nor `expect` lines must run clean, and no update makes a
    finding of the clean model something to be expected.
    Effect: the file is the old one or the new one, whole. Errors: VmfuzzError for what is no
    trace; TraceFailed for what cannot be accepted, and nothing is written.
    """
    trace = load(path)
    text = path.read_bytes().decode("utf-8")  # line ends stay as they are
    after, changes = updated(text, trace, shown)
    write_atomically(path, after)
    return changes


def updated(text: str, trace: Trace, shown: Path) -> tuple[str, list[str]]:
    """Return the text as it should be and what was changed. Requires: `text` is that of `trace`.

    Errors: TraceFailed for a finding, or a skipped step, that cannot be accepted.
    """
    bare = replace(trace, steps=[Step(step.op) for step in trace.steps], expect=())
    result = run(bare)
    found, lines = result.finding, step_lines(text)
    if found is not None and not (trace.faults or trace.expect):
        raise failure(bare, result, shown, lines)
    # What was recorded of a step that does not run cannot be corrected.
    result.unrepeated = [at for at in result.skipped if trace.steps[at].outcome is not None]
    if result.unrepeated:
        raise failure(trace, result, shown, lines)
    edited = text.split("\n")
    changes = _set_outcomes(edited, trace, result, lines)
    changes += _set_expect(edited, trace, found)
    after = "\n".join(edited)
    again = parse(after, str(shown))
    if not as_expected(again, run(again)):
        raise HarnessError(f"{shown}: the updated trace does not end as it says")
    return after, changes


def _set_outcomes(edited: list[str], trace: Trace, result: Run, lines: list[int]) -> list[str]:
    """Replace each recorded outcome that was not repeated. Units: lines from 1."""
    changes = []
    for step, outcome, number in zip(trace.steps, result.outcomes, lines, strict=True):
        if step.outcome is None or outcome is None or step.outcome == outcome:
            continue
        old = edited[number - 1]
        code, comment = split_comment(old.rstrip("\r"))
        call = code[: code.index(")") + 1]
        came = format_outcome(outcome)
        edited[number - 1] = f"{call} => {came}{comment}{_ending(old)}"
        was = format_outcome(step.outcome)
        changes.append(f"line {number}: '{was}' is now '{came}'")
    return changes


def _set_expect(edited: list[str], trace: Trace, found: Finding | None) -> list[str]:
    """Replace the `expect` lines by what was found. Effect: lines may be added and removed."""
    numbers = [at for at, line in enumerate(edited) if line.split(None, 1)[:1] == ["expect"]]
    is_met = found is not None and any(
        (expect.clause, expect.step) == (found.clause, found.step) for expect in trace.expect
    )
    if is_met or (found is None and not numbers):
        return []
    was = ", ".join(f"{expect.clause} at {expect.step}" for expect in trace.expect) or "nothing"
    if found is None:
        for at in reversed(numbers):
            del edited[at]
        return [f"expected was {was}, found is nothing: no expect line any more"]
    wanted = f"expect {found.clause} at {found.step}"
    if numbers:
        _, comment = split_comment(edited[numbers[0]].rstrip("\r"))
        edited[numbers[0]] = wanted + comment + _ending(edited[numbers[0]])
        for at in reversed(numbers[1:]):
            del edited[at]
    else:
        at = max(at for at, line in enumerate(edited) if line.split()[:1] in (["world"], ["fault"]))
        edited.insert(at + 1, wanted + _ending(edited[at]))
    return [f"expected was {was}, is now {found.clause} at {found.step}"]


def _ending(line: str) -> str:
    return "\r" if line.endswith("\r") else ""
