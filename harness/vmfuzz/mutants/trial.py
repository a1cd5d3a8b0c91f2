"""One mutant's trial: the corpus, recordings of the real code, then the swarm until time is up.

The swarm alternates between the default system and those that differ from it in a profile or in
one variant, because the mutated code describes them all.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from time import process_time
from types import FrameType
from typing import Final

from vmfuzz.mutants.corpus import CORPORA, Defects, read_corpus, read_recorded
from vmfuzz.mutants.verdict import Fate, Stage, Verdict, shortened
from vmstore.variants import PROFILES, VARIANTS
from vmstore.world import World

_TRACE_SECONDS: Final = 4.0  # of CPU time; the longest trace of the clean model takes a quarter


@dataclass(frozen=True, slots=True)
class Trial:
    """How a mutant is tried.

    Units: `seconds` of CPU time for all of it, the import included, so that a verdict does not
    depend on what else the machine does.
    `mutant` is an id of the catalogue, empty for the unmutated model.
    """

    mutant: str
    seconds: float
    rng_seed: int
    defects: Defects = ()


class _Hang(BaseException):
    """One trace took far longer than any trace of the clean model does."""


@dataclass(slots=True)
class _Course:
    """How far a trial has come."""

    stage: Stage = "import"
    trace: str = ""
    steps: int = 0
    tally: dict[tuple[str, str], int] = field(default_factory=dict)


def run_trial(trial: Trial) -> Verdict:
    """Try a mutant, for which the imports were arranged. Effect: takes SIGVTALRM over."""
    started = process_time()
    course = _Course()
    fate: Fate
    signal.signal(signal.SIGVTALRM, _give_up)
    try:
        what = _noticed(trial, course, started + trial.seconds)
        fate = "killed" if what else "survived"
    except _Hang:
        what, fate = "a trace without end", "timed out"
    except Exception as error:  # anything: the clean model raises nothing
        what, fate = f"{type(error).__name__}: {error}", "killed"
    return Verdict(
        trial.mutant,
        fate,
        course.stage if what else "",
        shortened(what),
        course.trace if what else "",
        round(process_time() - started, 3),
        course.steps,
    )


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise _Hang


@contextmanager
def _bounded() -> Iterator[None]:
    """Bound the CPU time of one trace. Errors: _Hang, out of whatever is running."""
    signal.setitimer(signal.ITIMER_VIRTUAL, _TRACE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _noticed(trial: Trial, course: _Course, deadline: float) -> str:
    """Return the signature of the first finding, empty for none."""
    with _bounded():
        import vmfuzz.engines.swarm_engine  # noqa: F401  # the mutated module is read now
    course.stage = "corpus"
    found = _replay(dict(trial.defects), course)
    if found:
        return found
    course.stage = "recordings"
    found = _compare(course)
    if found:
        return found
    course.stage, course.trace = "swarm", ""
    return _swarm(trial.rng_seed, course, deadline)


def _replay(defects: dict[str, tuple[str, ...]], course: _Course) -> str:
    """Return the first finding of the corpus, or difference in known defects; empty for none."""
    from vmfuzz.runner import run

    for case in read_corpus():
        course.trace = case.name
        with _bounded():
            done = run(case.trace)
        if done.finding is not None:
            return done.finding.signature
        met, expected = sorted(done.quirks), sorted(defects.get(case.name, ()))
        if met != expected:
            return f"quirks {', '.join(met) or 'none'} instead of {', '.join(expected) or 'none'}"
    return ""


def _compare(course: _Course) -> str:
    """Return the first field in which the mutant differs from a recording, empty for none."""
    from vmfuzz.conformance import FileReport, check_vector

    for vector in read_recorded():
        course.trace = vector.id
        with _bounded():
            mismatches = check_vector(vector, FileReport(CORPORA))
        if mismatches:
            return f"{mismatches[0].field} of {mismatches[0].op}"
    return ""


def worlds() -> list[World]:
    """Return the systems that the swarm goes through, batch by batch.

    Every other is the default one, every fourth a profile, the rest differ in one variant.
    """
    base = World()
    profiles = [base.changed(profile=name) for name in PROFILES if name != base.profile]
    overrides = [(v.name, value) for v in VARIANTS for value in v.values if value != v.ostd]
    turns = enumerate(World(overrides=(override,)) for override in overrides)
    return [w for at, one in turns for w in (base, profiles[at % len(profiles)], base, one)]


def _swarm(rng_seed: int, course: _Course, deadline: float) -> str:
    from vmfuzz.engines.interface import Plan
    from vmfuzz.engines.swarm_engine import draw_config, generate_and_run
    from vmfuzz.oracle import Session
    from vmfuzz.swarm import BATCH, MAX_TRACE

    plans = [Plan(rng_seed=rng_seed, world=world) for world in worlds()]
    number = 0
    while process_time() < deadline:
        if number % BATCH == 0:
            config = draw_config(plans[number // BATCH % len(plans)], number)
        rng = Random(rng_seed << 33 | number << 1)
        session = Session(config.world)
        length = rng.randint(MAX_TRACE // 3, MAX_TRACE)
        with _bounded():
            finding = generate_and_run(session, rng, config, length, course.tally)[1]
        number += 1
        course.steps += session.steps
        if finding is not None:
            return finding.signature
    return ""
