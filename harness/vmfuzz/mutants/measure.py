"""The score of the oracle: which mutants of the exec layer a run notices."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

from vmfuzz.errors import VmfuzzError
from vmfuzz.mutants.catalogue import Mutant
from vmfuzz.mutants.child import prepare, try_mutant
from vmfuzz.mutants.corpus import known_defects
from vmfuzz.mutants.equivalents import Equivalents
from vmfuzz.mutants.trial import Trial
from vmfuzz.mutants.verdict import Verdict
from vmstore.sources import pure_children


@dataclass(frozen=True, slots=True)
class Score:
    """How many mutants had which fate; `rate` is what was noticed of those that are not equal."""

    killed: int
    timed_out: int
    survived: int
    equivalent: int

    @classmethod
    def of(cls, verdicts: list[Verdict]) -> "Score":
        """Count."""
        fates = [verdict.fate for verdict in verdicts]
        return cls(
            fates.count("killed"),
            fates.count("timed out"),
            fates.count("survived"),
            fates.count("equivalent"),
        )

    @property
    def rate(self) -> float:
        """The share of the mutants that can be noticed that was; 1 if there are none."""
        noticed = self.killed + self.timed_out
        return noticed / (noticed + self.survived) if noticed + self.survived else 1.0


def try_all(
    mutants: list[Mutant], seconds: float, rng_seed: int, workers: int, known: Equivalents
) -> Iterator[Verdict]:
    """Try each mutant in a child, so many at a time, and yield the verdicts as they come.

    Those that are known to be equivalent are not run. The unmutated model goes first.
    Errors: VmfuzzError when that is not clean.
    """
    rest = []
    for mutant in mutants:
        argument = known.argument(mutant)
        if argument is None:
            rest.append(mutant.id)
        else:
            yield Verdict(mutant.id, "equivalent", what=argument)
    if not rest:
        return
    defects = known_defects()
    context = get_context("spawn")  # a fresh interpreter, in which nothing was imported yet
    with (
        pure_children(),  # no compiled class may bypass a change
        ProcessPoolExecutor(workers, mp_context=context, initializer=prepare) as pool,
    ):
        try:
            clean = pool.submit(try_mutant, Trial("", seconds, rng_seed, defects)).result()
            if clean.fate != "survived":
                raise VmfuzzError(f"the unmutated model is not clean: {_where(clean)}")
            trials = [Trial(id, seconds, rng_seed, defects) for id in rest]
            for done in as_completed([pool.submit(try_mutant, trial) for trial in trials]):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _where(verdict: Verdict) -> str:
    return " ".join(part for part in (verdict.stage, verdict.trace, verdict.what) if part)
