"""Evidence that the clauses can fail and do apply: every one broken once, and counted in a run."""

from dataclasses import dataclass
from random import Random

from vmfuzz.oracle import Session
from vmfuzz.swarm import MAX_TRACE, SwarmConfig, SwarmTrace, fuzz_world
from vmstore.clauses.breakers import BREAKERS, healthy
from vmstore.clauses.check import everything, nonvacuous, violations
from vmstore.world import World

_EVERY = 25  # steps between two looks: a look costs as much as some thousand steps


@dataclass(frozen=True, slots=True)
class Evidence:
    """`fails`: false on a state broken for it; `nonvacuous`: the looks at which it applied."""

    fails: dict[str, bool]
    nonvacuous: dict[str, int]


def evidence(profile: str, steps: int) -> Evidence:
    """Break every clause once and run a campaign of `steps` ops. The same result every time."""
    fails = {}
    for clause, damage in BREAKERS.items():
        state = healthy("ostd")
        damage(state)
        broken = {violation.clause for violation in violations(state, everything(state))}
        fails[clause] = clause in broken
    return Evidence(fails, _nonvacuous(profile, steps))


def _nonvacuous(profile: str, steps: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    done = number = 0
    while done < steps:
        rng = Random(number)
        number += 1
        world = fuzz_world(rng, World(profile=profile), frozenset())
        session = Session(world)
        source = SwarmTrace(rng, SwarmConfig(rng, world), session.state)
        for position in range(MAX_TRACE):
            op = source.next_op()
            session.step(op)
            done += 1
            if session.is_over:
                break
            source.settle(op)
            if position % _EVERY == 0:
                for clause in nonvacuous(session.state, everything(session.state)):
                    counts[clause] = counts.get(clause, 0) + 1
    return counts
