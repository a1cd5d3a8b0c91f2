"""Amounts over time, and small charts of them, drawn by hand: a line, two axes, the runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from vmfuzz.campaigns.events import FindingSeen, Progress, Start, Tally
from vmfuzz.report.folder.reading import Folder

Point = tuple[float, float]
_MOST: Final = 240  # points of one line
_WIDTH, _HEIGHT = 460, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 12, 24


@dataclass(frozen=True, slots=True)
class Curve:
    """One amount over campaign time. Units: a point is (seconds, `unit`)."""

    name: str
    unit: str
    points: tuple[Point, ...]
    is_stepped: bool = False


def curves(folder: Folder) -> list[Curve]:
    """Return what the log has over time: only what was ever more than nothing."""
    progress = list(folder.of(Progress))
    cells = [(event.t, float(sum(map(len, event.ops.values())))) for event in folder.of(Tally)]
    found = [
        Curve("Features", "kinds of situation", _line((p.t, p.features) for p in progress)),
        Curve("Outcomes", "op × outcome cells reached", _line(cells)),
        Curve("Speed", "checked steps per second", tuple(_rates(folder))),
        Curve("Findings", "signatures", tuple(_findings(folder, progress)), is_stepped=True),
        Curve("Corpus", "traces kept", _line((p.t, p.corpus) for p in progress)),
    ]
    return [curve for curve in found if any(value for _, value in curve.points)]


def _line(points: Iterable[tuple[float, float]]) -> tuple[Point, ...]:
    """Return nothing at the beginning, then at most `_MOST` of the points, the last among them."""
    every = [(t, float(value)) for t, value in points]
    stride = -(-len(every) // _MOST) or 1
    return ((0.0, 0.0), *every[::-1][::stride][::-1])


def _rates(folder: Folder) -> Iterator[Point]:
    """Yield steps per second since the point before, in the same run or since its start."""
    amounts: list[tuple[float, int, int]] = []
    steps = 0
    for event in folder.log.events:
        if isinstance(event, Progress | Start):
            steps = event.steps if isinstance(event, Progress) else steps
            amounts.append((event.t, event.run, steps))
    stride = -(-len(amounts) // _MOST) or 1
    kept = amounts[::-1][::stride][::-1]
    for before, after in pairwise(kept):
        seconds = after[0] - before[0]
        if before[1] == after[1] and seconds > 0:
            yield after[0], max(0.0, (after[2] - before[2]) / seconds)


def _findings(folder: Folder, progress: list[Progress]) -> Iterator[Point]:
    seen: set[str] = set()
    yield 0.0, 0.0
    for event in folder.of(FindingSeen):
        if event.signature not in seen:
            seen.add(event.signature)
            if len(seen) <= _MOST:
                yield event.t, float(len(seen))
    if progress:
        yield progress[-1].t, float(len(seen))


def run_starts(folder: Folder) -> list[float]:
    """Return when each run but the first began."""
    return [event.t for event in folder.of(Start)][1:]


def chart(curve: Curve, end: float, starts: list[float]) -> str:
    """Return a curve as an SVG element. Units: `end` and `starts` seconds."""
    end = max(end, 1e-9)
    top = _ceiling(max(value for _, value in curve.points))
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(point: Point) -> tuple[float, float]:
        t, value = point
        return _LEFT + wide * min(t, end) / end, _TOP + high * (1 - value / top)

    path = _path([place(point) for point in curve.points], is_stepped=curve.is_stepped)
    last, most = curve.points[-1][1], max(value for _, value in curve.points)
    label = f"{curve.name}: {curve.unit} over {duration(end)}; at the end {short(last)}"
    label += f", at most {short(most)}" if most != last else ""
    lines = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">',
        f'<path class="axis" d="M{_LEFT} {_TOP}V{_TOP + high}H{_LEFT + wide}"/>',
    ]
    for share in (0.0, 0.5, 1.0):
        y = _TOP + high * (1 - share)
        lines.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_LEFT + wide}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="y">{short(top * share)}</text>')
    for t in starts[:50]:
        x = place((t, 0))[0]
        lines.append(f'<path class="run" d="M{x:.1f} {_TOP}V{_TOP + high}"/>')
    lines += [
        f'<path class="line" d="{path}"/>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">0</text>',
        f'<text x="{_LEFT + wide}" y="{_HEIGHT - 6}" class="y">{duration(end)}</text></svg>',
    ]
    return "".join(lines)


def _path(points: list[Point], *, is_stepped: bool) -> str:
    (x, y), *rest = points
    found = [f"M{x:.1f} {y:.1f}"]
    for x, y in rest:
        found.append(f"H{x:.1f}V{y:.1f}" if is_stepped else f"L{x:.1f} {y:.1f}")
    return "".join(found)


def _ceiling(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50, ... that is not less."""
    if value <= 1:
        return 1.0
    scale = 1.0
    while True:
        for step in (1, 2, 5):
            if value <= step * scale:
                return step * scale
        scale *= 10


def short(value: float) -> str:
    """Return a number as a label: `950`, `12.5k`, `3M`."""
    for size, mark in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{mark}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a length of time as people write it: `45 s`, `12 min`, `8 h 20 min`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"
