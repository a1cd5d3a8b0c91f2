"""What an audit came to: one row per clause and profile, per search and per probe."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from vmfuzz.audit.campaign import Audited, Evidence
from vmfuzz.audit.ghost_questions import GHOST_QUESTIONS, GhostQuestion
from vmfuzz.audit.probes import PROBES, Probe
from vmfuzz.audit.questions import questions
from vmfuzz.audit.search import Question, ask
from vmfuzz.audit.weak import WEAKNESSES, Weakness
from vmfuzz.trace_text import format_trace
from vmstore.contracts.registry import ContractClause
from vmstore.contracts.suspects import SUSPECTS

Status = Literal["holds", "violated", "unsatisfiable", "not-reached"]


@dataclass(frozen=True, slots=True)
class Row:
    """One clause under one profile, or a question or probe, which have no profile.

    `ax` is the suspect that expects it to fail. `is_news` says that the status is not what is
    known: a violation that nobody suspects, or a suspect that is none. `evaluated` counts calls,
    the states tried for a question; `nonvacuous` those to which it applied.
    """

    id: str
    op: str
    ax: str | None
    profile: str | None
    text: str
    source: str
    status: Status
    evaluated: int
    nonvacuous: int
    evidence: Evidence | None = None
    witness: str | None = None

    @property
    def is_news(self) -> bool:
        """Whether this is a finding of the audit."""
        if self.status in {"violated", "unsatisfiable"}:
            return self.ax is None
        return self.status == "holds" and self.ax is not None

    def as_json(self) -> dict[str, Any]:
        """Return the row as it is documented."""
        row: dict[str, Any] = {
            "id": self.id,
            "op": self.op,
            "ax": self.ax,
            "profile": self.profile,
            "status": self.status,
            "evaluated": self.evaluated,
            "nonvacuous": self.nonvacuous,
        }
        if self.evidence is not None:
            row["trace"] = format_trace(self.evidence.trace)
        if self.witness is not None:
            row["witness"] = self.witness
        return row


def clause_rows(audited: Audited) -> list[Row]:
    """Return a row per clause, in registration order, and one per finding that is no clause."""
    rows = [_clause_row(audited, clause) for clause in audited.clauses]
    known = {clause.id for clause in audited.clauses}
    for name, evidence in audited.evidence.items():
        if name not in known:
            found = evidence.finding
            rows.append(
                Row(name, found.op, None, audited.profile, found.text, found.source, "violated",
                    0, 0, evidence, found.witness)
            )  # fmt: skip
    return rows


def _clause_row(audited: Audited, clause: ContractClause) -> Row:
    evaluated, nonvacuous, _ = audited.counts.get(clause.id, (0, 0, 0))
    evidence = audited.evidence.get(clause.id)
    status: Status = "violated" if evidence else "holds" if nonvacuous else "not-reached"
    if evidence is not None:  # a recorded trace counts as a call
        evaluated, nonvacuous = max(1, evaluated), max(1, nonvacuous)
    return Row(
        clause.id,
        clause.op,
        clause.known.get(audited.profile),
        audited.profile,
        clause.text,
        clause.source,
        status,
        evaluated,
        nonvacuous,
        evidence,
        evidence.finding.witness if evidence else None,
    )


def search_rows(wanted: Container[str]) -> list[Row]:
    """Ask the questions whose ids are `wanted`: is there a state after the call, or a value."""
    rows = []
    asked: list[Question | GhostQuestion] = [*questions(), *GHOST_QUESTIONS]
    for question in asked:
        if question.id not in wanted:
            continue
        answer = question.ask() if isinstance(question, GhostQuestion) else ask(question)
        status: Status = "unsatisfiable" if answer.witness else "holds"
        if not answer.scenes:
            status = "not-reached"
        witness = answer.witness
        if witness and answer.conflict:
            witness += f"; in conflict are {', '.join(answer.conflict)}"
        rows.append(_plain(question, question.op, status, (answer.states, answer.scenes), witness))
    return rows


def probe_rows(wanted: Container[str]) -> list[Row]:
    """Try the probes and the weaknesses whose ids are `wanted`."""
    rows = []
    tried: list[Weakness | Probe] = [*WEAKNESSES, *PROBES]
    for probe in tried:
        if probe.id not in wanted:
            continue
        witness = probe.witness()
        op = probe.op if isinstance(probe, Weakness) else "ghost"
        rows.append(_plain(probe, op, "violated" if witness else "holds", (1, 1), witness))
    return rows


def _plain(
    asked: Question | GhostQuestion | Weakness | Probe,
    op: str,
    status: Status,
    counts: tuple[int, int],
    witness: str | None,
) -> Row:
    return Row(
        asked.id, op, asked.ax, None, asked.text, asked.source, status, *counts, None, witness
    )


def confirmed(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the suspects that some row confirms, each with those rows, by id."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.ax is not None and row.status in {"violated", "unsatisfiable"}:
            found.setdefault(row.ax, []).append(row)
    return dict(sorted(found.items()))


def unconfirmed(rows: Iterable[Row]) -> dict[str, str]:
    """Return every suspect that no row confirms, with the reason."""
    rows = list(rows)
    known = confirmed(rows)
    reasons: dict[str, str] = {}
    for suspect in SUSPECTS:
        if suspect.id in known:
            continue
        tried = [row for row in rows if row.ax == suspect.id]
        if suspect.reason:
            reasons[suspect.id] = suspect.reason
        elif any(row.status == "holds" for row in tried):
            reasons[suspect.id] = "looked for, and it holds: " + ", ".join(r.id for r in tried)
        else:
            reasons[suspect.id] = "not reached" if tried else "no clause was chosen that shows it"
    return reasons
