"""Satisfiability: the contracts that no state meets come out, and a repaired one does not."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from vmfuzz.audit.ghost_questions import GHOST_QUESTIONS, ask_writer
from vmfuzz.audit.probes import PROBES
from vmfuzz.audit.questions import questions
from vmfuzz.audit.search import Question, ask
from vmfuzz.audit.weak import WEAKNESSES
from vmstore.contracts.suspects import SUSPECT_BY_ID

QUESTIONS = {question.id: question for question in questions()}
UNSATISFIABLE = {
    "SAT.NEWVS": "AX-01",
    "SAT.FD": "AX-05",
    "SAT.TFS": "AX-06",
    "SAT.SD": "AX-07",
    "SAT.UNMAP.LAST": "AX-08",
    "SAT.UNMAP.OLD": "AX-09",
    "SAT.UNMAP.TABLE": "AX-10",
    "SAT.FU.LISTED": "AX-30",
    "SAT.UNMAP.ZERO": "AX-46",
    "SAT.MAP.UNUSED": "AX-47",
}
# Without these clauses a state is found: they are what the conflict is about.
REPAIRS = {
    "SAT.NEWVS": ["OP.NEWVS.ENS.4"],
    "SAT.FD": ["OP.FD.ENS.7/LOG"],
    "SAT.TFS": ["OP.TFS.ENS.6/LOG"],
    "SAT.SD": ["OP.SD.ENS.8/LOG"],
    "SAT.UNMAP.LAST": ["OP.UNMAP.ENS.14", "OP.UNMAP.ENS.15"],
    "SAT.UNMAP.OLD": ["OP.UNMAP.ENS.19/OLD"],
    "SAT.UNMAP.TABLE": ["OP.UNMAP.ENS.10"],
    "SAT.FU.LISTED": ["OP.FU.ENS.4"],
    "SAT.UNMAP.ZERO": ["OP.UNMAP.ENS.17"],
    "SAT.MAP.UNUSED": ["OP.MAP.ENS.16"],
}


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_contract_is_unsatisfiable_iff_a_suspect_says_so(question: Question) -> None:
    answer = ask(question)
    assert answer.scenes
    assert answer.states
    assert (answer.witness is not None) == (question.id in UNSATISFIABLE)
    assert question.ax == UNSATISFIABLE.get(question.id)
    if answer.witness is not None:
        assert set(answer.conflict) <= {clause.id for clause in question.clauses}
        assert answer.conflict


@pytest.mark.slow
@pytest.mark.parametrize("name", REPAIRS)
def test_without_the_clause_in_conflict_there_is_a_state(name: str) -> None:
    question = QUESTIONS[name]
    kept = tuple(clause for clause in question.clauses if clause.id not in REPAIRS[name])
    assert len(kept) < len(question.clauses)
    assert ask(replace(question, clauses=kept)).witness is None


def test_every_repair_is_of_an_unsatisfiable_contract() -> None:
    assert REPAIRS.keys() == UNSATISFIABLE.keys()


def test_definitions_that_no_value_satisfies() -> None:
    for question in GHOST_QUESTIONS:
        answer = question.ask()
        assert answer.witness, question.id
        assert answer.conflict
    assert ask_writer("disjoint-views").witness is None


def test_what_contracts_leave_open_and_what_probes_break() -> None:
    for weakness in WEAKNESSES:
        assert weakness.clauses
        assert weakness.witness(), weakness.id
    for probe in PROBES:
        assert probe.witness(), probe.id


@pytest.mark.slow  # every search once more
def test_the_page_is_what_the_recorded_traces_show() -> None:
    docs = Path(__file__).parents[2] / "docs"
    wanted = runpy.run_path(str(docs / "tables.py"))["audit_page"]()

    assert (docs / "audit.md").read_text(encoding="utf-8") == wanted, "run `python docs/tables.py`"
    assert wanted.count("\n## AX-") >= 45


def test_a_suspect_is_named_as_it_is_confirmed() -> None:
    expected = {question.id: question.ax for question in questions() if question.ax}
    expected |= {question.id: question.ax for question in GHOST_QUESTIONS}
    expected |= {weakness.id: weakness.ax for weakness in WEAKNESSES}
    assert {SUSPECT_BY_ID[ax].how for ax in expected.values()} <= {"search", "campaign"}
    assert {SUSPECT_BY_ID[probe.ax].how for probe in PROBES} == {"probe"}
