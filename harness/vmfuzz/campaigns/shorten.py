"""Makes a corpus small that shows all that it shows: few traces, each cut down to what it is for.

Chosen greedily by how much new a trace shows for its length, then each in turn loses the steps
without which the corpus still shows everything. A trace may show less than before, the corpus never
does; it may show more, as steps become neighbours.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from heapq import heapify, heappop, heappush
from typing import Final

from vmfuzz.campaigns.check import features_of
from vmfuzz.engines.interface import Plan
from vmfuzz.trace import Step, Trace

Cells = frozenset[int]
_UNCHECKED: Final = Plan(checks=frozenset())  # what a trace shows does not hang on it


def cover(sizes: Mapping[str, int], features: Mapping[str, Cells]) -> list[str]:
    """Return names that show every feature together, the one that shows most per size first.

    Requires: both have the same names, and sizes are above 0. Ties go by name.
    """
    queue = [(-len(shown) / sizes[name], name) for name, shown in features.items()]
    heapify(queue)
    have: set[int] = set()
    chosen: list[str] = []
    while queue:
        _, name = heappop(queue)
        fresh = len(features[name] - have)
        worth = -fresh / sizes[name]  # it only falls, so that the first that is still first is best
        if fresh and queue and (worth, name) > queue[0]:
            heappush(queue, (worth, name))
        elif fresh:
            chosen.append(name)
            have |= features[name]
    return chosen


def shortened(
    traces: Mapping[str, Trace], features: Mapping[str, Cells], goes_on: Callable[[], bool]
) -> Iterator[tuple[Trace, Cells]]:
    """Yield each trace that is still needed, cut down, and what it shows; the last one first.

    Once `goes_on` says no, traces are yielded as they are.
    """
    owners = Counter(cell for shown in features.values() for cell in shown)
    for name in reversed(list(traces)):
        alone = frozenset(cell for cell in features[name] if owners[cell] == 1)
        owners.subtract(features[name])
        if not alone:
            continue
        trace, shown = traces[name], features[name]
        if goes_on():
            trace, shown = _cut_down(trace, alone)
        owners.update(shown)
        yield trace, shown


def _cut_down(trace: Trace, wanted: Cells) -> tuple[Trace, Cells]:
    """Return the trace without steps that the wanted features do not need, and what it shows."""
    trace, shown = _tried(trace)
    size = max(1, len(trace.steps) // 2)
    while True:
        before, at = len(trace.steps), 0
        while at < len(trace.steps):
            steps = trace.steps[:at] + trace.steps[at + size :]
            shorter, seen = _tried(replace(trace, steps=steps))
            if steps and wanted <= seen:
                trace, shown = shorter, seen
            else:
                at += size
        if size > 1:
            size //= 2
        elif len(trace.steps) == before:
            return trace, shown


def _tried(trace: Trace) -> tuple[Trace, Cells]:
    """Return the steps of a trace that ran, and the features it shows."""
    features, result = features_of(trace, _UNCHECKED)
    ran = [Step(s.op) for s, came in zip(trace.steps, result.outcomes, strict=True) if came]
    return replace(trace, steps=ran), frozenset(features)
