"""`vmfuzz bench mutants` as a user runs it: real children, a clean model, mutants that die."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from vmfuzz.cli import main
from vmfuzz.errors import VmfuzzError
from vmfuzz.mutants import corpus
from vmfuzz.mutants.catalogue import Mutant, mutants_of
from vmfuzz.mutants.equivalents import Equivalents
from vmfuzz.mutants.measure import try_all
from vmfuzz.mutants.verdict import Verdict
from vmfuzz.trace_text import parse

SECONDS = 2.0
BROKEN = """#vmfuzz-trace 1
world
f0 = frame_from_unused(paddr=0x0)
fr0 = frame_into_raw(frame=f0)
f1 = frame_from_raw(raw=fr0)
"""


def mutant(module: str, function: str, operator: str, code: str) -> Mutant:
    """Return the first mutant of its kind."""
    return next(
        m
        for m in mutants_of(module)
        if (m.context.function, m.operator) == (function, operator) and code in m.context.code
    )


def fates(*mutants: Mutant) -> list[Verdict]:
    verdicts = try_all(list(mutants), SECONDS, 0, 2, Equivalents({}))
    return sorted(verdicts, key=lambda verdict: [m.id for m in mutants].index(verdict.mutant))


@pytest.mark.slow
@pytest.mark.pure  # hunts with the corpora of a checkout, too
def test_mutants_die_of_what_they_break() -> None:
    counted = mutant("exec/meta.py", "drop_shared", "arithmetic", "-1")
    endless = mutant("exec/io_copy.py", "memcpy_fallible", "statement", "done += piece")
    crashing = mutant("exec/node.py", "", "statement", "meta.DESTRUCTORS['pt'] = destroy")
    done = fates(counted, endless, crashing)

    assert [verdict.fate for verdict in done] == ["killed", "timed out", "killed"]
    assert done[0].stage == "corpus"
    assert "/" in done[0].what
    assert done[0].seconds < SECONDS
    assert done[2].what.startswith("KeyError")


@pytest.mark.slow
def test_an_equivalent_survives() -> None:
    claim = mutant("exec/meta.py", "get_from_unused", "constant", "0")
    (done,) = fates(claim)

    assert done.fate == "survived"
    assert done.steps > 500
    assert done.what == done.stage == ""


def test_known_equivalents_are_not_run() -> None:
    claim = mutant("exec/meta.py", "get_from_unused", "constant", "0")
    (done,) = try_all([claim], SECONDS, 0, 1, Equivalents({claim.context: "written over"}))

    assert (done.fate, done.what, done.seconds) == ("equivalent", "written over", 0.0)


@pytest.mark.pure
def test_a_model_that_is_not_clean_judges_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = replace(corpus.read_corpus()[0].trace, faults=("from-raw-counts-again",))
    trace.steps = parse(BROKEN, "broken").steps
    monkeypatch.setattr(corpus, "read_corpus", lambda: (corpus.Case("bad", trace),))

    with pytest.raises(VmfuzzError, match=r"bad: the unmutated model has ACCT\.3c/frame_from_raw;"):
        corpus.known_defects()


@pytest.mark.slow
def test_the_command_shows_score_and_survivors(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["bench", "mutants", "--module", "rcu", "--sample", "3", "--time", "2s", "--json"])
    document = json.loads(capsys.readouterr().out)

    rows = document["mutants"]
    assert len(rows) == 3
    assert {row["mutant"].partition(":")[0] for row in rows} == {"exec/rcu.py"}
    assert document["score"]["killed"] == sum(row["fate"] == "killed" for row in rows) > 0
    assert code == (4 if document["score"]["survived"] else 0)


def test_a_wrong_module_is_a_usage_error() -> None:
    command = [sys.executable, "-m", "vmfuzz", "bench", "mutants", "--module", "segmnt"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == "vmfuzz: no module matches 'segmnt' (did you mean 'segment'?)\n"
