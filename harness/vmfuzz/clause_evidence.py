"""Evidence that the clauses can fail and do apply: every one broken once, and counted in a run.

What no clean state can show (SLOT.12 speaks of a count of 0, which exists only inside a call) is
looked for in the states that planted bugs leave behind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from vmfuzz.oracle import Session
from vmfuzz.swarm import MAX_TRACE, SwarmConfig, SwarmTrace, fuzz_world
from vmstore.clauses import CLAUSES
from vmstore.clauses.breakers import BREAKERS, healthy
from vmstore.clauses.check import everything, nonvacuous, violations
from vmstore.clauses.own import own_nonvacuous
from vmstore.faults import PLANTED, Faults
from vmstore.world import World

_EVERY = 25  # steps between two looks: a look costs as much as some thousand steps
_PLANTED_TRACES = 4  # traces per planted bug


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the clauses, by id.

    `fails`: false on a state broken for it; `nonvacuous`: the looks at which it applied and held;
    `under`: the planted bug that it took, for those that no clean state makes apply.
    """

    fails: dict[str, bool]
    nonvacuous: dict[str, int]
    under: dict[str, str]


def evidence(profile: str, steps: int) -> Evidence:
    """Break every clause once and run a campaign of `steps` ops. The same result every time."""
    fails = {}
    for clause, damage in BREAKERS.items():
        state = healthy("ostd")
        damage(state)
        found = violations(state, everything(state), is_strict=True)
        broken = {violation.clause for violation in found}
        fails[clause] = clause in broken
    nonvacuous = _clean_campaign(profile, steps)
    for clause in _scene(profile) - nonvacuous.keys():
        nonvacuous[clause] = 1
    under: dict[str, str] = {}
    for fault in PLANTED:
        missing = {clause.id for clause in CLAUSES} - nonvacuous.keys()
        if not missing:
            break
        for clause, times in _planted_campaign(profile, fault.id).items():
            if clause in missing:
                nonvacuous[clause] = times
                under[clause] = fault.id
    return Evidence(fails, nonvacuous, under)


def _scene(profile: str) -> set[str]:
    """Return the clauses that apply to the breakers' own state: a look at what no trace built."""
    state = healthy(profile)
    return set(nonvacuous(state, everything(state)))


def _clean_campaign(profile: str, steps: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    done = number = 0
    while done < steps:
        session = _session(profile, number, Faults())
        for position, _ in enumerate(_steps(session, number)):
            done += 1
            if not session.is_over and position % _EVERY == 0:
                _look(session, counts)
        number += 1
    return counts


def _planted_campaign(profile: str, fault: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for number in range(_PLANTED_TRACES):
        session = _session(profile, number, Faults.of([fault]))
        for _ in _steps(session, number):
            pass
        _look(session, counts)
    return counts


def _session(profile: str, number: int, faults: Faults) -> Session:
    return Session(fuzz_world(Random(number), World(profile=profile), frozenset()), faults)


def _steps(session: Session, number: int) -> Iterator[None]:
    """Run a swarm trace, a step at a time."""
    rng = Random(number)
    source = SwarmTrace(rng, SwarmConfig(rng, session.state.world), session.state)
    for _ in range(MAX_TRACE):
        op = source.next_op()
        session.step(op)
        yield
        if session.is_over:
            return
        source.settle(op)


def _look(session: Session, counts: dict[str, int]) -> None:
    """Count the clauses that apply and hold."""
    subjects = everything(session.state)
    broken = {violation.clause for violation in violations(session.state, subjects)}
    applied = [*nonvacuous(session.state, subjects), *own_nonvacuous(session.state, subjects)]
    for clause in applied:
        if clause not in broken:
            counts[clause] = counts.get(clause, 0) + 1
