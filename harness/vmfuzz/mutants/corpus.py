"""What mutants are tried on first: the corpus without the bugs that it names, and recordings."""

from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Final

from vmfuzz.errors import VmfuzzError
from vmfuzz.mutants.catalogue import MODELS
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_text import parse
from vmfuzz.vectors import Vector, read_vectors

CORPORA: Final = MODELS.parents[1] / "corpora"  # of a checkout; an installation has none
_FOLDERS: Final = ("regressions", "seeds")
_MOST_RECORDED: Final = 200  # traces of a file written by hand; they are short
_RANDOM_RECORDED: Final = 12  # traces of any other file, which has hundreds of long ones

Defects = tuple[tuple[str, tuple[str, ...]], ...]  # trace, ids of the quirks that it meets


@dataclass(frozen=True, slots=True)
class Case:
    """A trace that the clean model runs without a finding."""

    name: str
    trace: Trace


@cache
def read_corpus() -> tuple[Case, ...]:
    """Return the traces of the checkout's corpus, none where there is no checkout."""
    cases = []
    for folder in _FOLDERS:
        for path in sorted((CORPORA / folder).glob("*.trace")):
            # Reading an `expect` line would import the clauses, and with them the mutated layer.
            lines = path.read_text(encoding="utf-8").splitlines()
            text = "\n".join(line for line in lines if line.split()[:1] != ["expect"])
            trace = parse(text, path.name)
            if trace.faults:  # what was recorded then is the bug's outcome
                steps = [Step(step.op) for step in trace.steps]
                trace = replace(trace, faults=(), steps=steps)
            cases.append(Case(f"{folder}/{path.name}", trace))
    return tuple(cases)


@cache
def read_recorded() -> tuple[Vector, ...]:
    """Return the first recorded traces of each file of the checkout, the hand-written ones all."""
    traces: list[Vector] = []
    for path in sorted((CORPORA / "vectors").glob("*.jsonl.gz")):
        amount = _MOST_RECORDED if path.name.startswith("hand") else _RANDOM_RECORDED
        traces += islice(read_vectors(path), amount)
    return tuple(traces)


def known_defects() -> Defects:
    """Return which traces meet known defects of the modelled system.

    A mutant that meets others, or none, is noticed. Requires: nothing is mutated here.
    Errors: VmfuzzError when a trace has a finding: then mutants cannot be judged by it.
    """
    from vmfuzz.runner import run

    found = []
    for case in read_corpus():
        done = run(case.trace)
        if done.finding is not None:
            problem = f"{case.name}: the unmutated model has {done.finding.signature}"
            raise VmfuzzError(f"{problem}; mutants are judged against a clean one")
        if done.quirks:
            found.append((case.name, tuple(sorted(done.quirks))))
    return tuple(found)
