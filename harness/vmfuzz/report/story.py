"""What a trace did, step by step: outcome, and every page, handle and list that changed."""

from dataclasses import dataclass
from typing import Final

from vmfuzz.finding import Finding
from vmfuzz.oracle import Session
from vmfuzz.outcome_text import format_outcome
from vmfuzz.report.picture import Picture, picture
from vmfuzz.runner import run
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_op
from vmstore.exec.machine import Event

ABSENT: Final = ""  # a subject that is not live


@dataclass(frozen=True, slots=True)
class Change:
    """One subject that a step changed; `before` or `after` is empty when it was not live."""

    subject: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """One step. `outcome` is empty when it was not run, `skipped` then says why.

    `events` are what could be seen from outside meanwhile, in order: flushes, interrupts, frees.
    """

    step: int
    op: str
    outcome: str
    skipped: str
    changes: tuple[Change, ...]
    events: tuple[str, ...]
    before: Picture


@dataclass(frozen=True, slots=True)
class Story:
    """All steps of a trace, and the finding that ended it, if any."""

    chapters: tuple[Chapter, ...]
    finding: Finding | None


def tell(trace: Trace, faults: tuple[str, ...] = (), *, strict: bool = False) -> Story:
    """Run a trace and tell what each step changed. Errors: as `runner.run`.

    Cost: a walk over the live state per step.
    """
    seen: dict[int, tuple[Picture, Picture, tuple[str, ...]]] = {}
    last: Picture = {}

    def watch(position: int, session: Session) -> None:
        nonlocal last
        now = picture(session.state)
        seen[position] = (last, now, tuple(map(event_text, session.machine.events)))
        last = now

    result = run(trace, faults=faults, strict=strict, watch=watch)
    chapters = []
    for position, step in enumerate(trace.steps):
        before, after, events = seen.get(position, ({}, {}, ()))
        outcome = result.outcomes[position]
        reached = position in seen or position in result.skipped
        chapters.append(
            Chapter(
                position,
                format_op(step.op),
                format_outcome(outcome) if outcome is not None else "",
                result.skipped.get(position, "" if reached else "the trace had ended"),
                changes(before, after),
                events,
                before,
            )
        )
    return Story(tuple(chapters), result.finding)


_EVENTS: Final = {
    "tlb_addr": "CPU {} flushes page {:#x}",
    "tlb_range": "CPU {} flushes [{:#x}, {:#x})",
    "tlb_all": "CPU {} flushes everything",
    "ipi": "CPU {} interrupts CPU {}",
    "cr3": "CPU {} loads the root of {}",
    "on_drop": "{} of page {:#x} is dropped: {}",
    "freed": "page {:#x} is free",
}


def event_text(event: Event) -> str:
    """Return an event as a sentence."""
    name, *parts = event
    return _EVENTS[str(name)].format(*parts)


def changes(before: Picture, after: Picture) -> tuple[Change, ...]:
    """Return what differs, in the order of the pictures: what is new or changed, then what went."""
    gone = [subject for subject in before if subject not in after]
    return tuple(
        Change(subject, before.get(subject, ABSENT), after.get(subject, ABSENT))
        for subject in (*after, *gone)
        if before.get(subject) != after.get(subject)
    )
