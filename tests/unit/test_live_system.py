"""A live system in this process: what is sent, what is compared, what is left out."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from vmfuzz.campaign import Campaign, run_campaign
from vmfuzz.comparison import FIELDS, TRUTHFUL, first_difference, is_same
from vmfuzz.engines.interface import Plan
from vmfuzz.errors import VmfuzzError
from vmfuzz.minimize import minimize
from vmfuzz.replayer import Replayer
from vmfuzz.sut.generate import LiveTrace, live_config
from vmfuzz.sut.numbering import with_fresh_ids
from vmfuzz.sut.prediction import Prediction
from vmfuzz.sut.system import LiveSystem
from vmfuzz.sut.wire import encode, wire_args
from vmfuzz.swarm import FAMILIES
from vmfuzz.trace import Step, Trace
from vmfuzz.trace_text import format_trace, parse
from vmfuzz.vectors import read_vectors
from vmstore.faults import Faults
from vmstore.ops import GENERATED
from vmstore.world import World

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "python-agent" / "agent.py"
MODEL = [sys.executable, "-m", "vmfuzz", "agent"]
SMALL = ("--world", "frames=16", "--world", "pt_frames=40", "--world", "entries=4")


@pytest.fixture(scope="module")
def model() -> Iterator[LiveSystem]:
    with LiveSystem([*MODEL, *SMALL]) as system:
        yield system


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[..., LiveSystem]]:
    """Start agents with a body of their own; end them all."""
    systems: list[LiveSystem] = []

    def start(body: str, **options: object) -> LiveSystem:
        path = tmp_path / f"agent{len(systems)}.py"
        path.write_text(f"import json, sys\nsys.path.insert(0, {str(EXAMPLE.parent)!r})\n{body}")
        systems.append(LiveSystem([sys.executable, str(path)], 2.0, **options))  # type: ignore[arg-type]
        return systems[-1]

    yield start
    for system in systems:
        system.agent.close()


def trace_of(text: str) -> Trace:
    return parse("#vmfuzz-trace 1\nworld\n" + text)


FOUR = "f0 = frame_from_unused(paddr=0x0)\nf1 = frame_clone(frame=f0)\nframe_drop(frame=f0)\n"


# -- the comparator --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0, False), ([1], [True]), ({"a": 1}, {"a": 1.0}), ([1], {"0": 1}),
     ({"a": 1}, {"a": 1, "b": 2}), ([1, 2], [1]), (None, 0), ("1", 1), ("", None)],
)  # fmt: skip
def test_values_of_another_type_or_shape_differ(one: object, other: object) -> None:
    assert not is_same(one, other)
    assert not is_same(other, one)
    assert is_same(json.loads(json.dumps(one)), one)


def test_the_first_field_that_differs_is_named_in_a_fixed_order() -> None:
    expected: dict[str, object] = dict.fromkeys(FIELDS, 1)
    for number, name in enumerate(FIELDS):
        actual = dict.fromkeys(FIELDS[:number], 1) | dict.fromkeys(FIELDS[number:], 2)
        assert first_difference(expected, actual, FIELDS) == (name, 1, 2)


def test_a_missing_field_counts_only_where_it_is_reported() -> None:
    expected: dict[str, object] = {"out": {"ok": {}}, "slots": [[0, "unit", 1]], "pt": 0}

    assert first_difference(expected, {"out": {"ok": {}}}, ()) is None
    assert first_difference(expected, {"out": {"ok": {}}}, {"pt"}) == ("pt", 0, None)
    assert first_difference(expected, {"out": {"ok": {}}, "pt": 3}, ()) == ("pt", 0, 3)


def test_what_is_unknown_or_empty_does_not_differ_from_nothing() -> None:
    expected: dict[str, object] = {"out": {"ok": {}}}
    answer: dict[str, object] = {
        "op": "x",
        "args": {},
        "out": {"ok": {}},
        "slots": [],
        "rw": {},
        "time_ns": 3,
    }

    assert first_difference(expected, answer, FIELDS) is None
    assert first_difference(expected, answer | {"slots": [[1, "unit", 1]]}, ()) is not None


@pytest.mark.parametrize(
    ("expected", "more"),
    [
        ({}, {"slots": None, "ev": None, "mem": None, "rw": None, "pt": None, "va": None}),
        ({}, {"pt": 0, "va": 4096, "rw": {"r0": 3}}),
        ({"rw": {"r0": 3}}, {"rw": {"r0": 3, "r1": 4}}),
        ({"out": {"panic": "range-empty"}}, {"out": {"panic": "range-empty", "line": 7}}),
    ],
)
def test_saying_more_than_was_asked_is_no_difference(
    expected: dict[str, object], more: dict[str, object]
) -> None:
    whole: dict[str, object] = {"out": {"ok": {}}, **expected}

    assert first_difference(whole, {**whole, **more}, FIELDS) is None
    assert first_difference(whole, {**whole, **more}, ()) is None


@pytest.mark.parametrize(
    ("expected", "other"),
    [
        ({"pt": 3}, {"pt": 0}),
        ({"pt": 3}, {"pt": None}),
        ({}, {"pt": 1}),
        ({}, {"pt": False}),
        ({"va": 4096}, {"va": 0}),
        ({"rw": {"r0": 3}}, {"rw": {"r1": 3}}),
        ({"rw": {"r0": 3}}, {"rw": {"r0": 4, "r1": 3}}),
        ({"rw": {"r0": 3}}, {"rw": []}),
        ({}, {"ev": [["freed", 0]]}),
        ({"out": {"panic": "range-empty"}}, {"out": {"panic": "overflow", "line": 7}}),
        ({"out": {"panic": "range-empty"}}, {"out": {"ok": {}}}),
        ({}, {"out": {"ok": {}, "panic": "range-empty"}}),
        ({}, {"out": {"ok": {"frame": 0}}}),
    ],
)
def test_saying_something_else_is_one(
    expected: dict[str, object], other: dict[str, object]
) -> None:
    whole: dict[str, object] = {"out": {"ok": {}}, **expected}

    assert first_difference(whole, {**whole, **other}, FIELDS) is not None


def test_ops_whose_answers_have_truth_values_are_known() -> None:
    def has_any(value: object) -> bool:
        if isinstance(value, dict):
            value = list(value.values())
        return any(map(has_any, value)) if isinstance(value, list) else isinstance(value, bool)

    seen = {
        step["op"]
        for name in ("hand_frames", "hand_io", "io", "frames")
        for vector in islice(read_vectors(ROOT / "corpora" / "vectors" / f"{name}.jsonl.gz"), 60)
        for step in vector.steps
        if any(has_any(step.get(name)) for name in FIELDS)
    }

    assert seen == TRUTHFUL


# -- the wire --------------------------------------------------------------------------------------


def test_every_recorded_op_is_sent_as_it_was_recorded() -> None:
    """Up to arguments that have a default, which are always sent."""
    defaults = {"meta": "unit", "val": 0, "set": 0, "clear": 0}
    steps = 0
    for path in sorted((ROOT / "corpora" / "vectors").glob("hand_*.jsonl.gz")):
        for vector in read_vectors(path):
            replayer = Replayer(vector.world)
            for step in vector.steps:
                op = replayer.build_op(step["op"], step["args"])
                assert op is not None
                sent = json.loads(encode(op))
                added = sent["args"].keys() - step["args"].keys()
                assert sent["op"] == step["op"]
                assert sent["args"].items() >= step["args"].items()
                assert all(sent["args"][name] == defaults[name] for name in added)
                assert sent["args"] == wire_args(op)
                replayer.step(op)
                steps += 1
    assert steps > 1500


def test_generated_ops_come_back_as_they_were_sent(model: LiveSystem) -> None:
    names = set()
    for number in range(60):
        prediction = Prediction(model.world, Faults(), frozenset())
        config = live_config(Random(number // 4), model, FAMILIES)
        script = LiveTrace(Random(number), config, prediction, model).run(200)
        replayer = Replayer(model.world)
        for line, expected in zip(script.lines, script.expected, strict=True):
            asked = json.loads(line)
            again = replayer.build_op(asked["op"], asked["args"])
            assert again is not None
            assert encode(again) == line
            assert replayer.step(again) == expected
            names.add(asked["op"])
    assert len(names) > 100


def test_ids_of_a_found_trace_are_defined_once_and_mean_the_same(model: LiveSystem) -> None:
    for number in range(30):
        prediction = Prediction(model.world, Faults(), frozenset())
        config = live_config(Random(number), model, FAMILIES)
        script = LiveTrace(Random(number), config, prediction, model).run(200)
        steps = [Step(op) for op in with_fresh_ids(script.ops)]
        attempt = model.predict(Trace(model.world, steps))

        assert attempt.script.lines == script.lines
        assert not attempt.result.skipped


# -- agreement and divergence ----------------------------------------------------------------------


def test_the_model_agrees_with_itself_through_the_pipe(model: LiveSystem) -> None:
    campaign = Campaign()
    run_campaign(campaign, Plan(steps=12_000, live=model), ["swarm"])

    assert not campaign.findings
    assert not campaign.unreproducible
    (progress,) = campaign.progress.values()
    assert progress.steps == 12_000
    assert model.agent.starts == 1
    named = {op for op, word in progress.tally if word == "ok"}
    assert len(named) > len(GENERATED) * 2 // 3


def test_the_same_seed_gives_the_same_run() -> None:
    tallies = []
    for _ in range(2):
        campaign = Campaign()
        with LiveSystem([sys.executable, str(EXAMPLE)]) as system:
            run_campaign(campaign, Plan(steps=3_000, rng_seed=5, live=system), ["swarm"])
        (progress,) = campaign.progress.values()
        tallies.append((progress.tally, progress.traces))
    assert tallies[0] == tallies[1]


def test_a_divergence_names_the_equation_that_the_reported_counts_break() -> None:
    with LiveSystem([*MODEL, *SMALL, "--fault", "segment-clone-misses-last"]) as system:
        campaign = Campaign()
        run_campaign(campaign, Plan(steps=20_000, live=system), ["swarm"])
        (stored,) = campaign.findings.values()
    found = stored.minimized.finding

    assert found.signature == "DIVERGE.slots/segment_clone"
    assert found.others[0].clause == "ACCT.3c"
    assert "rc=1, but H + P + C + D = 0 + 0 + 2 + 0 = 2" in found.others[0].witness
    assert len(stored.minimized.trace.steps) == 2
    assert stored.minimized.is_minimal


def test_a_broken_equation_is_named_though_model_and_agent_agree() -> None:
    fault = "segment-clone-misses-last"
    with LiveSystem([*MODEL, "--fault", fault], faults=(fault,)) as system:
        run = system.run(trace_of(
            "s0 = segment_from_unused(start=0x0, end=0x1000)\ns1 = segment_clone(segment=s0)\n"
        ))  # fmt: skip
        unchecked = system.run(trace_of(
            "s0 = segment_from_unused(start=0x0, end=0x1000)\ns1 = segment_clone(segment=s0)\n"
        ), checks=frozenset({"outcome"}))  # fmt: skip

    assert run.finding is not None
    assert run.finding.signature == "ACCT.3c/segment_clone"
    assert unchecked.finding is not None, "what the agent reports is held against the owners, too"
    assert unchecked.finding.signature == "ACCT.3c/segment_clone"
    assert unchecked.finding.witness.startswith("as the agent reports")


def test_a_trace_is_minimized_with_the_agent_in_the_loop() -> None:
    with LiveSystem([sys.executable, str(EXAMPLE), "--bug"]) as system:
        padding = "".join(f"f{i} = frame_from_unused(paddr={i:#x}000)\n" for i in range(1, 6))
        clones = "".join(f"f{i} = frame_clone(frame=f0)\n" for i in range(10, 14))
        text = f"{padding}f0 = frame_from_unused(paddr=0x0)\n{clones}frame_drop(frame=f1)\n"
        result = minimize(system.adopt(trace_of(text)), system=system)

    assert result.finding.signature == "DIVERGE.slots/frame_clone"
    assert [type(op).__name__ for op in result.trace.ops] == ["FrameFromUnused"] + [
        "FrameClone"
    ] * 3
    assert result.trace.world == World(frames=8, pt_frames=0, cpus=1)
    assert result.is_minimal


# -- what an agent does not do ---------------------------------------------------------------------

ANSWERING = """
from agent import OPS, WORLD, Memory
memory = Memory(False)
READY = {ready}
print("reset", file=open({log!r}, "a"))  # a fresh world, too
print(json.dumps(READY), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(asked["op"], file=open({log!r}, "a"))
    if asked["op"] == "reset":
        memory = Memory(False)
        print(json.dumps(READY), flush=True)
        continue
    name = asked["op"]
    whole = memory.answer(**asked) if name in OPS else {{}}
    out, slots, ev = whole.get("out"), whole.get("slots", []), whole.get("ev", [])
    answer = {answer}
    print(json.dumps(answer), flush=True)
"""
WHOLE = '{"out": out or {"refused": "no"}, "slots": slots, "ev": ev}'


def answering(log: Path, answer: str = WHOLE, ready: str = '{"ready": {"world": WORLD}}') -> str:
    return ANSWERING.format(ready=ready, answer=answer, log=str(log))


def test_an_op_that_is_refused_is_not_generated_again(
    agent: Callable[..., LiveSystem], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    system = agent(answering(log))
    campaign = Campaign()
    run_campaign(campaign, Plan(steps=6_000, live=system), ["swarm"])
    known = {"frame_from_unused", "frame_from_in_use", "frame_clone", "frame_drop"}
    refused: set[str] = set()

    assert not campaign.findings
    for asked in re.split("^reset$", log.read_text(), flags=re.MULTILINE):  # a trace each
        assert not refused & set(asked.split())
        refused |= set([name for name in asked.split() if name not in known][:1])
    assert refused == system.vocabulary.refusals.keys()
    assert set(system.vocabulary.refusals.values()) == {1}
    assert len(refused) > 5


@pytest.mark.slow
def test_an_op_that_is_refused_now_and_then_stays(
    agent: Callable[..., LiveSystem], tmp_path: Path
) -> None:
    answer = WHOLE.replace(
        "out or", '{"refused": "page 7 is mine"} if asked["args"].get("paddr") == 28672 else out or'
    )
    body = answering(tmp_path / "log", answer, '{"ready": {"world": WORLD, "ops": OPS}}')
    body = body.replace(
        "out = getattr", 'out = None if asked["args"].get("paddr") == 28672 else getattr'
    )
    system = agent(body)
    campaign = Campaign()
    run_campaign(campaign, Plan(steps=5_000, live=system), ["swarm"])
    (progress,) = campaign.progress.values()

    assert not campaign.findings
    assert system.vocabulary.refusals.get("frame_from_unused", 0) > 1
    assert (
        progress.tally["frame_from_unused", "refused"]
        == system.vocabulary.refusals["frame_from_unused"]
    )
    assert "frame_from_unused" in system.vocabulary.spoken


def test_what_is_not_listed_is_not_sent_and_reported_as_skipped(
    agent: Callable[..., LiveSystem], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    system = agent(
        answering(log, ready='{"ready": {"world": WORLD, "ops": ["frame_from_unused"]}}')
    )
    run = system.run(trace_of(FOUR))

    assert run.finding is None
    assert run.executed == 1
    assert run.skipped[1] == "the agent does not list frame_clone"
    assert log.read_text().split() == ["reset", "frame_from_unused", "reset"]


def test_a_refused_step_is_left_out_with_what_depends_on_it(
    agent: Callable[..., LiveSystem], tmp_path: Path
) -> None:
    answer = '{"out": {"refused": "never"} if asked["op"] == "frame_clone" else out}'
    system = agent(
        answering(tmp_path / "log", answer.replace(" else out", " else out or {'ok': 0}"))
    )
    run = system.run(trace_of(FOUR + "frame_drop(frame=f1)\n"))

    assert run.skipped[1] == "refused: never"
    assert run.skipped[3] == "f1 is not live"
    assert run.executed == 2


@pytest.mark.parametrize("kept", ["out", "out slots", "out ev"])
def test_an_agent_that_reports_less_is_compared_in_less(
    kept: str, agent: Callable[..., LiveSystem], tmp_path: Path
) -> None:
    answer = f"{{k: v for k, v in {WHOLE}.items() if k in {kept.split()!r}}}"
    system = agent(answering(tmp_path / "log", answer, '{"ready": {"world": WORLD, "ops": OPS}}'))
    campaign = Campaign()
    run_campaign(campaign, Plan(steps=3_000, live=system), ["swarm"])

    assert not campaign.findings
    assert ("slots" in system.reported) == ("slots" in kept)
    assert ("ev" in system.reported) == ("ev" in kept)


def test_silence_about_a_change_is_a_divergence_for_who_reports_changes(
    agent: Callable[..., LiveSystem], tmp_path: Path
) -> None:
    answer = WHOLE.replace(
        '"slots": slots', '"slots": [] if asked["op"] == "frame_clone" else slots'
    )
    answer = f"{{k: v for k, v in {answer}.items() if v}}"
    system = agent(answering(tmp_path / "log", answer, '{"ready": {"world": WORLD, "ops": OPS}}'))
    run = system.run(trace_of(FOUR))

    assert run.finding is not None
    assert run.finding.signature == "DIVERGE.slots/frame_clone"
    assert "the agent has nothing" in run.finding.witness


def test_an_agent_that_cannot_reset_is_started_for_every_trace(
    agent: Callable[..., LiveSystem], tmp_path: Path
) -> None:
    body = (
        answering(tmp_path / "log")
        .replace("        memory = Memory(False)\n", "")
        .replace(
            "        print(json.dumps(READY), flush=True)",
            '        print(json.dumps({"out": {"refused": "cannot"}}), flush=True)',
        )
    )
    system = agent(body)
    for _ in range(3):
        assert system.run(trace_of(FOUR)).finding is None
    assert system.agent.starts == 3


def test_an_agent_may_end_after_a_panic(agent: Callable[..., LiveSystem], tmp_path: Path) -> None:
    body = answering(tmp_path / "log", ready='{"ready": {"world": WORLD}}').replace(
        "    name = asked", '    if asked["op"].startswith("segment"):\n'
        '        print(json.dumps({"out": {"panic": "range-empty"}}), flush=True)\n'
        "        sys.exit(101)\n    name = asked",
    )  # fmt: skip
    system = agent(body)
    panics = trace_of(FOUR + "s0 = segment_from_unused(start=0x1000, end=0x1000)\n")

    for starts in (1, 2, 3):
        run = system.run(panics)
        assert run.finding is None
        assert run.executed == 4
        assert system.agent.starts == starts


def test_lines_end_as_a_serial_console_ends_them_after_a_boot_log(
    agent: Callable[..., LiveSystem], tmp_path: Path
) -> None:
    body = answering(tmp_path / "log").replace("flush=True", 'end="\\r\\n", flush=True')
    system = agent('print("\\x1b[0m[ 0.000] booting", end="\\r\\n")\nprint()\n' + body)

    assert system.run(trace_of(FOUR)).finding is None


# -- what cannot be said ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("l0 = list_new()\nlc0 = list_cursor_front(list=l0)\nlist_drop(list=l0)\n", "Borrowed"),
        ("vs0 = vmspace_new()\nc0 = cursor_open(vs=vs0, start=0x0, end=0x1000)\n"
         "cursor_unmap(cursor=c0, len=0x1000)\n", "WrongType"),
        ("b0 = buf_new(len=8, seed=0)\nr0 = reader_new(buf=b0, offset=0, len=8)\n"
         "r1 = reader_new(buf=b0, offset=0, len=9)\n", "OutOfBound"),
        ("f0 = frame_from_unused(paddr=0x0)\nr0 = reader_new(frame=f0)\nframe_drop(frame=f0)\n",
         "is lent"),
        ("b0 = buf_new(len=64, seed=0)\nr0 = reader_new(buf=b0, offset=0, len=8)\n"
         "w0 = writer_new(buf=b0, offset=32, len=8)\nreader_read(reader=r0, writer=w0)\n",
         "share a page"),
        ("s0 = segment_from_unused(start=0x0, end=0x1000)\nf0 = segment_next(segment=s0)\n"
         "segment_to_usegment(segment=s0)\n", "empty-segment-reads-foreign-frame"),
    ],
)  # fmt: skip
def test_what_no_program_can_write_is_not_sent(text: str, reason: str, model: LiveSystem) -> None:
    trace = trace_of(text)
    run = model.run(trace)
    last = len(trace.steps) - 1

    assert run.finding is None
    assert reason in run.skipped[last]
    assert run.executed == last


def test_the_kernel_searching_for_ever_is_not_asked_to() -> None:
    with LiveSystem([*MODEL, "--world", "build=release"]) as system:
        run = system.run(trace_of(
            "pt0 = pt_new(config=kernel)\n"
            "pc0 = pt_cursor_open_mut("
            "ptable=pt0, start=0xffffffffffc00000, end=0xfffffffffffff000)\n"
            "pt_cursor_find_next(ptcursor=pc0, len=0x3ff000)\n"
        ))  # fmt: skip

    assert run.finding is None
    assert run.skipped == {2: "a known upstream defect was reached: search-never-ends"}


# -- traces from elsewhere -------------------------------------------------------------------------


def test_a_trace_runs_in_the_agents_world_without_its_faults() -> None:
    trace = parse(
        "#vmfuzz-trace 1\nworld frames=9\nfault segment-clone-misses-last\nexpect ACCT.3c at 1\n"
        "f0 = frame_from_unused(paddr=0x8000) => ok\n"
    )
    with LiveSystem([sys.executable, str(EXAMPLE)]) as system:
        adopted = system.adopt(trace)
        run = system.run(adopted)

    assert format_trace(adopted) == (
        "#vmfuzz-trace 1\nworld frames=8 pt_frames=0 cpus=1\nf0 = frame_from_unused(paddr=0x8000)\n"
    )
    assert run.finding is None


def test_recorded_outcomes_are_compared_in_the_same_world_only() -> None:
    text = "#vmfuzz-trace 1\nworld frames={}\nf0 = frame_from_unused(paddr=0x0) => err Busy\n"
    with LiveSystem([*MODEL, "--world", "frames=9"]) as system:
        same = system.run(system.adopt(parse(text.format(9))))
        other = system.run(system.adopt(parse(text.format(8))))

    assert same.finding is not None
    assert same.finding.clause == "EXPECT"
    assert other.finding is None


def test_the_user_completes_a_world_but_does_not_contradict_it() -> None:
    command = [sys.executable, str(EXAMPLE)]
    added = World(profile="vostd", rc_max=5)
    with LiveSystem(command, settings=added, pinned=frozenset({"profile", "rc_max"})) as system:
        assert system.world == World(frames=8, pt_frames=0, cpus=1, profile="vostd", rc_max=5)
    other = LiveSystem(command, settings=World(frames=9), pinned=frozenset({"frames"}))
    with other, pytest.raises(VmfuzzError, match="--world frames: the agent says"):
        _ = other.world
