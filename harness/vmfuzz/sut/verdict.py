"""What the answers to a script amount to: agreement, a refusal, or a finding."""

import json
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from typing import Any, Final

from vmfuzz.comparison import first_difference
from vmfuzz.errors import shown
from vmfuzz.finding import Finding
from vmfuzz.oracle import Session
from vmfuzz.sut.agent import Playback
from vmfuzz.sut.ledger import broken_clauses, reported_counts
from vmfuzz.sut.prediction import Script
from vmstore.clauses import Violation
from vmstore.ops import DECLARATIONS

Json = Any  # what json.loads returns

_SHOWN: Final = 160  # characters of a value in a witness
_SOURCE: Final = "docs/protocol.md"
_FAILURES: Final = {
    "CRASH": "the agent answers every op",
    "HANG": "the agent answers within the time limit",
    "PROTOCOL": "the agent answers each op with one step object, in order",
}


@dataclass(slots=True)
class Verdict:
    """How far a script got. Units: `agreed` counts its steps from the first on.

    At most one of `refused`, the agent's reason, and `finding` is set; `finding.step` is a position
    in the script.
    """

    agreed: int
    refused: str | None = None
    finding: Finding | None = None


def judge(
    script: Script,
    played: Playback,
    session_after: Callable[[int], Session],
    reported: Container[str],
) -> Verdict:
    """Compare the answers with the predictions, in order, up to the first that matters.

    `session_after` returns the model after so many steps of the script; `reported` holds the
    optional fields that the agent gives, and is asked only when one is missing.
    """
    expected = script.expected
    for at, answer in enumerate(played.answers):
        if answer is expected[at]:  # as the reader has seen already
            continue
        out = answer["out"]
        if "refused" in out:
            return Verdict(at, refused=shown(out["refused"])[:_SHOWN])
        difference = first_difference(expected[at], answer, reported)
        if difference is not None:
            answers = played.answers[: at + 1]
            broken = broken_clauses(session_after(at + 1), reported_counts(answers))
            return Verdict(at, finding=_divergence(script, at, difference, broken))
    done = len(played.answers)
    if played.failure is not None:
        return Verdict(done, finding=_failure(script, played))
    if script.finding is not None:
        return Verdict(done, finding=replace(script.finding, step=done - 1))
    session = session_after(done)
    if session.is_over:  # after a panic or abort other rules hold, which the session has checked
        return Verdict(done)
    broken = broken_clauses(session, reported_counts(played.answers))
    return Verdict(done, finding=_broken(script, broken) if broken else None)


def _divergence(
    script: Script, at: int, difference: tuple[str, Json, Json], broken: tuple[Violation, ...]
) -> Finding:
    name, wanted, found = difference
    return Finding(
        f"DIVERGE.{name}",
        _op_name(script, at),
        at,
        "the agent's answer is the one that the model predicts",
        _SOURCE,
        f"{name}: the agent has {_brief(found)}, the model {_brief(wanted)}",
        script.outcomes[at],
        broken,
    )


def _failure(script: Script, played: Playback) -> Finding:
    """Blame the op that has no answer; the last one, when they all have."""
    assert played.failure is not None
    at = min(len(played.answers), len(script.names) - 1)
    kind, text = played.failure.kind, played.failure.text
    return Finding(
        f"SUT.{kind}",
        _op_name(script, at),
        at,
        _FAILURES[kind],
        _SOURCE,
        f"the agent {text}",
        words=played.words,
    )


def _broken(script: Script, broken: tuple[Violation, ...]) -> Finding:
    at = len(script.names) - 1
    first = broken[0]
    witness = f"as the agent reports: {first.witness}"
    return Finding(
        first.clause, _op_name(script, at), at, first.text, first.source, witness,
        script.outcomes[at], broken[1:],
    )  # fmt: skip


def _op_name(script: Script, at: int) -> str:
    return DECLARATIONS[type(script.ops[at])].name


def _brief(value: Json) -> str:
    if value is None:
        return "nothing"
    text = shown(json.dumps(value))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
