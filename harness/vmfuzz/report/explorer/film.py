"""A trace as a film: what each step did, and by how much the state differs from the one before.

The result is JSON values, small enough to be put into a page: of a long trace the first and the
last steps, of a large machine the pages that matter to the last step.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from vmfuzz.finding import Finding
from vmfuzz.oracle import Session
from vmfuzz.outcome_text import format_outcome
from vmfuzz.report.explorer.records import LIMIT, Scene
from vmfuzz.report.explorer.scene import scene
from vmfuzz.report.story import event_text
from vmfuzz.runner import Run, run
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_op, format_world
from vmstore.arch import PAGE_SIZE
from vmstore.clauses import CLAUSES
from vmstore.clauses.own import OWN_CLAUSES
from vmstore.outcome import Abort, Diverges, Panic

Json = dict[str, Any]
VERSION: Final = 1
MAX_BYTES: Final = 1_500_000
_WINDOWS: Final = (300, 100, 30, 10, 4, 2, 1)  # steps kept at either end, until the film fits
_WORK: Final = 200_000  # subjects looked at in one half of a film
_TEXT: Final = 600  # characters of an op, an outcome or a witness
_EVENTS: Final = 40
_OTHERS: Final = 20
_SLOT: Final = re.compile(r"\bslot (0x[0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which steps and pages are filmed. Units: `end` is exclusive."""

    end: int
    window: int
    pages: frozenset[int] | None

    def is_kept(self, position: int) -> bool:
        return position < self.window or position >= self.end - self.window


def film(
    trace: Trace,
    faults: tuple[str, ...] = (),
    *,
    strict: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Json:
    """Replay a trace and return all that the explorer shows of it.

    Shape: `steps` has an item per step with `set` and `del`, the difference to the item before, or
    an item `gap` for steps that are left out; `finding` is None for a clean run. The same trace
    gives the same film. Units: `max_bytes` of compact JSON.
    Errors: as `runner.run`.
    """
    result, plan = _scouted(trace, faults, strict=strict)
    document: Json = {}
    for window in (w for w in _WINDOWS if w == plan.window or w < min(plan.window, plan.end / 2)):
        document = _shot(trace, faults, replace(plan, window=window), result, strict=strict)
        if len(json.dumps(document, separators=(",", ":"))) <= max_bytes:
            return document
    return {**document, "steps": [_without_state(item) for item in document["steps"]],
            "is_cut": True}  # fmt: skip


def _scouted(trace: Trace, faults: tuple[str, ...], *, strict: bool) -> tuple[Run, _Plan]:
    """Run once without a camera, to know where the trace ends and how much there is to see."""
    last: tuple[int, Session] | None = None

    def watch(position: int, session: Session) -> None:
        nonlocal last
        last = position, session

    result = run(trace, faults=faults, strict=strict, watch=watch)
    end = max([last[0] if last else 0, *result.skipped]) + 1
    if result.finding is not None:
        end = result.finding.step + 1
    end = min(end, len(trace.steps))
    if last is None:
        return result, _Plan(end, _WINDOWS[0], None)
    store, cells = last[1].view.store, last[1].machine.cells
    seen = store.owners.keys() | cells.slots.keys()
    touched = {owner.index for owner in store.touched} | {r[0].index for r in cells.journal}
    tables = last[1].view.spaces.tables.values()
    work = min(len(seen), LIMIT) + sum(len(table.entries) for table in tables)
    window = max((w for w in _WINDOWS if w * work <= _WORK), default=1)
    return result, _Plan(end, window, _chosen(result.finding, touched, seen))


def _chosen(finding: Finding | None, touched: set[int], seen: set[int]) -> frozenset[int] | None:
    """Return the pages to film, None for all: what broke, what the last step touched, the first."""
    if len(seen) <= LIMIT:
        return None
    page = _page_of(finding)
    named = [int(page, 16) // PAGE_SIZE] if page else []
    ordered = [*named, *sorted(touched)[: LIMIT // 2], *sorted(seen)]
    return frozenset(list(dict.fromkeys(ordered))[:LIMIT])


def _shot(trace: Trace, faults: tuple[str, ...], plan: _Plan, result: Run, *, strict: bool) -> Json:
    items: dict[int, Json] = {}
    last: Scene = {}
    bridge = _bridge(plan, result)

    def watch(position: int, session: Session) -> None:
        nonlocal last
        if not plan.is_kept(position) and position != bridge:
            return
        now = scene(session.state, plan.pages)
        items[position] = {**_seen(session), **difference(last, now)}
        last = now

    run(trace, faults=faults, strict=strict, watch=watch)
    return {
        "version": VERSION,
        "world": format_world(trace.world),
        "frames": trace.world.frames,
        "pages": trace.world.pages,
        "levels": trace.world.levels,
        "clauses": len(CLAUSES) + len(OWN_CLAUSES),
        "comment": [_cut(line) for line in trace.comment[:_OTHERS]],
        "faults": [*trace.faults, *faults],
        "total": len(trace.steps),
        "ended": plan.end,
        "hidden_pages": plan.pages is not None,
        "steps": list(_items(trace, plan, result, items)),
        "finding": _finding(result.finding),
    }


def _bridge(plan: _Plan, result: Run) -> int:
    """Return the last executed step that is not shown, whose state the shown ones continue."""
    left_out = range(plan.window, plan.end - plan.window)
    return max((at for at in left_out if result.outcomes[at] is not None), default=-1)


def _items(trace: Trace, plan: _Plan, result: Run, items: dict[int, Json]) -> Iterator[Json]:
    middle = range(plan.window, plan.end - plan.window)
    item: Json
    for position in range(plan.end):
        if position in middle:
            if position == middle[0]:
                changes = items.get(_bridge(plan, result), {})
                item = {name: changes[name] for name in ("set", "del") if name in changes}
                yield {"gap": len(middle), "n": position} | item
            continue
        outcome = result.outcomes[position]
        item = {"n": position, "op": _cut(format_op(trace.steps[position].op))}
        if outcome is not None:
            item["out"] = _cut(format_outcome(outcome))
        if position in result.skipped:
            item["skip"] = _cut(result.skipped[position])
        item |= items.get(position, {})
        if _is_refused(result.finding, position):
            item.pop("expected", None)
        yield item


def _is_refused(finding: Finding | None, position: int) -> bool:
    """Return whether the view did not accept the outcome of a step, and did not follow it."""
    return finding is not None and finding.step == position and finding.clause.startswith("OUT.")


def _seen(session: Session) -> Json:
    """Return what could be seen from outside, and what the view expected where that differs."""
    seen, expected = session.machine.events, session.view.events
    found = {"events": [event_text(event) for event in seen[:_EVENTS]]}
    if len(seen) > _EVENTS:
        found["events"].append(f"and {len(seen) - _EVENTS} more")
    has_returned = not isinstance(session.outcome, Panic | Abort | Diverges)
    if seen != expected and has_returned and not session.is_poked:
        found["expected"] = [event_text(event) for event in expected[:_EVENTS]] or ["no event"]
    return {name: texts for name, texts in found.items() if texts}


def difference(before: Scene, after: Scene) -> Json:
    """Return `set` and `del`: what makes `after` out of `before`; each only where it is needed."""
    changed = {name: row for name, row in after.items() if before.get(name) != row}
    gone = [name for name in before if name not in after]
    parts: Json = {"set": changed, "del": gone}
    return {name: part for name, part in parts.items() if part}


def _finding(found: Finding | None) -> Json | None:
    if found is None:
        return None
    return {
        "clause": found.clause,
        "op": found.op,
        "step": found.step,
        "text": _cut(found.text),
        "source": _cut(found.source),
        "witness": _cut(found.witness),
        "page": _page_of(found),
        "others": [
            {"clause": other.clause, "text": _cut(other.text), "witness": _cut(other.witness)}
            for other in found.others[:_OTHERS]
        ],
        "more": max(0, len(found.others) - _OTHERS),
    }


def _page_of(found: Finding | None) -> str:
    """Return the address of the page that the witness speaks of, nothing where it names none."""
    named = _SLOT.search(found.witness) if found is not None else None
    return named[1] if named is not None else ""


def _without_state(item: Json) -> Json:
    return {name: value for name, value in item.items() if name not in {"set", "del"}}


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else text[:_TEXT] + " ..."
