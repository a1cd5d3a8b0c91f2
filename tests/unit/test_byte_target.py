"""One input of a byte fuzzer is one trace: same finding, same step, same counts as its replay."""

from functools import cache
from random import Random

import pytest

from vmfuzz.byte_layout import RECORD
from vmfuzz.byte_target import MAX_SEED_OPS, ByteTarget, swarm_inputs
from vmfuzz.bytecode import encode
from vmfuzz.campaign import Campaign, run_campaign
from vmfuzz.crashes import cut
from vmfuzz.engines.interface import Found, Plan
from vmfuzz.features import StateMap
from vmfuzz.finding import Finding
from vmfuzz.mutate import HEADER, cross, mutate
from vmfuzz.oracle import CHECKS, Session
from vmfuzz.runner import run
from vmfuzz.swarm import fuzz_worlds
from vmfuzz.trace_text import parse
from vmstore.ops import DECLARATIONS, Op
from vmstore.world import World

WORLDS = fuzz_worlds(World(), frozenset())
ALL = frozenset(CHECKS)
FAULTS = ("segment-clone-misses-last", "drop-frees-at-two", "saturation-one-early")


def target(*faults: str, strict: bool = False) -> ByteTarget:
    return ByteTarget(WORLDS, faults, ALL, strict=strict)


@cache
def some_inputs() -> tuple[bytes, ...]:
    """Mutated and crossed swarm inputs: they hold steps whose producers failed."""
    seeds = swarm_inputs(WORLDS, 33, 36)
    rng = Random(9)
    mutants = [mutate(rng.choice(seeds), 3000, seed) for seed in range(350)]
    return (*mutants, *(cross(rng.choice(seeds), rng.choice(mutants), 3000, i) for i in range(150)))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_trace_of_an_input_replays_to_the_same_finding_at_the_same_step(fault: str) -> None:
    found = moved = 0
    for data in some_inputs():
        tested = target(fault)
        finding = tested.run(data)
        trace = tested.trace(data, (fault,))
        again = run(trace)

        assert finding == again.finding
        assert tested.steps == again.executed
        if finding is not None:
            found += 1
            moved += finding.step > again.executed - 1
            assert run(cut(Found(finding, trace, "atheris"))).finding == finding

    assert found > 2
    assert moved > 0


def test_a_finding_behind_a_step_that_could_not_run_counts_in_a_campaign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its trace is cut at the failing step, not at the number of steps that ran."""
    fault = FAULTS[0]
    tested = target(fault)
    findings = ((data, tested.run(data)) for data in some_inputs())
    data, finding = next(
        (data, finding)
        for data, finding in findings
        if finding and run(tested.trace(data, (fault,))).executed <= finding.step
    )

    class OneFinding:
        name = "one"

        def run(self, plan: Plan, *_: object) -> list[Found]:
            return [Found(finding, tested.trace(data, plan.faults), self.name)]

    monkeypatch.setattr("vmfuzz.campaign.engine", lambda _name, **_where: OneFinding())
    campaign = Campaign()
    run_campaign(campaign, Plan(steps=1, faults=(fault,)), ["one"])

    assert list(campaign.findings) == [finding.signature]
    assert campaign.unreproducible == 0


def test_steps_inputs_and_outcomes_are_counted() -> None:
    tested = target()
    for data in some_inputs():
        assert tested.run(data) is None

    rows = tested.named_tally()
    assert tested.inputs == len(some_inputs())
    assert sum(amount for _, _, amount in rows) == tested.steps
    assert len({(op, word) for op, word, _ in rows}) == len(rows)
    names = {declaration.name for declaration in DECLARATIONS.values()}
    assert {op for op, _, _ in rows} <= names
    assert {"ok", "InUse", "NotAligned"} <= {word for _, word, _ in rows}


def test_known_upstream_defects_are_counted_and_findings_when_strict() -> None:
    lines = [
        "s0 = segment_from_unused(start=0x0, end=0x1000)",
        "s1 = segment_slice(segment=s0, start=0x1000, end=0x1000)",
        "segment_to_usegment(segment=s1)",
    ]
    trace = parse("\n".join(["#vmfuzz-trace 1", "world frames=16", *lines, ""]))
    data = b"\0" + encode(trace)
    lenient, strict = target(), target(strict=True)

    assert lenient.run(data) is None
    assert lenient.quirks == {"empty-segment-reads-foreign-frame": 1}
    finding = strict.run(data)
    assert finding is not None
    assert finding.clause == "SAFETY.empty-segment-reads-foreign-frame"


def test_the_first_byte_chooses_the_world() -> None:
    tested = target()

    amount = len(WORLDS)
    assert 100 < amount <= 256
    assert [tested.world(bytes([at])) for at in range(amount)] == WORLDS
    assert tested.world(bytes([255])) == WORLDS[255 % amount]
    assert tested.trace(bytes([5])).world == WORLDS[5]
    assert tested.world(b"") == WORLDS[0]


@pytest.mark.parametrize("data", [b"", b"\xff", bytes(HEADER + RECORD - 1), b"\xff" * 100])
def test_an_input_without_a_whole_op_is_no_step(data: bytes) -> None:
    tested = target()

    assert tested.run(data) is None
    assert (tested.inputs, tested.steps) == (1, 0)
    assert tested.trace(data).steps == []


def test_the_state_map_hears_of_every_step_that_ran() -> None:
    state_map = StateMap()
    tested = ByteTarget(WORLDS, (), ALL, state_map=state_map)
    tested.run(b"")
    assert not any(state_map.cells)

    tested.run(some_inputs()[0])
    assert any(state_map.cells)
    assert state_map.before != len(DECLARATIONS)


def test_swarm_inputs_are_a_function_of_the_seed_clean_and_over_all_worlds() -> None:
    inputs = swarm_inputs(WORLDS, 3, 40)
    tested = target()

    assert inputs == swarm_inputs(WORLDS, 3, 40)
    assert inputs[:10] == swarm_inputs(WORLDS, 3, 10)
    assert inputs != swarm_inputs(WORLDS, 4, 40)
    assert [data[0] for data in inputs] == list(range(40))
    assert [tested.run(data) for data in inputs] == [None] * 40
    assert tested.steps > 1000
    assert all(len(tested.trace(data).steps) <= MAX_SEED_OPS for data in inputs)


def test_a_finding_at_the_end_names_the_last_step_that_ran(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = ["f0 = frame_from_unused(paddr=0x0)", "f1 = frame_from_unused(paddr=0x0)"]
    trace = parse("\n".join(["#vmfuzz-trace 1", "world", *lines, "frame_drop(frame=f1)", ""]))
    data = b"\0" + encode(trace)

    def always(_session: Session, op: Op) -> Finding:
        return Finding("X", DECLARATIONS[type(op)].name, 0, "", "", "")

    monkeypatch.setattr(Session, "check_everything", always)
    for finding in (run(trace).finding, target().run(data)):
        assert finding is not None
        assert (finding.op, finding.step) == ("frame_from_unused", 1)
