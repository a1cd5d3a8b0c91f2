"""Write the tables and the picture of `benchmarks.md` anew from the recorded results.

`python docs/benchmarks.py` reads `results/`; with files as arguments, it first puts there what they
hold: records of `vmfuzz bench faults --out`, and the output of `--by-clause --json` as a file named
`*.json`. The results are the records without traces, one row per trial.
"""

import csv
import json
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from math import log10
from pathlib import Path
from statistics import median
from typing import Any, Final

from vmfuzz.bench.clause_matrix import Effect
from vmfuzz.bench.machine import about_machine
from vmfuzz.bench.record import RECORD
from vmfuzz.bench.statistics import Spread
from vmfuzz.bench.summary import (
    STAGES,
    CellRow,
    cell_rows,
    comparisons,
    component_rows,
    verdict,
)
from vmfuzz.bench.tables import Grid, component_table, exempt_table, matrix_table, sentence
from vmfuzz.bench.trial import Moment, Trial

DOCS: Final = Path(__file__).parent
PAGE: Final = DOCS / "benchmarks.md"
PICTURE: Final = DOCS / "results" / "faults.svg"
_TRIALS: Final = DOCS / "results" / "faults.csv"
_MATRIX: Final = DOCS / "results" / "clauses.json"
_MACHINE: Final = DOCS / "results" / "machine.json"
_PLAIN: Final = ("fault", "engine", "trial", "seed", "limit", "signature", "length")


# -- results ---------------------------------------------------------------------------------------


def trials() -> list[Trial]:
    """Return the recorded trials, without their traces."""
    with _TRIALS.open(encoding="utf-8", newline="") as file:
        return [_trial(row) for row in csv.DictReader(file)]


def _trial(row: dict[str, str]) -> Trial:
    moments = {
        stage: Moment(float(row[f"{stage}_s"]), int(row[f"{stage}_steps"])) if row[f"{stage}_s"]
        else None
        for stage in STAGES
    }  # fmt: skip
    return Trial(
        row["fault"],
        row["engine"],
        int(row["trial"]),
        int(row["seed"]),
        float(row["limit"]),
        **moments,
        signature=row["signature"] or None,
        length=int(row["length"]) if row["length"] else None,
    )


def effects() -> list[Effect]:
    """Return the recorded matrix."""
    return [Effect(**item) for item in json.loads(_MATRIX.read_text(encoding="utf-8"))]


def keep(records: Sequence[Path]) -> None:
    """Put the trials of some records, or a matrix, into the results; others there are replaced."""
    matrices = [path for path in records if path.suffix == ".json"]
    for path in matrices:
        found = json.loads(path.read_text(encoding="utf-8"))["effects"]
        lines = ",\n".join(json.dumps(effect) for effect in found)
        _MATRIX.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    done = [trial for path in records if path not in matrices for trial in RECORD.read(path)]
    if not done:
        return
    columns = [*_PLAIN, *(f"{stage}_{unit}" for stage in STAGES for unit in ("s", "steps"))]
    with _TRIALS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for trial in done:
            moments = [getattr(trial, stage) for stage in STAGES]
            cells = [cell for m in moments for cell in ((m.seconds, m.steps) if m else ("", ""))]
            writer.writerow([*(getattr(trial, name) for name in _PLAIN), *cells])
    about = about_machine() | {"hypothesis": version("hypothesis")}
    _MACHINE.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


# -- the page --------------------------------------------------------------------------------------


def page() -> str:
    """Return the page as it should be."""
    done = trials()
    swarm = [trial for trial in done if trial.engine == "swarm"]
    parts = {
        "machine": _about(),
        "all": _all(swarm),
        "components": _table(component_table(component_rows(cell_rows(swarm)))),
        "bugs": _table(_bugs(cell_rows(swarm))),
        "against": _against(done),
        "pairs": _table(_pairs(done)),
        "matrix": _table(matrix_table(effects())),
        "exempt": _table(exempt_table()),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, part in parts.items():
        pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"benchmarks.md has no part {name}")
        text = pattern.sub(lambda found, part=part: found[1] + part + "\n" + found[2], text)
    return text


def _about() -> str:
    about: dict[str, Any] = json.loads(_MACHINE.read_text(encoding="utf-8"))
    return (
        f"{about['implementation']} {about['python']}, Hypothesis {about['hypothesis']},"
        f" {about['system']}, a virtual machine with {about['cores']} cores."
    )


def _all(done: Sequence[Trial]) -> str:
    times = [trial.reported.seconds for trial in done if trial.reported is not None]
    steps = [trial.reported.steps for trial in done if trial.reported is not None]
    named = sum(trial.named is not None for trial in done)
    limit = max(trial.limit for trial in done)
    return (
        f"{len(done)} trials of at most {limit:g} s: {sentence(verdict(done))}."
        f" {len(times)} trials found the bug, {named} under the clause that names it,"
        f" {sum(t <= 1 for t in times)} within 1 s and {sum(t <= 10 for t in times)} within 10 s;"
        f" median {median(times):.2f} s and {median(steps):,.0f} steps, at most {max(times):.1f} s"
        f" and {max(steps):,} steps."
    )


def _bugs(rows: Sequence[CellRow]) -> Grid:
    headings = ("bug", "reached, triggered, reported, named of trials", "reported as",
                "steps to reach", "to trigger", "to report", "seconds", "ops")  # fmt: skip
    return Grid(headings, [_bug(row) for row in rows], (3, 4, 5, 6, 7))


def _bug(row: CellRow) -> tuple[str, ...]:
    steps = [f"{found.median:,.0f}" if (found := row.steps[stage]) else "-" for stage in STAGES[:2]]
    found = row.steps["reported"]
    spread = f"{found.median:,.0f} [{found.low:,.0f}, {found.high:,.0f}]" if found else "-"
    spent = row.seconds["reported"]
    seconds = f"{spent.median:.2f} [{spent.low:.2f}, {spent.high:.2f}]" if spent else "-"
    counts = ", ".join(str(count) for count in row.counts.values())
    name = f"`{row.signature}`" if row.signature else "-"
    length = str(row.length or "-")
    return (f"`{row.fault}`", f"{counts} of {row.trials}", name, *steps, spread, seconds, length)


def _sample(done: Sequence[Trial]) -> list[Trial]:
    """Return the trials of both engines on the bugs that both were asked for."""
    asked = {trial.fault for trial in done if trial.engine == "hypothesis"}
    return [trial for trial in done if trial.fault in asked]


def _against(done: Sequence[Trial]) -> str:
    sample = _sample(done)
    found = comparisons(sample)
    ratios = sorted(c.ratio for c in found if c.ratio is not None)
    asked = len({trial.fault for trial in sample})
    slow = [trial for trial in sample if trial.engine == "hypothesis"]
    effect = median(comparison.a12 for comparison in found)
    slowest = max(trial.limit for trial in slow)
    rows = {(row.fault, row.engine): row.seconds["reported"] for row in cell_rows(sample)}
    at_least = [
        (rows[c.fault, "hypothesis"] or Spread(slowest, slowest, slowest)).median / fast.median
        for c in found
        if (fast := rows[c.fault, "swarm"]) is not None
    ]
    return (
        f"Of {asked} bugs, the machine found {len(ratios)} within {slowest:g} s"
        f" ({len(slow)} trials). Where both found it, the machine took {median(ratios):,.0f} times"
        f" as long (median of the ratios of medians; {ratios[0]:,.1f} to {ratios[-1]:,.0f}),"
        f" {sum(ratio >= 100 for ratio in ratios)} times at least 100 times as long. With the"
        f" limit for what it missed, the median is {median(at_least):,.0f}, a lower bound. Median"
        f" A12 of the swarm over all {len(found)} bugs: {effect:.2f}."
    )


def _pairs(done: Sequence[Trial]) -> Grid:
    sample = _sample(done)
    rows = {(row.fault, row.engine): row for row in cell_rows(sample)}
    lines = []
    for compared in comparisons(sample):
        cells = [rows[compared.fault, engine] for engine in ("swarm", "hypothesis")]
        times = [f"{found.median:.3f}" if (found := c.seconds["reported"]) else "-" for c in cells]
        counts = [f"{cell.counts['reported']} of {cell.trials}" for cell in cells]
        ratio = "-" if compared.ratio is None else f"{compared.ratio:,.1f}x"
        name = f"`{compared.fault}`"
        effect = f"{compared.a12:.2f}"
        lines.append((name, counts[0], times[0], counts[1], times[1], ratio, effect))
    headings = ("bug", "swarm", "seconds", "Hypothesis", "seconds", "ratio", "A12")
    return Grid(headings, lines, (2, 4, 5, 6))


def _table(grid: Grid) -> str:
    rule = ["--:" if at in grid.numbers else "---" for at in range(len(grid.headings))]
    lines = [f"| {' | '.join(cells)} |" for cells in (grid.headings, *grid.rows)]
    return "\n".join([lines[0], f"|{'|'.join(rule)}|", *lines[1:]])


# -- the picture -----------------------------------------------------------------------------------

_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 300, 50, 20
_FROM, _TO = -3.0, 2.0  # powers of ten of seconds
_COLOURS: Final = {"swarm": "#0969da", "hypothesis": "#bc4c00"}


def picture() -> str:
    """Return the share of trials that had found their bug by a time, per engine, as SVG."""
    done = trials()
    sample = _sample(done)
    lines = [_axes()]
    for at, (engine, colour) in enumerate(_COLOURS.items()):
        group = [trial for trial in sample if trial.engine == engine]
        times = sorted(t.reported.seconds for t in group if t.reported is not None)
        points = [f"{_x(-9):.1f},{_y(0):.1f}"]
        for number, seconds in enumerate(times, 1):
            x = _x(log10(max(seconds, 1e-4)))
            points.append(f"{x:.1f},{_y((number - 1) / len(group)):.1f}")
            points.append(f"{x:.1f},{_y(number / len(group)):.1f}")
        end = log10(max(trial.limit for trial in group))
        points.append(f"{_x(end):.1f},{_y(len(times) / len(group)):.1f}")
        stroke = f'fill="none" stroke="{colour}" stroke-width="2"'
        lines.append(f'<polyline {stroke} points="{" ".join(points)}"/>')
        y = _TOP + 16 + 18 * at
        lines.append(f'<text x="{_LEFT + 10}" y="{y}" fill="{colour}">{engine}</text>')
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
    back = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
    return "\n".join([head, back, *lines, "</svg>", ""])


def _x(power: float) -> float:
    share = (min(max(power, _FROM), _TO) - _FROM) / (_TO - _FROM)
    return _LEFT + share * (_WIDTH - _LEFT - 20)


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_HEIGHT - _TOP - 50)


def _axes() -> str:
    parts = []
    for power in range(int(_FROM), int(_TO) + 1):
        x, bottom = f"{_x(power):.1f}", _y(0)
        parts.append(f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{10.0**power:g}</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = f"{_y(share):.1f}"
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_x(_TO)}" y2="{y}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" text-anchor="end">{share:.0%}</text>')
    middle, below = _WIDTH / 2, _HEIGHT - 12
    title = "processor seconds until the bug was reported, share of trials"
    parts.append(f'<text x="{middle}" y="{below}" text-anchor="middle">{title}</text>')
    return "\n".join(parts)


if __name__ == "__main__":
    keep([Path(name) for name in sys.argv[1:]])
    for path, wanted in ((PAGE, page()), (PICTURE, picture())):
        if not path.exists() or path.read_text(encoding="utf-8") != wanted:
            path.write_text(wanted, encoding="utf-8")
            sys.stdout.write(f"{path.name}: written\n")
