"""The invariants over what an agent reports: its counts against the owners that the store knows.

The store is driven by ops and outcomes alone, so it says what a count must be whatever the code
behind the pipe does; what is looked at here is never a count of the model.
"""

from typing import Any, Final

from vmfuzz.oracle import Session
from vmstore.arch import PAGE_SIZE, REF_COUNT_UNIQUE, REF_COUNT_UNUSED
from vmstore.clauses import CLAUSES, Violation
from vmstore.clauses.registry import PageCase, SlotCase, slot_case

Json = Any  # what json.loads returns

# The clauses that relate a count word to its owners, and to nothing else in memory.
_ON_COUNTS: Final = frozenset(
    {"SLOT.11", "ACCT.1a", "ACCT.1b", "ACCT.1c", "ACCT.2", "ACCT.3a", "ACCT.3b", "ACCT.3c"}
)
_ON_UNIQUES: Final = "STRUCT.17b"
_WORDS: Final = {"UNUSED": REF_COUNT_UNUSED, "UNIQUE": REF_COUNT_UNIQUE}


def reported_counts(answers: list[dict[str, Json]]) -> dict[int, int]:
    """Return the count of each data page that the answers speak of, after the last of them.

    Entries that are no `[index, kind, count]` are left out.
    """
    counts: dict[int, int] = {}
    for answer in answers:
        slots = answer.get("slots")
        for entry in slots if isinstance(slots, list) else ():
            if not (isinstance(entry, list) and len(entry) == 3):
                continue
            index, count = entry[0], entry[2]
            value = _WORDS.get(count) if isinstance(count, str) else count
            if index.__class__ is int and value.__class__ is int:
                counts[index] = value
    return counts


def broken_clauses(session: Session, counts: dict[int, int]) -> tuple[Violation, ...]:
    """Return the clauses that reported counts break, lowest page first.

    Requires: `session` has made the same steps. Nothing is said once a count was poked.
    """
    if session.is_poked:
        return ()
    state = session.state
    found: list[Violation] = []
    cases = [
        _reported(slot_case(state, index), count)
        for index, count in sorted(counts.items())
        if 0 <= index < state.world.frames
    ]
    for clause in CLAUSES:
        if clause.id in _ON_COUNTS:
            broken: list[Any] = [c for c in cases if clause.when(c) and not clause.holds(c)]
        elif clause.id == _ON_UNIQUES:
            broken = [page for page in _uniques(session, counts) if not clause.holds(page)]
        else:
            continue
        found += [
            Violation(clause.id, clause.text, clause.source, clause.witness(c)) for c in broken
        ]
    return tuple(found)


def _reported(case: SlotCase, count: int) -> SlotCase:
    """Return the case with the agent's count in place of the model's."""
    case.rc = count
    return case


def _uniques(session: Session, counts: dict[int, int]) -> list[PageCase]:
    pages: list[PageCase] = []
    for handle, paddr in sorted(session.view.store.unique_frames.items()):
        index = paddr // PAGE_SIZE
        if index in counts:
            page = PageCase(session.state, f"u{handle}", paddr)
            _reported(page.at, counts[index])
            pages.append(page)
    return pages
