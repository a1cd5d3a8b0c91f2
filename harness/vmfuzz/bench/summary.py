"""What the trials of a measurement amount to: per cell, per component, per two engines."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from statistics import median
from typing import Final, Literal

from vmfuzz.bench.statistics import Spread, a12, spread
from vmfuzz.bench.trial import Moment, Trial
from vmstore.faults import CATALOGUE, FAULT_BY_ID

Stage = Literal["reached", "triggered", "reported", "named"]
STAGES: Final[tuple[Stage, ...]] = ("reached", "triggered", "reported", "named")
PTest = Callable[[Sequence[float], Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class CellRow:
    """One bug and one engine.

    Shape: `counts`, `steps` and `seconds` by stage; the spreads are over the trials that got there.
    `signature` is the most frequent first one; `length` the least over the trials, in ops.
    """

    fault: str
    engine: str
    trials: int
    counts: dict[Stage, int]
    steps: dict[Stage, Spread | None]
    seconds: dict[Stage, Spread | None]
    signature: str | None
    length: int | None


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """The bugs of one component and one engine. Units: medians over bugs of their medians."""

    component: str
    engine: str
    faults: int
    found: int
    seconds: float | None
    steps: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two engines on one bug. Units: `a12` and `p_value` by processor seconds to the report.

    `p_value` is None where no test was asked for. `ratio` is how many times longer the second one
    took, of medians; None unless both found it.
    """

    fault: str
    first: str
    second: str
    a12: float
    p_value: float | None
    ratio: float | None


def cell_rows(trials: Sequence[Trial]) -> list[CellRow]:
    """Return a row per bug and engine, in the catalogue's order and that of the engines."""
    cells: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        cells.setdefault((trial.fault, trial.engine), []).append(trial)
    order = {fault.id: at for at, fault in enumerate(CATALOGUE)}
    engines = list(dict.fromkeys(trial.engine for trial in trials))
    keys = sorted(cells, key=lambda key: (order[key[0]], engines.index(key[1])))
    return [_cell_row(cells[key]) for key in keys]


def _cell_row(trials: list[Trial]) -> CellRow:
    moments: dict[Stage, list[Moment]] = {
        stage: [m for m in (getattr(trial, stage) for trial in trials) if m is not None]
        for stage in STAGES
    }
    signatures = Counter(trial.signature for trial in trials if trial.signature is not None)
    return CellRow(
        fault=trials[0].fault,
        engine=trials[0].engine,
        trials=len(trials),
        counts={stage: len(seen) for stage, seen in moments.items()},
        steps={stage: spread([m.steps for m in seen]) for stage, seen in moments.items()},
        seconds={stage: spread([m.seconds for m in seen]) for stage, seen in moments.items()},
        signature=signatures.most_common(1)[0][0] if signatures else None,
        length=min((trial.length for trial in trials if trial.length is not None), default=None),
    )


def component_rows(rows: Sequence[CellRow]) -> list[ComponentRow]:
    """Return a row per component and engine, and one per engine over all, called `all`."""
    groups: dict[tuple[str, str], list[CellRow]] = {}
    for row in rows:
        groups.setdefault((FAULT_BY_ID[row.fault].component, row.engine), []).append(row)
    for row in rows:
        groups.setdefault(("all", row.engine), []).append(row)
    return [_component_row(*key, group) for key, group in groups.items()]


def _component_row(component: str, engine: str, group: list[CellRow]) -> ComponentRow:
    seconds = [found.median for row in group if (found := row.seconds["reported"])]
    steps = [found.median for row in group if (found := row.steps["reported"])]
    return ComponentRow(
        component,
        engine,
        faults=len(group),
        found=len(steps),
        seconds=median(seconds) if seconds else None,
        steps=median(steps) if steps else None,
    )


def comparisons(trials: Sequence[Trial], p_test: PTest | None = None) -> list[Comparison]:
    """Compare every two engines on every bug that one of them found; a miss ranks last."""
    times: dict[str, dict[str, list[float]]] = {}
    for trial in trials:
        seconds = trial.reported.seconds if trial.reported is not None else inf
        times.setdefault(trial.fault, {}).setdefault(trial.engine, []).append(seconds)
    engines = list(dict.fromkeys(trial.engine for trial in trials))
    found: list[Comparison] = []
    for fault, by_engine in times.items():
        for first, second in combinations([e for e in engines if e in by_engine], 2):
            a, b = by_engine[first], by_engine[second]
            if min(a) < inf or min(b) < inf:
                found.append(_comparison(fault, first, second, a, b, p_test))
    return found


def _comparison(
    fault: str, first: str, second: str, a: list[float], b: list[float], p_test: PTest | None
) -> Comparison:
    found_a, found_b = ([value for value in values if value < inf] for values in (a, b))
    ratio = median(found_b) / median(found_a) if found_a and found_b else None
    p_value = p_test(a, b) if p_test is not None else None
    return Comparison(fault, first, second, a12(a, b), p_value, ratio)


def verdict(trials: Sequence[Trial]) -> dict[str, object]:
    """Return what a script asks: how many bugs, how many found, which were missed or misnamed.

    A bug is found if some engine found it in some trial; `wrong_clause` has those never found
    under the clause that the catalogue expects.
    """
    order = list(dict.fromkeys(trial.fault for trial in trials))
    found = {trial.fault for trial in trials if trial.reported is not None}
    named = {trial.fault for trial in trials if trial.named is not None}
    return {
        "faults": len(order),
        "found": len(found),
        "missed": [fault for fault in order if fault not in found],
        "wrong_clause": [f for f in order if f in found and f not in named],
    }
