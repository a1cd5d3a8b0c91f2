"""The tables of `bench faults`: words and figures in rows, for a terminal or a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from vmfuzz.amounts import counted
from vmfuzz.bench.clause_matrix import Effect
from vmfuzz.bench.exempt import EXEMPT
from vmfuzz.bench.statistics import Spread
from vmfuzz.bench.summary import (
    STAGES,
    CellRow,
    Comparison,
    ComponentRow,
    PTest,
    cell_rows,
    comparisons,
    component_rows,
)
from vmfuzz.bench.trial import Trial
from vmstore.faults import FAULT_BY_ID

_SURE = 0.05  # p value below which a difference is called one


@dataclass(frozen=True, slots=True)
class Grid:
    """One table. Shape: a cell per heading in each row; `numbers` are the columns of figures."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: tuple[int, ...] = ()


def result_tables(trials: Sequence[Trial], p_test: PTest | None) -> list[Grid]:
    """Return the tables of a measurement: by bug, by component, and by two engines if compared."""
    rows = cell_rows(trials)
    found = [cell_table(rows), component_table(component_rows(rows))]
    if p_test is not None:
        found += [comparison_table(comparisons(trials, p_test))]
    return found


def cell_table(rows: Sequence[CellRow]) -> Grid:
    """Return three rows per bug and engine, one per stage: 100 columns have room for that."""
    headings = ("bug", "stage", "trials", "steps", "seconds")
    return Grid(headings, [line for row in rows for line in _cell(row)], (2, 3, 4))


def _cell(row: CellRow) -> Iterator[tuple[str, ...]]:
    length = "not found" if row.length is None else counted(row.length, "op")
    told = (row.fault, f"  {row.engine}: {length}", f"  {row.signature or '-'}")
    for text, stage in zip(told, STAGES[:3], strict=True):
        trials = f"{row.counts[stage]}/{row.trials}"
        yield (text, stage, trials, _steps(row.steps[stage]), _seconds(row.seconds[stage]))
    if row.counts["named"] < row.counts["reported"]:
        expected = f"  expected: {FAULT_BY_ID[row.fault].clause}"
        trials = f"{row.counts['named']}/{row.trials}"
        steps, seconds = _steps(row.steps["named"]), _seconds(row.seconds["named"])
        yield (expected, "named", trials, steps, seconds)


def _steps(found: Spread | None) -> str:
    return f"{found.median:,.0f} [{found.low:,.0f}, {found.high:,.0f}]" if found else "-"


def _seconds(found: Spread | None) -> str:
    return f"{found.median:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else "-"


def component_table(rows: Sequence[ComponentRow]) -> Grid:
    """Return a row per component and engine."""
    headings = ("component", "engine", "bugs", "found", "seconds", "steps")
    return Grid(headings, [_component(row) for row in rows], (2, 3, 4, 5))


def _component(row: ComponentRow) -> tuple[str, ...]:
    seconds = "-" if row.seconds is None else f"{row.seconds:.2f}"
    steps = "-" if row.steps is None else f"{row.steps:,.0f}"
    return (row.component, row.engine, str(row.faults), str(row.found), seconds, steps)


def comparison_table(found: Sequence[Comparison]) -> Grid:
    """Return a row per two engines: over the bugs that one of them found."""
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in found:
        pairs.setdefault((comparison.first, comparison.second), []).append(comparison)
    headings = ("engines", "bugs", "first is faster", "second is faster", "median A12",
                "both found", "median ratio of seconds")  # fmt: skip
    rows = [_pair(first, second, group) for (first, second), group in pairs.items()]
    return Grid(headings, rows, (1, 2, 3, 4, 5, 6))


def _pair(first: str, second: str, group: list[Comparison]) -> tuple[str, ...]:
    sure = [c for c in group if c.p_value is not None and c.p_value < _SURE]
    ratios = [comparison.ratio for comparison in group if comparison.ratio is not None]
    return (
        f"{first}, {second}",
        str(len(group)),
        str(sum(comparison.a12 > 0.5 for comparison in sure)),
        str(sum(comparison.a12 < 0.5 for comparison in sure)),
        f"{median(comparison.a12 for comparison in group):.2f}",
        str(len(ratios)),
        f"{median(ratios):,.1f}x" if ratios else "-",
    )


def matrix_table(effects: Sequence[Effect]) -> Grid:
    """Return a row per conjunct and bug that is not reported as before without it."""
    cells: dict[tuple[str, str], dict[str, list[Effect]]] = {}
    for effect in effects:
        places = cells.setdefault((effect.conjunct, effect.fault), {})
        places.setdefault(effect.where, []).append(effect)
    rows = [
        (*key, *("; ".join(map(_change, places.get(where, []))) or "-"
                 for where in ("trace", "hunt")))
        for key, places in sorted(cells.items())
    ]  # fmt: skip
    return Grid(("without", "bug", "in its traces", "in a hunt"), rows)


def _change(effect: Effect) -> str:
    if effect.steps_after is None:
        return "escapes"
    if effect.change == "renamed":
        return f"is {effect.after}"
    return f"is {effect.after}, step {effect.steps_after:,} instead of {effect.steps:,}"


def exempt_table() -> Grid:
    """Return a row per conjunct without which nothing changes, with the reason."""
    return Grid(
        ("without", "nothing changes because of", "argument"),
        [
            (id, ", ".join(reason.by) or "the outcome, judged first", reason.argument)
            for id, reason in sorted(EXEMPT.items())
        ],
    )


def foreign(trials: Sequence[Trial]) -> str:
    """Return in words what was found that no planted bug is to blame for; empty if nothing."""
    found = sorted({trial.foreign for trial in trials if trial.foreign is not None})
    if not found:
        return ""
    return f"the clean model gives findings of its own, which count for no bug: {', '.join(found)}"


def sentence(summary: dict[str, object]) -> str:
    """Return the summary of a measurement in words."""
    missed, wrong = (", ".join(map(str, _ids(summary[key]))) for key in ("missed", "wrong_clause"))
    text = f"found {summary['found']} of {summary['faults']} bugs"
    text += f"; not found: {missed}" if missed else ""
    return text + (f"; under another clause only: {wrong}" if wrong else "")


def _ids(value: object) -> list[object]:
    return value if isinstance(value, list) else []
