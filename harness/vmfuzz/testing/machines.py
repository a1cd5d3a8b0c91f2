"""What a state machine found in a test: minimized, and kept as findings of campaigns are."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Final

import pytest

from vmfuzz.campaign import Stored
from vmfuzz.crashes import cut, store
from vmfuzz.engines.interface import Found
from vmfuzz.errors import VmfuzzError
from vmfuzz.machine import MachineFinding, VmStoreMachine
from vmfuzz.minimize import minimize
from vmfuzz.minimize.shrinker import NotFailing
from vmfuzz.oracle import Session
from vmfuzz.runner import ModelSystem, Run, System, run
from vmfuzz.testing.campaigns import kept_text
from vmfuzz.testing.settings import settings
from vmfuzz.trace import Trace

MAX_STEPS: Final = 300_000  # of one minimization: some seconds
_MOST: Final = 5  # findings of one test


class MachineSystem(ModelSystem):
    """The model with what a machine adds to it and leaves out."""

    def __init__(self, machine: type[VmStoreMachine]) -> None:
        self.without = machine.without
        self.open_session = partial(Session, own=machine.clauses)

    def run(self, trace: Trace, *, checks: frozenset[str], strict: bool) -> Run:
        """Run a trace as the machine runs its ops."""
        return run(
            trace,
            checks=checks,
            strict=strict,
            without=self.without,
            open_session=self.open_session,
        )


def sections(error: BaseException, config: pytest.Config) -> list[tuple[str, str]]:
    """Return a section of pytest's report for what machines found in a test.

    Effect: the findings are kept in the run's folder of findings. A full disk costs no text.
    """
    found = list(islice(_findings(error), _MOST))
    texts = [_kept(each, config) for each in found]
    return [("vmfuzz", "\n\n".join(texts))] if texts else []


def _findings(error: BaseException) -> Iterator[MachineFinding]:
    """Yield the findings in an error; Hypothesis groups those of several bugs."""
    if isinstance(error, MachineFinding):
        yield error
    elif isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _findings(each)


def _kept(error: MachineFinding, config: pytest.Config) -> str:
    machine, found = error.machine, Found(error.finding, error.trace, "hypothesis")
    live = machine.live_system() if error.finding.is_live else None
    system: System = live if live is not None else MachineSystem(machine)
    try:
        small = minimize(
            cut(found),
            checks=machine.checks,
            strict=machine.strict,
            max_steps=MAX_STEPS,
            system=system,
        )
    except NotFailing:
        return f"{error.finding.signature} did not happen again when its trace was replayed"
    stored = Stored(found, small)
    sut = live.name if live is not None else None
    try:
        stored.path = store(settings(config).findings, found, small, 0, sut)
    except VmfuzzError as problem:
        stored.problem = str(problem)
    return kept_text(stored, config, sut, own=[clause.id for clause in machine.clauses])
