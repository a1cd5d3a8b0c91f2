"""Evidence that the clauses of extensions can fail: campaigns with the faults that name them."""

from typing import Final

from vmfuzz.engines.interface import Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmstore.clauses.own import OWN_CLAUSES
from vmstore.faults.own import OWN_FAULTS
from vmstore.world import World

_STEPS: Final = 50_000  # per fault, at most


def seen_to_fail(profile: str) -> dict[str, bool]:
    """Return, per clause of an extension, whether a fault that names it broke it in a campaign."""
    return {clause.id: _fails(profile, clause.id) for clause in OWN_CLAUSES}


def _fails(profile: str, clause: str) -> bool:
    named = [fault.id for fault in OWN_FAULTS.values() if fault.clause == clause]
    world = World(profile=profile)
    plans = [
        Plan(steps=_STEPS, faults=(fault,), world=world, pinned=frozenset({"profile"}))
        for fault in named
    ]
    return any(
        found.finding.clause == clause
        for plan in plans
        for found in SwarmEngine().run(plan, Progress(), lambda: None)
    )
