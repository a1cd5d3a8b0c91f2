"""Runs stored traces once more: what each ends in, and which features it shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vmfuzz.campaigns.heartbeat import Heartbeat
from vmfuzz.campaigns.messages import encode_found
from vmfuzz.campaigns.news import NewsMap
from vmfuzz.engines.interface import Found, Plan
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.located import in_trace
from vmfuzz.oracle import Session
from vmfuzz.runner import Run, as_expected, run
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load


def features_of(trace: Trace, plan: Plan) -> tuple[list[int], Run]:
    """Return the features that a trace shows, sorted, and what became of it."""
    news = NewsMap()
    news.begin()

    def watch(position: int, session: Session) -> None:
        news.note(session, trace.steps[position].op)

    result = run(trace, checks=plan.checks, strict=plan.strict, watch=watch)
    return sorted(news.seen), result


def check_paths(
    plan: Plan,
    paths: list[str],
    pulse: Heartbeat,
    say: Callable[..., None],
    stop: Callable[[], bool],
) -> None:
    """Run the traces and say what each came to. Effect: one message `checked` for each."""
    for number, name in enumerate(paths):
        if stop():
            return
        pulse.generated(number)
        say("checked", name=name, **_checked(plan, Path(name)))


def _checked(plan: Plan, path: Path) -> dict[str, Any]:
    try:
        trace = load(path)
        with in_trace(shown(path)):
            features, result = features_of(trace, plan)
    except VmfuzzError as error:
        return {"text": str(error)[:2000], "expected": False}
    values: dict[str, Any] = {"news": features, "steps": result.executed}
    values["expected"] = as_expected(trace, result)
    if result.finding is not None:
        values |= encode_found(Found(result.finding, trace, "replay"))
    return values
