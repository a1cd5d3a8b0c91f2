"""The page of figures is what its script makes of the recorded results."""

import json
import runpy
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vmfuzz.bench.clause_matrix import CONJUNCTS, Effect
from vmfuzz.bench.exempt import EXEMPT
from vmfuzz.bench.record import RECORD
from vmfuzz.bench.trial import Moment, Trial
from vmstore.clauses import CLAUSES
from vmstore.faults import PLANTED

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT: dict[str, Any] = runpy.run_path(str(DOCS / "benchmarks.py"))
TRIALS: list[Trial] = SCRIPT["trials"]()


def test_the_page_is_that_of_the_results() -> None:
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")

    assert page == SCRIPT["page"](), "run `python docs/benchmarks.py`"
    assert page.count("\n| `") > 100


def test_the_picture_is_that_of_the_results() -> None:
    text = (DOCS / "results" / "faults.svg").read_text(encoding="utf-8")

    assert text == SCRIPT["picture"](), "run `python docs/benchmarks.py`"
    lines = ElementTree.fromstring(text).findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2


def test_every_trial_is_of_a_planted_bug_and_of_its_own() -> None:
    known = {fault.id for fault in PLANTED}
    quarries = [trial.quarry for trial in TRIALS]

    assert {trial.fault for trial in TRIALS} <= known
    assert len(set(quarries)) == len(quarries)
    for trial in TRIALS:
        moments = [m for m in (trial.reached, trial.triggered, trial.reported) if m is not None]
        assert moments == sorted(moments, key=lambda m: m.steps)
        assert (trial.reported is None) == (trial.length is None) == (trial.signature is None)


def test_the_matrix_is_about_conjuncts_that_are_not_exempt() -> None:
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    effects: list[Effect] = SCRIPT["effects"]()

    assert {effect.conjunct for effect in effects} == set(CONJUNCTS) - set(EXEMPT)
    assert {effect.after for effect in effects} - {None} <= {
        *(clause.id for clause in CLAUSES),
        *(effect.after for effect in effects if (effect.after or "").startswith("OUT.")),
    }
    assert all(f"| {conjunct} |" in page for conjunct in CONJUNCTS)


def test_a_record_becomes_rows_and_rows_become_trials(tmp_path: Path) -> None:
    """In a copy of the folder, where the results are replaced by a record of two trials."""
    (tmp_path / "results").mkdir()
    shutil.copy(DOCS / "benchmarks.py", tmp_path)
    script = runpy.run_path(str(tmp_path / "benchmarks.py"))
    found = next(trial for trial in TRIALS if trial.reported is not None)
    trials = [found, Trial("map-end-wrap", "hypothesis", 0, 0, 20.0, reached=Moment(1.5, 9))]
    record = tmp_path / "record.jsonl"
    record.write_text("".join(RECORD.line(trial) + "\n" for trial in trials))
    matrix = tmp_path / "matrix.json"
    effects: list[Effect] = SCRIPT["effects"]()
    matrix.write_text(json.dumps({"effects": [asdict(effect) for effect in effects]}))

    script["keep"]([record, matrix])

    assert script["trials"]() == trials
    assert script["effects"]() == effects
