"""`VmStoreMachine` as users subclass it: own world, ops, clauses, rules, agent."""

import shlex
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from vmfuzz.errors import VmfuzzError
from vmfuzz.live_systems import close_agents, system_of
from vmfuzz.machine import MachineFinding, VmStoreMachine
from vmfuzz.runner import run
from vmfuzz.trace_text import format_trace, parse
from vmstore.clauses import Clause
from vmstore.ops import Op
from vmstore.ops.frame import FrameFromUnused
from vmstore.world import World

AGENT = Path(__file__).parents[2] / "docs" / "examples" / "python-agent" / "agent.py"
LIMITS = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
HUNT = settings(LIMITS, max_examples=200, phases=(Phase.generate,))
FRAMES = ("frame_from_unused", "frame_clone", "frame_drop")


class Frames(VmStoreMachine):
    """The least machine: a few ops in a small world."""

    world = World(frames=3, pt_frames=0)
    ops: ClassVar[tuple[str, ...]] = FRAMES


def test_only_the_chosen_ops_run_with_addresses_of_the_own_world() -> None:
    seen: list[Op] = []

    class Noted(Frames):
        def after_step(self, op: Op) -> None:
            seen.append(op)

    run_state_machine_as_test(Noted, settings=LIMITS)

    assert {type(op).__name__ for op in seen} == {"FrameFromUnused", "FrameClone", "FrameDrop"}
    tried = {op.paddr for op in seen if isinstance(op, FrameFromUnused)}
    assert {0x0, 0x1000, 0x2000} <= tried
    assert all(paddr <= 0x4000 or paddr >> 63 for paddr in tried)  # around three pages, not 56


def test_patterns_choose_and_a_pattern_for_nothing_is_refused() -> None:
    class Lists(Frames):
        ops = ("list_*",)

    drawn = {machine: vars(machine).get("frame_clone") for machine in (Lists, Frames)}
    assert drawn[Lists] is None
    assert drawn[Frames] is not None
    assert vars(Lists)["list_new"] is not None
    with pytest.raises(VmfuzzError, match=r"Typo.ops: 'frame_clown' names no op \(did you mean"):

        class Typo(VmStoreMachine):
            ops = ("frame_clown",)


def test_a_rule_of_ones_own_stays() -> None:
    called: list[int] = []

    class Own(Frames):
        ops = ("frame_from_unused", "frame_clone")

        @rule()
        def frame_clone(self) -> None:
            called.append(self.session.steps)

    run_state_machine_as_test(Own, settings=LIMITS)

    assert called


def test_a_clause_of_ones_own_is_checked() -> None:
    few = Clause(
        "few-handles", "no page has three handles", "ours", "slot", "extra",
        holds=lambda case: case.owner.handles < 3,
    )  # fmt: skip

    class Few(Frames):
        clauses = (few,)

    with pytest.raises(MachineFinding) as raised:
        run_state_machine_as_test(Few, settings=HUNT)

    assert raised.value.finding.signature == "few-handles/frame_clone"
    assert run(parse(format_trace(raised.value.trace))).finding is None  # the model alone is fine


@pytest.fixture
def agent() -> str:
    return shlex.join([sys.executable, str(AGENT)])


def test_an_agent_is_played_every_example(agent: str) -> None:
    machine = type("WithAgent", (Frames,), {"agent": agent})

    run_state_machine_as_test(machine, settings=settings(LIMITS, max_examples=10))

    system = system_of(agent)
    assert system.agent.starts == 1
    assert {"frame_from_unused", "frame_drop"} <= {n for n in FRAMES if system.vocabulary.speaks(n)}
    close_agents()
    assert system.agent.channel is None


def test_a_bug_of_an_agent_is_found(agent: str) -> None:
    machine = type("WithBug", (Frames,), {"agent": f"{agent} --bug"})

    with pytest.raises(MachineFinding) as raised:
        run_state_machine_as_test(machine, settings=HUNT)

    close_agents()
    assert raised.value.finding.is_live
    assert raised.value.finding.op == "frame_clone"
    assert raised.value.trace.world.frames == 8  # the agent's own


def test_the_test_case_takes_settings() -> None:
    case = Frames.TestCase
    case.settings = settings(LIMITS, max_examples=5)

    case().runTest()
