"""The clauses on address spaces: the footprint and the whole state give one verdict."""

from random import Random

import pytest

from vmfuzz.oracle import Session
from vmfuzz.swarm import SwarmConfig, SwarmTrace, fuzz_world
from vmstore.clauses.check import everything, footprint, violations
from vmstore.clauses.fused import everything_holds, footprint_holds
from vmstore.node_cells import Node
from vmstore.step import State
from vmstore.world import World

WORDS = [0, 0x1087, 0x3083, 1 << 9]  # absent, leaves, absent with a bit that nobody sets


def live_nodes(state: State) -> list[Node]:
    nodes = state.machine.nodes
    return [nodes.node(index) for index in sorted(state.machine.spaces.pool.handed)]


def damage(rng: Random, state: State) -> None:
    """Write one random cell of a live node through the memory, as a stray store would."""
    nodes, live = state.machine.nodes, live_nodes(state)
    node = rng.choice(live)
    match rng.choice(["word", "word", "move", "children", "stray", "lock"]):
        case "word":
            nodes.store(node, rng.randrange(nodes.entries), rng.choice(WORDS))
        case "move":
            nodes.store(node, 0, rng.choice(live).word(rng.randrange(nodes.entries)))
        case "children":
            nodes.add_children(node, rng.choice([-1, 1]))
        case "stray":
            nodes.mark_stray(node)
        case _:
            nodes.unlock(node) if node.locked else nodes.lock(node)


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_incremental_and_full_agree_on_corrupted_page_tables(first: int) -> None:
    """Footprint and whole state give the same verdict, and the same clause first."""
    wrong = 0
    for seed in range(first, first + 50):
        rng = Random(seed)
        world = fuzz_world(rng, World(), frozenset())
        session = Session(world)
        state = session.state
        source = SwarmTrace(rng, SwarmConfig(rng, world, ("space", "table")), state)
        for _ in range(rng.randrange(20, 150)):
            if not session.is_over:
                op = source.next_op()
                assert session.step(op) is None
                source.settle(op)
        if session.is_over or not live_nodes(state):
            continue
        state.begin_step()

        damage(rng, state)

        found = violations(state, footprint(state))
        whole = violations(state, everything(state))
        assert footprint_holds(state) == (not found) == everything_holds(state) == (not whole)
        if whole:
            wrong += 1
            assert found[0].clause == whole[0].clause
    assert wrong > 10
