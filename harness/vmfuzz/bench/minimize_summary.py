"""What the results of `bench minimize` come to: a row per bug, and one summary per method."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from vmfuzz.bench.shrunk import Shrunk
from vmfuzz.bench.tables import Grid
from vmfuzz.trace_file import load

NEAR: Final = 2  # ops more than the shortest trace known


@dataclass(frozen=True, slots=True)
class MethodRow:
    """What a method made of the starts of one bug. Units: ops; processor seconds."""

    fault: str
    method: str
    known: int | None
    starts: int
    found: float
    median: float
    worst: int
    seconds: float
    slips: int


@dataclass(frozen=True, slots=True)
class MethodSummary:
    """All results of a method.

    `extra` is the median of ops beyond the shortest trace known, `worst_extra` the most, `near`
    the share of results with at most `NEAR`, `near_bugs` that of bugs whose median has; None
    where no shortest trace is known. `limited` counts results that the work limit ended.
    Units: processor seconds, executed steps.
    """

    method: str
    starts: int
    bugs: int
    extra: float | None
    worst_extra: int | None
    near: float | None
    near_bugs: float | None
    seconds: float
    most_seconds: float
    executed: float
    limited: int
    slips: int


def shortest_known(folder: Path) -> dict[str, int]:
    """Return the length of the stored trace of each bug, nothing where there is no such folder.

    Errors: VmfuzzError for a file that is no trace.
    """
    lengths: dict[str, int] = {}
    for path in sorted(folder.glob("*.trace")):
        trace = load(path)
        if len(trace.faults) == 1:
            (fault,) = trace.faults
            lengths[fault] = min(lengths.get(fault, len(trace.steps)), len(trace.steps))
    return lengths


def method_rows(done: Iterable[Shrunk], known: Mapping[str, int]) -> list[MethodRow]:
    """Return a row per bug and method that has a result, in order of appearance."""
    return [
        MethodRow(
            fault,
            method,
            known.get(fault),
            len(cell),
            median(one.found or 0 for one in cell),
            median(_lengths(cell)),
            max(_lengths(cell)),
            median(_seconds(cell)),
            sum(one.has_slipped for one in cell),
        )
        for (fault, method), cell in _cells(done).items()
    ]


def method_summaries(done: Sequence[Shrunk], known: Mapping[str, int]) -> list[MethodSummary]:
    """Return a summary per method that has a result."""
    results = [one for one in done if one.length is not None]
    return [
        _summary(method, [one for one in results if one.method == method], known)
        for method in dict.fromkeys(one.method for one in results)
    ]


def without_start(done: Iterable[Shrunk]) -> list[str]:
    """Return the bugs for which a start was not found, each once."""
    return list(dict.fromkeys(one.fault for one in done if one.length is None))


def _summary(method: str, results: list[Shrunk], known: Mapping[str, int]) -> MethodSummary:
    cells = _cells(results)
    extras = [(one.length or 0) - known[one.fault] for one in results if one.fault in known]
    medians = [
        median(_lengths(cell)) - known[fault]
        for (fault, _), cell in cells.items()
        if fault in known
    ]
    return MethodSummary(
        method,
        len(results),
        len(cells),
        median(extras) if extras else None,
        max(extras, default=None),
        _share(extras),
        _share(medians),
        median(_seconds(results)),
        max(_seconds(results)),
        median(one.executed or 0 for one in results),
        sum(one.is_minimal is False for one in results),
        sum(one.has_slipped for one in results),
    )


def _share(extras: Sequence[float]) -> float | None:
    return sum(extra <= NEAR for extra in extras) / len(extras) if extras else None


def _cells(done: Iterable[Shrunk]) -> dict[tuple[str, str], list[Shrunk]]:
    cells: dict[tuple[str, str], list[Shrunk]] = {}
    for one in done:
        if one.length is not None:
            cells.setdefault((one.fault, one.method), []).append(one)
    return cells


def _lengths(cell: Iterable[Shrunk]) -> list[int]:
    return [one.length or 0 for one in cell]


def _seconds(cell: Iterable[Shrunk]) -> list[float]:
    return [one.seconds or 0.0 for one in cell]


def bug_table(rows: Sequence[MethodRow], methods: Sequence[str]) -> Grid:
    """Return a row per bug: shortest known, length found, then length and seconds per method.

    A length is the median of the starts and, after a slash, the worst.
    """
    by_bug: dict[str, dict[str, MethodRow]] = {}
    for row in rows:
        by_bug.setdefault(row.fault, {})[row.method] = row
    columns = [f"{method}{unit}" for method in methods for unit in ("", ", s")]
    lines: list[tuple[str, ...]] = []
    for fault, cells in by_bug.items():
        first = next(iter(cells.values()))
        known = "-" if first.known is None else str(first.known)
        figures = [text for method in methods for text in _figures(cells.get(method))]
        lines.append((fault, known, f"{first.found:g}", *figures))
    headings = ("bug", "known", "found", *columns)
    return Grid(headings, lines, tuple(range(1, len(headings))))


def _figures(row: MethodRow | None) -> tuple[str, str]:
    if row is None:
        return "-", "-"
    return f"{row.median:g}/{row.worst}", f"{row.seconds:.2f}"


def summary_table(summaries: Sequence[MethodSummary]) -> Grid:
    """Return a row per method."""
    headings = ("method", "bugs", "starts", "extra ops", "most", f"within {NEAR}", "seconds",
                "most", "steps", "cut short", "slips")  # fmt: skip
    rows: list[tuple[str, ...]] = [
        (
            s.method,
            str(s.bugs),
            str(s.starts),
            "-" if s.extra is None else f"{s.extra:g}",
            "-" if s.worst_extra is None else str(s.worst_extra),
            "-" if s.near is None else f"{s.near:.1%}",
            f"{s.seconds:.2f}",
            f"{s.most_seconds:.2f}",
            f"{s.executed:,.0f}",
            str(s.limited),
            str(s.slips),
        )
        for s in summaries
    ]
    return Grid(headings, rows, tuple(range(1, len(headings))))
