"""The model reproduces the recordings of the real code; the view allows every recorded step."""

import gzip
import json
from pathlib import Path

import pytest

from vmfuzz.conformance import check_file
from vmfuzz.errors import VmfuzzError
from vmfuzz.replayer import Replayer
from vmfuzz.vectors import read_vectors
from vmstore.clauses.fused import everything_holds, footprint_holds
from vmstore.step import STEPS

VECTORS = Path(__file__).parents[2] / "corpora" / "vectors"


@pytest.mark.parametrize(
    ("name", "traces", "steps"),
    [
        ("frames.jsonl.gz", 875, 47_166),
        ("hand_frames.jsonl.gz", 48, 270),
        ("pagetable.jsonl.gz", 805, 36_145),
        ("vmspace.jsonl.gz", 833, 48_002),
        ("vmspace_rcu.jsonl.gz", 254, 15_829),
        ("hand_spaces.jsonl.gz", 140, 1_099),
        ("io.jsonl.gz", 476, 38_759),
        ("hand_io.jsonl.gz", 16, 307),
    ],
)
def test_every_field_of_every_recorded_step_agrees(name: str, traces: int, steps: int) -> None:
    report = check_file(VECTORS / name)

    assert report.traces == traces
    assert report.steps == steps
    assert report.first_mismatch is None
    assert (report.mismatched_steps, report.unsupported_steps) == (0, 0)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("frames.jsonl.gz", 46_000),
        pytest.param("pagetable.jsonl.gz", 36_145, marks=pytest.mark.slow),
        pytest.param("vmspace.jsonl.gz", 48_002, marks=pytest.mark.slow),
        ("vmspace_rcu.jsonl.gz", 15_829),
        ("hand_spaces.jsonl.gz", 1_099),
        ("io.jsonl.gz", 38_759),
        ("hand_io.jsonl.gz", 307),
    ],
)
def test_the_view_allows_every_recorded_step_and_all_clauses_hold(name: str, least: int) -> None:
    steps = 0
    for vector in read_vectors(VECTORS / name):
        replayer = Replayer(vector.world)
        state = replayer.state
        for recorded in vector.steps:
            op = replayer.build_op(recorded["op"], recorded["args"])
            assert op is not None
            rule = STEPS[type(op)][1]
            if rule is None:
                break
            outcome = replayer.run(op)
            assert rule(state.view, op, outcome) is None
            assert state.machine.events == state.view.events
            assert footprint_holds(state) or "panic" in recorded["out"]
            steps += 1
        else:
            assert everything_holds(state) or "panic" in recorded["out"]
    assert steps >= least


@pytest.fixture
def one_trace() -> dict[str, object]:
    with gzip.open(VECTORS / "frames.jsonl.gz", "rt") as lines:
        trace: dict[str, object] = json.loads(next(lines))
    return trace


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "v.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_changed_outcome_is_a_mismatch(tmp_path: Path, one_trace: dict[str, object]) -> None:
    steps = one_trace["steps"]
    assert isinstance(steps, list)
    steps[0]["out"] = {"err": "Busy"}

    report = check_file(written(tmp_path, json.dumps(one_trace)))

    assert report.mismatched_traces == 1
    assert report.first_mismatch is not None
    assert (report.first_mismatch.step, report.first_mismatch.field) == (0, "out")


def test_an_unknown_op_makes_the_rest_unsupported(
    tmp_path: Path, one_trace: dict[str, object]
) -> None:
    steps = one_trace["steps"]
    assert isinstance(steps, list)
    steps[3]["op"] = "frobnicate"

    report = check_file(written(tmp_path, json.dumps(one_trace)))

    assert report.unsupported_steps == len(steps) - 3
    assert report.unsupported_ops == {"frobnicate": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", ": not JSON"),
        ("[]", ":1: an object is needed, got []"),
        ("{}", ":1: 'id' is missing"),
        ('{"id": 1, "build": "x", "world": {}, "steps": []}', ":1: 'id' must be a string, got 1"),
        ('{"id": "1", "build": "debug", "world": {}, "steps": [1]}', "world: 'frames' is missing"),
        (
            '{"id": "1", "build": "odd", "world": {"frames":9,"pt_frames":0,"cpus":2},"steps":[]}',
            "world build='odd': allowed are debug, release",
        ),
        (
            '{"id":"1","build":"debug","world":{"frames":24,"pt_frames":800,"cpus":2,"pt_base":1},'
            '"steps":[]}',
            "world pt_base=1: the model has 98304",
        ),
        ("[" * 100_000, ":1: nested deeper than 32 levels"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path, line)

    with pytest.raises(VmfuzzError) as raised:
        check_file(path)

    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes((VECTORS / "frames.jsonl.gz").read_bytes()[:5000])

    with pytest.raises(VmfuzzError, match="cannot read"):
        check_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VmfuzzError, match="cannot read: No such file"):
        check_file(tmp_path / "nowhere")
