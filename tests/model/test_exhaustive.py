"""The exhaustive search against a brute force that shares nothing with it but the oracle."""

from collections import Counter
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vmfuzz.exhaustive.alphabet import DEFAULT_OPS, Alphabet, alphabet, chosen_ops, tiny_world
from vmfuzz.exhaustive.canonical import digest
from vmfuzz.exhaustive.handles import classes
from vmfuzz.exhaustive.search import Search
from vmfuzz.exhaustive.snapshot import Snapshot
from vmfuzz.oracle import CHECKS, Session
from vmfuzz.outcome_text import format_outcome, outcome_word
from vmfuzz.runner import run
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_file import load
from vmfuzz.trace_text import parse_op
from vmstore.faults import Faults
from vmstore.ops import DECLARATIONS, Op
from vmstore.world import World

REGRESSIONS = Path(__file__).parents[2] / "corpora" / "regressions"
DEPTH = 5


def build(
    ops: tuple[str, ...], values: dict[str, tuple[str, ...]] | None = None, **sizes: Any
) -> Alphabet:
    chosen = chosen_ops(ops)
    world = tiny_world(World().changed(**sizes), frozenset(sizes), chosen)
    return alphabet(world, chosen, values or {})


def search(used: Alphabet, *faults: str) -> Search:
    return Search(used, faults, checks=frozenset(CHECKS))


# -- against a brute force ------------------------------------------------------------------------


def every_op(used: Alphabet, session: Session, path: list[Op]) -> list[Op]:
    """Each letter with each choice of live handles: no groups, no order, nothing left out."""
    made = Counter(
        f.kind.name for op in path for f in DECLARATIONS[type(op)].destinations if f.kind
    )
    ops: list[Op] = []
    for letter in used.letters:
        declaration = letter.declaration
        handles = [f for f in letter.fields if f.kind and not f.is_destination]
        live = [[i for i in session.state.live[f.kind.name] if i >= 0] for f in handles if f.kind]
        names = [f.name for f in (*handles, *letter.arguments)]
        given: dict[str, Any] = {f.name: None for f in declaration.alternatives}
        fresh = Counter(made)
        for f in declaration.destinations:
            assert f.kind is not None
            given[f.name] = fresh[f.kind.name]
            fresh[f.kind.name] += 1
        ops += [
            declaration.make(given | dict(zip(names, chosen, strict=True)))
            for chosen in product(*live, *letter.choices)
        ]
    return ops


def brute_force(used: Alphabet, depth: int, *faults: str) -> tuple[list[int], set[Any], set[str]]:
    """Run every trace from the start: how many per length, what ops came to, what was found."""
    flags = Faults.of(faults)
    paths: list[list[Op]] = [[]]
    amounts, pairs, signatures = [], set(), set()
    for _ in range(depth):
        longer: list[list[Op]] = []
        amounts.append(0)
        for path in paths:
            for op in every_op(used, replay(used, flags, path), path):
                session = replay(used, flags, path)
                found = session.step(op)
                amounts[-1] += 1
                pairs.add((DECLARATIONS[type(op)].name, outcome_word(session.outcome)))
                if found is None and not session.is_over:
                    found = session.check_everything(op)
                if found is not None:
                    signatures.add(found.signature)
                elif not session.is_over:
                    longer.append([*path, op])
        paths = longer
    return amounts, pairs, signatures


def replay(used: Alphabet, flags: Faults, path: list[Op]) -> Session:
    session = Session(used.world, flags)
    for op in path:
        assert session.step(op) is None
    return session


# How long the traces of a brute force are, where that is not four ops.
LENGTHS = {"shared frames": 3, "segments": 3}
SMALL = {
    "shared frames": build(("frame_from_*", "frame_clone", "frame_drop", "frame_eq"), frames=2),
    "segments": build(
        ("segment_from_unused", "segment_split", "segment_next", "segment_clone", "segment_drop"),
        {"start": ("0x0",), "end": ("0x1000", "0x2000"), "offset": ("0x1000", "0x1")},
        frames=2,
    ),
    "raw and unique": build(
        (
            "frame_into_raw",
            "frame_from_raw",
            "frame_clone",
            "unique_*_shared",
            "unique_from_unused",
        ),
        frames=1,
    ),
    "lists": build(
        ("unique_from_unused", "list_new", "list_push_front", "list_pop_back", "list_contains"),
        {"meta": ("link",)},
        frames=2,
    ),
    "a space": build(
        ("vmspace_*", "cursor_open", "cursor_drop"),
        {"start": ("0x0", "0x4000"), "end": ("0x1000", "0x8000")},
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_the_search_is_the_brute_force_in_fewer_steps(name: str) -> None:
    used = SMALL[name]
    depth = LENGTHS.get(name, 4)
    amounts, pairs, signatures = brute_force(used, depth)

    walk = search(used)
    results = list(walk.run(depth))

    assert walk.graph.traces(depth) == amounts
    assert {pair for expansion, _ in results for pair in expansion.tally} == pairs
    assert signatures == set()
    assert not [found for _, ended in results for found in ended]
    assert walk.graph.steps < sum(amounts)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("shared frames", "nyx-missing-incref"),
        ("shared frames", "last-drop-leaves-busy"),
        ("segments", "segment-split-overlaps"),
        ("segments", "segment-clone-misses-last"),
        ("raw and unique", "from-raw-counts-again"),
        ("raw and unique", "try-from-shared-drops"),
        ("lists", "insert-skips-size"),
        ("a space", "activate-leaves-old-cpu"),
    ],
)
def test_with_a_bug_both_find_the_same(name: str, fault: str) -> None:
    depth = LENGTHS.get(name, 4)
    amounts, pairs, signatures = brute_force(SMALL[name], depth, fault)

    walk = search(SMALL[name], fault)
    results = list(walk.run(depth))

    assert signatures
    assert {f.finding.signature for _, ended in results for f in ended} == signatures
    assert {pair for expansion, _ in results for pair in expansion.tally} == pairs
    assert walk.graph.traces(depth) == amounts


# -- the canonical form ---------------------------------------------------------------------------


def successors(walk: Search, path: list[Op]) -> Counter[Any]:
    """What each op comes to here, and the state that it leads to, without the ids of handles."""
    found: Counter[Any] = Counter()
    session = replay_in(walk, path)
    for op, amount in list(walk.moves.of(session.state, path)):
        session = replay_in(walk, [*path, op])
        declaration = DECLARATIONS[type(op)]
        values = tuple(getattr(op, f.name) for f in declaration.arguments)
        assert session.outcome is not None
        led_to = None if session.is_over else digest(session.state)
        found[declaration.name, values, format_outcome(session.outcome), led_to] += amount
    return found


def replay_in(walk: Search, path: list[Op]) -> Session:
    session = walk.session
    walk._boot.restore()
    session.is_over = False
    for op in path:
        assert not session.is_over
        session.step(op)
    return session


SAMPLED = {
    **SMALL,
    "frames, segments, unique": build(DEFAULT_OPS),
    "cursors": build(
        ("vmspace_new", "vmspace_activate", "cursor_*", "frame_from_unused", "access"),
        {"start": ("0x0",), "end": ("0x1000", "0x8000"), "va": ("0x0", "0x4000")},
        cpus=2,
    ),
    "raw tables": build(("pt_*",), {"start": ("0x0",), "end": ("0x8000",)}, rcu="deferred"),
    "readers": build(("frame_from_unused", "frame_clone", "frame_drop", "buf_new", "reader_*")),
    "writers": build(("frame_from_unused", "vmio_*", "buf_new", "writer_*")),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_states_of_equal_form_have_equal_futures(name: str) -> None:
    """Two traces to one form: every op comes to the same, and leads to states of equal form."""
    rng = Random(11)
    walk = search(SAMPLED[name])
    list(walk.run(2))
    graph = walk.graph
    others: list[tuple[int, list[Op]]] = []
    for state in range(graph.expanded):
        path = graph.path(state)
        for op, _ in list(walk.moves.of(replay_in(walk, path).state, path)):
            session = replay_in(walk, [*path, op])
            met = None if session.is_over else graph.numbers[digest(session.state)]
            if met is not None and graph.path(met) != [*path, op]:
                others.append((met, [*path, op]))
    assert others
    for met, path in rng.sample(others, min(12, len(others))):
        assert successors(walk, path) == successors(walk, graph.path(met))


def test_the_form_knows_what_differs_and_not_the_ids() -> None:
    def form(*lines: str) -> bytes:
        session = Session(World(frames=4, pt_frames=0))
        for line in lines:
            assert session.step(parse_op(line)) is None
        return digest(session.state)

    one = form("f0 = frame_from_unused(paddr=0x0)", "f1 = frame_from_unused(paddr=0x1000)")
    assert one == form("f7 = frame_from_unused(paddr=0x0)", "f2 = frame_from_unused(paddr=0x1000)")
    assert one != form("f0 = frame_from_unused(paddr=0x0)", "f1 = frame_from_unused(paddr=0x2000)")
    assert one != form("f0 = frame_from_unused(paddr=0x0)", "u1 = unique_from_unused(paddr=0x1000)")
    assert one != form("f0 = frame_from_unused(paddr=0x0)")


def test_going_back_gives_the_same_run_again() -> None:
    """Every op of every family, from a state in the middle of a swarm's trace, twice."""
    from vmfuzz.engines.swarm_engine import generate_and_run
    from vmfuzz.swarm import FAMILIES, SwarmConfig, fuzz_world

    compared = 0
    for seed in range(40):
        rng = Random(seed)
        config = SwarmConfig(rng, fuzz_world(rng, World(), frozenset()), FAMILIES)
        ops, _ = generate_and_run(Session(config.world), rng, config, 80, {})
        session = Session(config.world)
        for op in ops[:40]:
            session.step(op)
        before, here = digest(session.state), Snapshot(session.state)
        for op in ops[40:]:
            session.step(op)
        after = digest(session.state)
        assert here.holds() == (before == after)

        here.restore()

        assert digest(session.state) == before
        for op in ops[40:]:
            session.step(op)
        assert digest(session.state) == after
        compared += before != after
    assert compared > 10


def test_alike_handles_are_one_choice_and_lent_ones_are_none() -> None:
    session = Session(World(frames=4, pt_frames=0))
    for line in (
        "f0 = frame_from_unused(paddr=0x0)",
        "f1 = frame_clone(frame=f0)",
        "f2 = frame_from_unused(paddr=0x1000)",
    ):
        session.step(parse_op(line))
    assert classes(session.state, "frame") == [[0, 1], [2]]

    session.step(parse_op("r0 = reader_new(frame=f0)"))
    assert classes(session.state, "frame") == [[0], [1], [2]]


# -- what it finds ---------------------------------------------------------------------------------


def test_every_trace_of_three_ops_over_the_default_alphabet_is_clean() -> None:
    walk = search(build(DEFAULT_OPS))

    assert not [found for _, ended in walk.run(3) for found in ended]
    assert walk.graph.at_depth() == [1, 12, 107, 627]
    assert walk.graph.complete_depth() == 3


def expressible() -> dict[str, Trace]:
    """The stored regressions whose ops are all in the default alphabet, and few enough."""
    names = {letter.declaration.op for letter in build(DEFAULT_OPS).letters}
    traces = [load(path) for path in sorted(REGRESSIONS.glob("*.trace"))]
    return {
        trace.faults[0]: trace
        for trace in traces
        if len(trace.steps) <= DEPTH and all(type(step.op) in names for step in trace.steps)
    }


EXPRESSIBLE = expressible()


def shortest_transported(trace: Trace) -> int | None:
    """Run a regression in the tiny world, with every choice of the alphabet's values.

    Returns how long the shortest of them is that ends in a finding; None where none does, because
    the stored trace needs a page or a value that the alphabet has not.
    """
    used = build(DEFAULT_OPS)
    letters = {letter.declaration.op: letter for letter in used.letters}
    options: list[list[Op]] = []
    for step in trace.steps:
        letter = letters[type(step.op)]
        given = {f.name: getattr(step.op, f.name) for f in letter.fields}
        options.append([letter.declaration.make(given | c) for c in letter.combinations()])
    lengths = []
    for ops in product(*options):
        found = run(Trace(used.world, [Step(op) for op in ops], trace.faults)).finding
        if found is not None:
            lengths.append(found.step + 1)
    return min(lengths, default=None)


@pytest.mark.parametrize("fault", EXPRESSIBLE)
def test_every_expressible_bug_is_found_by_a_shortest_trace(fault: str) -> None:
    known = shortest_transported(EXPRESSIBLE[fault])
    walk = search(build(DEFAULT_OPS), fault)

    first = next((ended[0] for _, ended in walk.run(DEPTH) if ended), None)

    assert first is not None
    assert known is None or len(first.ops) <= known
    trace = Trace(walk.alphabet.world, [Step(op) for op in first.ops], (fault,))
    again = run(trace).finding
    assert again is not None
    assert again.signature == first.finding.signature


def test_most_of_the_expressible_bugs_can_be_transported() -> None:
    """Were none of them, the test above would ask for nothing but that something is found."""
    amount = sum(shortest_transported(trace) is not None for trace in EXPRESSIBLE.values())

    assert len(EXPRESSIBLE) >= 47
    assert amount >= 31
