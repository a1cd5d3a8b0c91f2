"""What a trial sees and keeps: stages, records that are resumed, cells that are given up."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from vmfuzz.bench import faults as bench_faults
from vmfuzz.bench.faults import MISSES, chosen_faults, hunt_all
from vmfuzz.bench.record import RECORD
from vmfuzz.bench.same_state import same_state
from vmfuzz.bench.stages import Stages, stages
from vmfuzz.bench.trial import Moment, Quarry, Trial, hunt
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.engines.swarm_engine import SwarmEngine
from vmfuzz.errors import VmfuzzError
from vmfuzz.oracle import Session
from vmfuzz.processor_clock import ProcessorClock
from vmfuzz.runner import run
from vmfuzz.swarm import SwarmConfig, SwarmTrace, fuzz_world
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load
from vmfuzz.trace_text import parse
from vmstore.faults import FAULT_BY_ID, PLANTED
from vmstore.ops import Op
from vmstore.world import World

pytestmark = pytest.mark.pure  # a compiled switch does not tell that it was read

REGRESSIONS = Path(__file__).parents[2] / "corpora" / "regressions"
EVERY = [fault.id for fault in PLANTED]
QUICK = "nyx-u8-refcount"


@pytest.mark.parametrize("fault", EVERY)
def test_what_is_reported_was_triggered_and_what_was_triggered_was_reached(fault: str) -> None:
    trace = load(REGRESSIONS / f"{fault}.trace")
    ops = [step.op for step in trace.steps]
    finding = run(trace).finding
    assert finding is not None

    seen = stages(trace.world, ops, fault)

    assert seen.reached is not None
    assert seen.triggered is not None
    assert seen.reached <= seen.triggered <= finding.step


@pytest.mark.parametrize("fault", EVERY[::7])
def test_a_bug_that_no_op_can_reach_is_not_reached(fault: str) -> None:
    world = World()

    assert stages(world, [], fault) == Stages(None, None)


def test_a_site_may_be_reached_long_before_the_bug_is_triggered() -> None:
    """The count wraps at eight; taking references reads the switch from the first one on."""
    trace = load(REGRESSIONS / "refcount-32bit-wrap.trace")
    seen = stages(trace.world, [step.op for step in trace.steps], "refcount-32bit-wrap")

    assert seen.reached is not None
    assert seen.triggered is not None
    assert seen.reached + 3 < seen.triggered


def random_sessions(seed: int) -> Iterator[tuple[Session, Session, Op]]:
    """Run the same random ops in two sessions; yield them after every op."""
    rng = Random(seed)
    world = fuzz_world(rng, World(), frozenset())
    left, right = Session(world), Session(world)
    source = SwarmTrace(rng, SwarmConfig(rng, world), left.state)
    for _ in range(80):
        op = source.next_op()
        assert left.step(op) is None
        assert right.step(op) is None
        yield left, right, op
        if left.is_over:
            return
        source.settle(op)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_ops_lead_to_the_same_state(seed: int) -> None:
    for left, right, _ in random_sessions(seed):
        assert same_state(left.machine, right.machine)


def changed_slot(session: Session) -> None:
    session.machine.cells.slot(3).val += 1


def changed_event(session: Session) -> None:
    session.machine.events.append(("freed", 0))


def changed_byte(session: Session) -> None:
    session.machine.io.memory.pages[2] = bytearray(b"\1" + bytes(4095))


def changed_root(session: Session) -> None:
    session.machine.nodes.node(session.machine.nodes.first).children += 1


def changed_registry(session: Session) -> None:
    session.machine.frames[99] = session.machine.cells.slot(1)


def changed_translation(session: Session) -> None:
    session.machine.tlbs.cpus.setdefault(0, {})[0x1000] = (0, 0)  # type: ignore[assignment]


@pytest.mark.parametrize(
    "change",
    [changed_slot, changed_event, changed_byte, changed_root, changed_registry,
     changed_translation],
)  # fmt: skip
def test_one_changed_cell_is_a_difference(change: Callable[[Session], None]) -> None:
    *_, (left, right, _op) = random_sessions(1)
    assert same_state(left.machine, right.machine)

    change(right)

    assert not same_state(left.machine, right.machine)
    assert not same_state(right.machine, left.machine)


def test_a_page_that_was_only_looked_at_is_no_difference() -> None:
    left, right = Session(World()), Session(World())

    left.machine.cells.slot(5)
    left.machine.nodes.node(left.machine.nodes.first)

    assert same_state(left.machine, right.machine)


@pytest.mark.parametrize(
    ("engine", "fault"), [("swarm", QUICK), ("hypothesis", "teardown-skips-on-drop")]
)
def test_a_trial_tells_when_the_bug_was_reached_triggered_and_reported(
    engine: str, fault: str
) -> None:
    done = hunt(Quarry(fault, engine, 0, 0, 30.0))

    assert done.reached is not None
    assert done.triggered is not None
    assert done.reported is not None
    assert done.reached.steps <= done.triggered.steps <= done.reported.steps
    assert done.reached.seconds <= done.triggered.seconds <= done.reported.seconds
    assert done.signature is not None
    assert done.trace is not None
    minimal = parse(done.trace)
    finding = run(minimal).finding
    assert finding is not None
    assert finding.clause == FAULT_BY_ID[fault].clause
    assert len(minimal.steps) == done.length


class OneFinding:
    """An engine whose only trace ends in what it is told to have found."""

    name = "swarm"

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def run(self, plan: Plan, _progress: Progress, _tick: Callable[[], None]) -> Iterator[Found]:
        finding = run(self.trace).finding
        assert finding is not None
        assert plan.on_trace is not None
        plan.on_trace(self.trace.world, [step.op for step in self.trace.steps])
        yield Found(finding, self.trace, self.name)


def test_a_finding_of_the_clean_model_is_no_planted_bug_s() -> None:
    """The trace is of one bug and the hunt for another, whose site the trace does not reach."""
    trace = load(REGRESSIONS / "from-raw-counts-again.trace")

    foreign = hunt(Quarry("map-end-wrap", "swarm", 0, 0, 5.0), OneFinding(trace))
    own = hunt(Quarry("from-raw-counts-again", "swarm", 0, 0, 5.0), OneFinding(trace))

    assert (foreign.reported, foreign.signature, foreign.length) == (None, None, None)
    assert foreign.foreign == "ACCT.3c/frame_from_raw"
    assert own.signature == "ACCT.3c/frame_from_raw"
    assert own.foreign is None


def test_a_trial_is_the_swarm_with_its_seed() -> None:
    quarry = Quarry(QUICK, "swarm", 1, 0, 30.0)
    progress = Progress()
    plan = Plan(steps=100_000, rng_seed=quarry.rng_seed, faults=(QUICK,))
    found = next(SwarmEngine().run(plan, progress, lambda: None))

    done = hunt(quarry)

    assert done.reported is not None
    assert done.reported.steps == progress.steps
    assert done.signature == found.finding.signature


def test_a_paused_clock_stands_still() -> None:
    clock = ProcessorClock()
    with clock.paused():
        before = clock()
        sum(range(3_000_000))
        during = clock() - before
    after = clock()

    assert during > 0
    assert after - before < during / 2


def fake_hunt(found: set[str]) -> Callable[[Quarry], Trial]:
    def fake(quarry: Quarry) -> Trial:
        at = Moment(0.5, 7) if quarry.fault in found else None
        return Trial(*quarry, at, at, at, "X/y" if at else None, at, 1, "")

    return fake


FAULTS = ("into-raw-drops", "map-end-wrap")


@pytest.fixture
def hunted(monkeypatch: pytest.MonkeyPatch) -> list[Quarry]:
    """Replace the hunt by one that finds the first bug only; return what is asked of it."""
    asked: list[Quarry] = []
    fake = fake_hunt({FAULTS[0]})

    def noted(quarry: Quarry) -> Trial:
        asked.append(quarry)
        return fake(quarry)

    monkeypatch.setattr(bench_faults, "hunt", noted)
    return asked


def test_a_cell_is_given_up_after_three_misses(hunted: list[Quarry]) -> None:
    done = [trial for trial, _ in hunt_all(FAULTS, ["swarm"], 7)]

    assert [trial.fault for trial in done] == [*FAULTS] * MISSES + [FAULTS[0]] * (7 - MISSES)
    assert [trial.quarry for trial in done] == hunted


def test_misses_of_the_record_count(hunted: list[Quarry], tmp_path: Path) -> None:
    record = tmp_path / "hunts.jsonl"
    keep = RECORD.keeper(record)
    for number in range(2):
        keep(fake_hunt(set())(Quarry(FAULTS[1], "swarm", number, 0, 60.0)))

    done = list(hunt_all(FAULTS[1:], ["swarm"], 7, record=record))

    assert [is_new for _, is_new in done] == [False, False, True]
    assert len(hunted) == 1
    assert [trial.trial for trial in RECORD.read(record)] == [0, 1, 2]


def test_a_measurement_goes_on_where_its_record_ends(tmp_path: Path) -> None:
    record = tmp_path / "hunts.jsonl"
    (before,) = hunt_all([QUICK], ["swarm"], 1, limit=5.0, record=record)
    record.write_text(record.read_text() + '{"fault": "cut in the mid')

    after = list(hunt_all([QUICK, "into-raw-drops"], ["swarm"], 1, limit=5.0, record=record))

    assert before[1] is True
    assert [(done.fault, is_new) for done, is_new in after] == [
        (QUICK, False),
        ("into-raw-drops", True),
    ]
    assert after[0][0] == before[0]
    assert all(done.named is not None for done, _ in after)
    assert [json.loads(line)["fault"] for line in record.read_text().splitlines()] == [
        QUICK,
        "into-raw-drops",
    ]


def test_workers_find_the_same_as_one_process(tmp_path: Path) -> None:
    faults = [QUICK, "into-raw-drops"]
    one = {done.quarry: done for done, _ in hunt_all(faults, ["swarm"], 2, limit=10.0)}

    two = {done.quarry: done for done, _ in hunt_all(faults, ["swarm"], 2, limit=10.0, workers=2)}

    assert one.keys() == two.keys()
    for quarry, done in one.items():
        assert (done.signature, done.length) == (two[quarry].signature, two[quarry].length)


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[" * 100_000,
        f'"{QUICK}"',
        Trial.__name__,
        json.dumps(dict.fromkeys(Trial.__dataclass_fields__, True)) + "\n",
    ],
)
def test_a_line_that_is_no_measurement_is_named(line: str, tmp_path: Path) -> None:
    record = tmp_path / "hunts.jsonl"
    record.write_text(line)

    with pytest.raises(VmfuzzError, match=r"hunts\.jsonl:1: not a line of `bench faults`"):
        list(hunt_all([QUICK], ["swarm"], 1, limit=1.0, record=record))
    assert record.read_text() == line


def test_bugs_are_chosen_by_globs() -> None:
    assert chosen_faults(()) == tuple(EVERY)
    assert chosen_faults(("segment-sp*", QUICK)) == (
        QUICK,
        *(fault for fault in EVERY if fault.startswith("segment-sp")),
    )
    with pytest.raises(VmfuzzError, match="did you mean 'map-end-wrap'"):
        chosen_faults(("map-end-wrp",))
