"""Passes that make ops use fewer handles, so that the producers of the others can go."""

from collections.abc import Iterator

from vmfuzz.handle_fields import ALTERNATIVES, ENDS, MAKES, USES, HandleFields
from vmfuzz.minimize.shrinker import Shrinker, rewritten
from vmfuzz.trace import Step


def reuse_earlier_handles(shrinker: Shrinker) -> None:
    """Point each use of a handle to one that was produced before it."""
    at = 0
    while at < len(shrinker.steps):
        for name, kind, _ in USES[type(shrinker.steps[at].op)]:
            if getattr(shrinker.steps[at].op, name) is None:
                continue
            for other in _produced(shrinker.steps[:at], kind):
                if other == getattr(shrinker.steps[at].op, name):
                    break
                steps = list(shrinker.steps)
                steps[at] = rewritten(steps[at], **{name: other})
                if shrinker.propose(steps):
                    break
            if at >= len(shrinker.steps):
                return
        at += 1


def switch_alternatives(shrinker: Shrinker) -> None:
    """Let an op work on a handle of another kind that was produced before the one it works on."""
    at = 0
    while at < len(shrinker.steps):
        choices = ALTERNATIVES[type(shrinker.steps[at].op)]
        for proposal in _switched(shrinker.steps, at, choices):
            if shrinker.propose(proposal):
                break
        at += 1


def _switched(steps: list[Step], at: int, choices: HandleFields) -> Iterator[list[Step]]:
    """Yield the steps with other handles in place of the alternative that step `at` was given."""
    for name, kind, _ in choices:
        given = getattr(steps[at].op, name)
        if given is None:
            continue
        before = next(i for i, step in enumerate(steps) if _makes(step, kind, given))
        for other_name, other_kind, _ in choices:
            if other_name == name:
                continue
            for other in _produced(steps[:before], other_kind):
                changed = rewritten(steps[at], **{name: None, other_name: other})
                yield [*steps[:at], changed, *steps[at + 1 :]]


def merge_handles(shrinker: Shrinker) -> None:
    """Delete the producer of a handle and let its users take an earlier one of its kind.

    If the earlier one is consumed in between, its consumer goes too: a handle that was parked and
    taken back, or listed and popped, need never have left.
    """
    at = 0
    while at < len(shrinker.steps):
        if not _merge(shrinker, at):
            at += 1


def _merge(shrinker: Shrinker, at: int) -> bool:
    steps = shrinker.steps
    for name, kind, _ in MAKES[type(steps[at].op)]:
        gone = getattr(steps[at].op, name)
        for other in _produced(steps[:at], kind):
            before = [step for step in steps[:at] if not _consumes(step, kind, other)]
            rest = [_renamed(step, kind, gone, other) for step in steps[at + 1 :]]
            if shrinker.propose([*before, *rest]):
                return True
    return False


def without_producers(steps: list[Step], user: Step) -> list[Step]:
    """Return the steps without those that define a handle that `user` uses."""
    used = {(kind, getattr(user.op, name)) for name, kind, _ in USES[type(user.op)]}
    return [
        step
        for step in steps
        if not any((kind, getattr(step.op, name)) in used for name, kind, _ in MAKES[type(step.op)])
    ]


def _makes(step: Step, kind: str, handle: int) -> bool:
    return _names(MAKES, step, kind, handle)


def _consumes(step: Step, kind: str, handle: int) -> bool:
    return _names(ENDS, step, kind, handle)


def _names(fields: dict[type, HandleFields], step: Step, kind: str, handle: int) -> bool:
    op = step.op
    return any(of == kind and getattr(op, name) == handle for name, of, _ in fields[type(op)])


def _produced(steps: list[Step], kind: str) -> list[int]:
    """Return the ids of a kind that the steps define, in order of their first definition."""
    found: dict[int, None] = {}
    for step in steps:
        for name, made, _ in MAKES[type(step.op)]:
            if made == kind:
                found[getattr(step.op, name)] = None
    return list(found)


def _renamed(step: Step, kind: str, old: int, new: int) -> Step:
    changes = {
        name: new
        for name, used, _ in USES[type(step.op)]
        if used == kind and getattr(step.op, name) == old
    }
    return rewritten(step, **changes) if changes else step
