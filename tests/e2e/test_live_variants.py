"""Agents that are right in ways of their own: none of them is ever said to diverge."""

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.campaign import Campaign, run_campaign
from vmfuzz.engines.interface import Plan
from vmfuzz.errors import VmfuzzError
from vmfuzz.oracle import CHECKS
from vmfuzz.replayer import Replayer
from vmfuzz.sut.prediction import Prediction
from vmfuzz.sut.system import LiveSystem
from vmfuzz.vectors import Vector, read_vectors
from vmstore.ops import DECLARATIONS, Op

pytestmark = pytest.mark.slow  # each test runs a campaign against an agent of its own

VECTORS = Path(__file__).parents[2] / "corpora" / "vectors"
SMALL = {"frames": "16", "pt_frames": "40", "entries": "4"}
STEPS = 1_200
# The model as an agent, with its words changed: `ready` and every answer `a` pass through here.
AGENT = """
import json, sys
from vmfuzz.sut.serve import Model
from vmstore.faults import Faults
from vmstore.world import World

def say(value):
    print(json.dumps(value), flush=True)

model = Model(World.from_settings(WORLD), Faults.of(()))
greeting = model.greeting
ready = greeting["ready"]
ready["ops"].remove("access")  # which was never recorded
READY
say(greeting)
for number, line in enumerate(sys.stdin):
    asked = json.loads(line)
    name = asked["op"]
    if name == "reset":
        model.answer(b'{"op": "reset"}')
        say(greeting)
        continue
    if REFUSED:
        say({"out": {"refused": "not here"}})
        continue
    a = model.answer(line.strip().encode())
    ended = bool({"panic", "abort"} & a["out"].keys())
    ANSWER
    say(a)
    if ended and ENDS:
        sys.exit(101)
"""
BARE = """
del ready["ops"], ready["protocol"]
ready["world"] = {k: v for k, v in ready["world"].items() if k in ("frames", "pt_frames", "cpus",
                                                                   "entries")}
"""
MORE = """
ready["vendor"] = {"x": [1, 2.5]}
ready["world"]["machine"] = "q35"
ready["ops"].append("my_own_op")
ready["fields"] = ["slots", "ev", "pt", "va", "rw", "mem", "temperature"]
"""
OMITTED = [f"a.pop({name!r}, None)" for name in ("slots", "ev", "pt", "va", "rw", "mem", "args")]
ANSWERS = {
    "only out": "a = {'out': a['out']}",
    "more members": "a |= {'time': number, 'log': [[{}]], 'is_fine': True}",
    "empty lists": "a = {'slots': [], 'ev': [], 'mem': [], 'rw': {}} | a",
    "null": "a = dict.fromkeys(('slots', 'ev', 'pt', 'va', 'rw', 'mem')) | a",
    "no nodes yet": "a.setdefault('pt', 0)",
    "words of a panic": "a['out'] |= {'message': 'at line 7'} if ended else {}",
    "another order": "a = dict(reversed(a.items()))",
}
REFUSALS = {
    "now and then": "number % 97 == 40",
    "what ends things": "name in ('frame_drop', 'cursor_drop', 'reader_drop', 'segment_drop')",
    "hooks": "name.startswith('host_') or name in ('cpu_set', 'vmspace_activate')",
    "what looks": "name in ('cursor_query', 'pt_cursor_query', 'frame_info', 'pt_page_walk')",
}


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., LiveSystem]:
    """Return what starts an agent with changed words."""

    def started(
        *, ready: str = "", answer: str = "pass", refused: str = "False", ends: bool = False
    ) -> LiveSystem:
        text = AGENT.replace("from_settings(WORLD)", f"from_settings({SMALL!r})")
        text = text.replace("READY", ready).replace("REFUSED", refused)
        text = text.replace("ANSWER", answer).replace("ENDS", str(ends))
        path = tmp_path / "agent.py"
        path.write_text(text)
        return LiveSystem([sys.executable, str(path)], 60.0)

    return started


def assert_clean(system: LiveSystem) -> None:
    with system:
        campaign = Campaign()
        run_campaign(campaign, Plan(steps=STEPS, live=system), ["swarm"])

    assert not campaign.findings
    assert not campaign.unreproducible
    assert campaign.progress["swarm"].steps == STEPS


@pytest.mark.parametrize("answer", [*OMITTED, *ANSWERS.values()], ids=[*OMITTED, *ANSWERS])
def test_saying_less_or_more_is_no_divergence(
    answer: str, start: Callable[..., LiveSystem]
) -> None:
    assert_clean(start(answer=answer))


@pytest.mark.parametrize("ready", [BARE, MORE], ids=["little", "much"])
def test_a_greeting_may_say_little_or_much(ready: str, start: Callable[..., LiveSystem]) -> None:
    assert_clean(start(ready=ready))


def test_what_is_not_among_the_fields_is_not_missed(start: Callable[..., LiveSystem]) -> None:
    answer = "a = {'out': a['out'], 'ev': a.get('ev', [])}"

    assert_clean(start(ready='ready["fields"] = ["ev"]', answer=answer))


@pytest.mark.parametrize("refused", REFUSALS.values(), ids=REFUSALS)
def test_refusing_is_no_divergence(refused: str, start: Callable[..., LiveSystem]) -> None:
    assert_clean(start(refused=refused))


def test_ending_with_the_machine_is_no_divergence(start: Callable[..., LiveSystem]) -> None:
    assert_clean(start(ends=True))


def test_an_agent_that_comes_to_refuse_everything_is_a_usage_error(
    start: Callable[..., LiveSystem],
) -> None:
    with pytest.raises(VmfuzzError, match="no op that a trace can start with: frame_from_unused"):
        assert_clean(start(refused="number > 200"))


# -- what was recorded is what the real code says --------------------------------------------------

# Answers the lines of recorded traces to the letter, one trace after another.
RECORDING = """
import json, sys
traces = json.load(open(sys.argv[1]))
ready = json.dumps({"ready": {"build": traces[0]["build"], "world": traces[0]["world"]}})
print(ready, flush=True)
at = step = 0
for line in sys.stdin:
    asked = json.loads(line)
    if asked["op"] == "reset":
        at, step = at + 1, 0
        print(ready, flush=True)
        continue
    recorded = traces[at]["steps"][step]
    step += 1
    assert recorded["op"] == asked["op"], (recorded, asked)
    print(json.dumps(recorded), flush=True)
"""


def names_only_what_lives(prediction: Prediction, op: Op) -> bool:
    live = prediction.session.state.live
    handles = [(f.kind.name, getattr(op, f.name)) for f in DECLARATIONS[type(op)].handles if f.kind]
    return all(handle is None or handle in live[kind] for kind, handle in handles)


def predicted(system: LiveSystem, vector: Vector) -> Prediction:
    """Predict a recorded trace, up to what the harness would not ask for."""
    prediction = Prediction(system.world, system.flags, frozenset(CHECKS))
    replayer = Replayer(vector.world)
    for position, step in enumerate(vector.steps):
        op = replayer.build_op(step["op"], step["args"])
        assert op is not None
        replayer.step(op)
        if prediction.is_over or not names_only_what_lives(prediction, op):
            break  # a handle that a failed op gave back is not used again
        if prediction.step(op, position) is not None:
            break
    return prediction


def headers() -> dict[str, list[tuple[dict[str, Any], Vector]]]:
    """Return some traces of every file, by the machine that they were recorded on."""
    found: dict[str, list[tuple[dict[str, Any], Vector]]] = {}
    for path in sorted(VECTORS.glob("*.gz")):
        with gzip.open(path) as file:
            raw = map(json.loads, file)
            for number, (line, vector) in enumerate(zip(raw, read_vectors(path), strict=True)):
                if number % 60 == 0 or vector.world.build == "release":
                    found.setdefault(json.dumps([line["build"], line["world"]]), []).append(
                        (line, vector)
                    )
    return found


@pytest.mark.slow
def test_the_real_code_as_it_was_recorded_never_diverges(tmp_path: Path) -> None:
    agent, record = tmp_path / "agent.py", tmp_path / "record.json"
    agent.write_text(RECORDING)
    machines = headers()
    for traces in machines.values():
        record.write_text(json.dumps([line for line, _ in traces]))
        with LiveSystem([sys.executable, str(agent), str(record)], 60.0) as system:
            system.reported.fields = frozenset({"slots", "ev", "pt", "va", "rw", "mem"})
            agreed = 0
            for _, vector in traces:
                script = predicted(system, vector).finish()
                verdict = system.play(script)
                assert verdict.finding is None, vector.id
                assert verdict.agreed == len(script.ops) > 0
                agreed += verdict.agreed
        assert agreed > 1_000

    assert {json.loads(machine)[0] for machine in machines} == {"debug", "release"}
