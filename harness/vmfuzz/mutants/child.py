"""Runs each trial in a child: a worker that has imported all but the mutated layer forks one.

Forking saves most of the start of an interpreter, which many mutants do not outlive.
"""

import os
import resource
import select
import signal
import sys
from contextlib import suppress
from importlib import import_module
from time import monotonic
from typing import Final

from vmfuzz.errors import HarnessError
from vmfuzz.mutants import loader
from vmfuzz.mutants.catalogue import find
from vmfuzz.mutants.corpus import read_corpus, read_recorded
from vmfuzz.mutants.trial import Trial, run_trial
from vmfuzz.mutants.verdict import Verdict, decode, encode

# What trials import and what imports nothing of the mutated layer.
_PRELOADED: Final = (
    "vmfuzz.comparison",
    "vmfuzz.liveness",
    "vmfuzz.outcome_text",
    "vmfuzz.sut.answers",
    "vmfuzz.sut.channel",
    "vmfuzz.swarm_weights",
    "vmfuzz.vectors",
    "vmstore.store",
    "vmstore.view.spaces",
)
_MUTATED: Final = "vmstore.exec"
_PATIENCE: Final = 20  # seconds of wall time per second of CPU time before a child is ended
_MEMORY: Final = 2 << 30  # bytes of address space: a mutant that only allocates ends itself
_LONGEST_LINE: Final = 4096


def prepare() -> None:
    """Get a fresh worker ready to fork. Errors: HarnessError if the layer was imported already."""
    for name in _PRELOADED:
        import_module(name)
    read_corpus()
    read_recorded()
    early = sorted(name for name in sys.modules if name.startswith(_MUTATED))
    if early:
        raise HarnessError(f"{early[0]} was imported before it could be mutated")


def try_mutant(trial: Trial) -> Verdict:
    """Run one trial in a child and return its verdict. Requires: `prepare` ran in this process."""
    texts = {}
    if trial.mutant:
        mutant = find(trial.mutant)
        texts[mutant.import_name] = mutant.source()
    started = monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(trial, texts, writing)
    os.close(writing)
    try:
        line = _line(reading, started + trial.seconds * _PATIENCE)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    if line is None:
        return Verdict(trial.mutant, "timed out", "", "no end", seconds=trial.seconds)
    found = decode(line, trial.mutant)
    if found is None:
        what = f"the process ended with status {os.waitstatus_to_exitcode(status)}"
        return Verdict(trial.mutant, "killed", "", what)
    return found


def _child(trial: Trial, texts: dict[str, str], writing: int) -> None:
    """Run a trial and leave, whatever happens; nothing of the worker is run on the way out."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        loader.install(texts)
        os.write(writing, encode(run_trial(trial)))
    finally:
        os._exit(0)


def _line(reading: int, deadline: float) -> bytes | None:
    """Return what the child writes until it closes the pipe, None if that takes too long."""
    data = b""
    while b"\n" not in data and len(data) < _LONGEST_LINE:
        left = deadline - monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return None
        piece = os.read(reading, _LONGEST_LINE)
        if not piece:
            break
        data += piece
    return data
