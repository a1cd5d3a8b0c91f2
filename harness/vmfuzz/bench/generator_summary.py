"""What each idea of the swarm is worth: the hunts of its variants against its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, sqrt
from statistics import median
from typing import Final

from vmfuzz.bench.statistics import Spread, spread
from vmfuzz.bench.tables import Grid
from vmfuzz.bench.trial import Moment, Trial

_TICK: Final = 1e-4  # seconds, to which a trial's are rounded
_NORMAL_95: Final = 1.96  # standard deviations to either side that hold 95 % of a normal variable


@dataclass(frozen=True, slots=True)
class GeneratorRow:
    """The trials of one generator. `found` counts bugs, `seconds` and `steps` are over the trials.

    Units: processor seconds and executed steps to the first finding.
    """

    generator: str
    faults: int
    found: int
    seconds: Spread | None
    steps: Spread | None


@dataclass(frozen=True, slots=True)
class Worth:
    """The swarm against one variant of it, trial by trial with the same seed.

    Shape: `pairs` are the trials in which both found the bug; a ratio is how many times as much
    the variant needed: its median over them, and from `low` to `high` a 95 % confidence interval of
    that. `only_swarm` and `only_variant` are bugs that one found in some trial, the other in none.
    """

    variant: str
    pairs: int
    seconds: Spread | None
    steps: Spread | None
    only_swarm: list[str]
    only_variant: list[str]


def generator_rows(trials: Sequence[Trial], names: Sequence[str]) -> list[GeneratorRow]:
    """Return a row per generator among `names` that has trials, in that order."""
    groups = _by_engine(trials, names)
    return [_row(short(name), group) for name, group in groups.items() if group]


def short(name: str) -> str:
    """Return the name of a variant without that of its engine; of an engine, its own."""
    engine, _, variant = name.partition(":")
    return variant or engine


def _by_engine(trials: Sequence[Trial], names: Sequence[str]) -> dict[str, list[Trial]]:
    groups: dict[str, list[Trial]] = {name: [] for name in names}
    for trial in trials:
        groups[trial.engine].append(trial)
    return groups


def _row(name: str, group: list[Trial]) -> GeneratorRow:
    moments = [trial.reported for trial in group if trial.reported is not None]
    return GeneratorRow(
        name,
        faults=len({trial.fault for trial in group}),
        found=len(_found(group)),
        seconds=spread([moment.seconds for moment in moments]),
        steps=spread([moment.steps for moment in moments]),
    )


def _found(group: list[Trial]) -> dict[str, None]:
    return dict.fromkeys(trial.fault for trial in group if trial.reported is not None)


def worths(trials: Sequence[Trial], names: Sequence[str]) -> list[Worth]:
    """Compare every generator among `names` that has trials with the first one, in that order."""
    swarm, *variants = names
    groups = _by_engine(trials, names)
    return [_worth(short(name), groups[swarm], groups[name]) for name in variants if groups[name]]


def _worth(name: str, own: list[Trial], group: list[Trial]) -> Worth:
    by_key = {(trial.fault, trial.trial): trial.reported for trial in group}
    pairs: list[tuple[Moment, Moment]] = []
    for trial in own:
        other = by_key.get((trial.fault, trial.trial))
        if trial.reported is not None and other is not None:
            pairs.append((trial.reported, other))
    hunted = {trial.fault for trial in own} & {trial.fault for trial in group}
    by_swarm, by_variant = _found(own), _found(group)
    return Worth(
        name,
        len(pairs),
        seconds=median_interval([max(b.seconds, _TICK) / max(a.seconds, _TICK) for a, b in pairs]),
        steps=median_interval([b.steps / a.steps for a, b in pairs]),
        only_swarm=[f for f in by_swarm if f in hunted and f not in by_variant],
        only_variant=[f for f in by_variant if f in hunted and f not in by_swarm],
    )


def median_interval(values: Sequence[float]) -> Spread | None:
    """Return the median with its 95 % confidence interval, None of nothing.

    The interval is between two order statistics, whatever the distribution: how many values are
    below the median is binomial, here taken for normal. Of fewer than six it is the whole range.
    """
    if not values:
        return None
    ordered = sorted(values)
    amount = len(ordered)
    rank = max(0, floor(amount / 2 - _NORMAL_95 * sqrt(amount) / 2))
    return Spread(median(ordered), ordered[rank], ordered[amount - 1 - rank])


def generator_tables(trials: Sequence[Trial], names: Sequence[str]) -> list[Grid]:
    """Return two tables: what each generator found, and what it is worth against the swarm."""
    rows: list[tuple[str, ...]] = [
        (row.generator, f"{row.found} of {row.faults}", _shown(row.seconds, ".2f"),
         _shown(row.steps, ",.0f"))
        for row in generator_rows(trials, names)
    ]  # fmt: skip
    against: list[tuple[str, ...]] = [
        (worth.variant, str(worth.pairs), _shown(worth.seconds, ".2f", "x"),
         _shown(worth.steps, ".2f", "x"), str(len(worth.only_swarm)), str(len(worth.only_variant)))
        for worth in worths(trials, names)
    ]  # fmt: skip
    first = ("generator", "bugs found", "seconds", "steps")
    second = ("against the swarm", "both found", "times the seconds", "times the steps",
              "only swarm", "only it")  # fmt: skip
    return [Grid(first, rows, (1, 2, 3)), Grid(second, against, (1, 2, 3, 4, 5))]


def told_apart(trials: Sequence[Trial], names: Sequence[str]) -> list[str]:
    """Return a line per variant and generator with the bugs that only one of the two found."""
    lines: list[str] = []
    swarm = short(names[0])
    for worth in worths(trials, names):
        for who, missed, ids in (
            (swarm, worth.variant, worth.only_swarm),
            (worth.variant, swarm, worth.only_variant),
        ):
            if ids:
                lines.append(f"{who} found and {missed} did not: {', '.join(ids)}")
    return lines


def _shown(found: Spread | None, form: str, unit: str = "") -> str:
    if found is None:
        return "-"
    return f"{found.median:{form}}{unit} [{found.low:{form}}, {found.high:{form}}]"
