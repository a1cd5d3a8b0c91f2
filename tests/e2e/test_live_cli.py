"""The commands with a live system: found, minimized, replayed, compared with recordings."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
PYTHON_AGENT = f"{sys.executable} {ROOT / 'docs' / 'examples' / 'python-agent' / 'agent.py'}"
RUST_AGENT = ROOT / "docs" / "examples" / "rust-agent"
MODEL = f"{sys.executable} -m vmfuzz agent"
SMALL = "--world frames=16 --world pt_frames=40 --world entries=4"


def test_a_bug_is_found_minimized_stored_and_replayed_with_the_agent(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    sut = f"{PYTHON_AGENT} --bug"
    found = vmfuzz("fuzz", "--sut", sut, "--steps", "20000", "--out", "findings")
    bucket = tmp_path / "findings" / "DIVERGE.slots--frame_clone"
    again = vmfuzz(*shlex.split(found.stdout.splitlines()[-1].removeprefix("next: vmfuzz ")))
    fixed = vmfuzz("replay", "findings", "--sut", PYTHON_AGENT)
    first = bucket / "first.trace"
    smaller = vmfuzz("minimize", first, "--sut", sut, "-o", "small.trace")

    assert found.returncode == again.returncode == 1
    assert "FOUND 1 signature" in found.stdout
    assert "also broken: ACCT.3c" in found.stdout
    assert "DIVERGE.slots failed at step 3 (frame_clone)" in again.stdout
    assert fixed.returncode == 0
    assert fixed.stdout.count("ok  ") == 2
    assert smaller.returncode == 0
    assert (tmp_path / "small.trace").read_text() == (bucket / "min.trace").read_text()
    assert json.loads((bucket / "meta.json").read_text())["sut"] == shlex.join(shlex.split(sut))
    assert "also broken: ACCT.3c" in (bucket / "finding.txt").read_text()


def test_the_how_to_shows_what_the_commands_print(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("fuzz", "--sut", f"{PYTHON_AGENT} --bug", "--out", "findings")
    page = (ROOT / "docs" / "how-to" / "test-your-implementation.md").read_text(encoding="utf-8")
    block = done.stdout.partition("\n\nengine")[0]

    assert block.count("\n") > 10
    assert block in page


def test_a_clean_agent_and_the_document_of_a_run(vmfuzz: Vmfuzz) -> None:
    sut = f"{MODEL} {SMALL}"
    done = vmfuzz("fuzz", "--sut", sut, "--steps", "4000")
    document = json.loads(vmfuzz("fuzz", "--sut", sut, "--steps", "4000", "--json").stdout)

    assert done.returncode == 0
    assert "clean: every answer of" in done.stdout
    assert document["exit"] == 0
    assert document["engines"][0]["steps"] == 4000
    assert document["sut"]["world"] == {"frames": "16", "pt_frames": "40", "entries": "4"}
    assert document["sut"]["starts"] == 1


# One bug per area, each visible in another field; the bench looks for all of them.
FAULTS = {
    "inc-ref-temp-handle": "DIVERGE.slots",
    "drop-skips-dealloc": "DIVERGE.ev",
    "downcast-unchecked": "DIVERGE.out",
    "segment-rollback-leaks": "DIVERGE.slots",
    "guard-covers-exclusive-end": "DIVERGE.pt",
    "fill-zeros-one-short": "DIVERGE.mem",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_bug_is_found_through_the_pipe_and_named(fault: str, vmfuzz: Vmfuzz) -> None:
    sut = f"{MODEL} {SMALL} --fault {fault}"
    done = vmfuzz("fuzz", "--sut", sut, "--steps", "60000", "--json")
    (finding,) = json.loads(done.stdout)["findings"]

    assert done.returncode == 1
    assert finding["clause"] == FAULTS[fault]
    assert finding["ops"] <= 3


def test_every_recorded_step_agrees_through_the_pipe(vmfuzz: Vmfuzz) -> None:
    names = ("hand_frames", "hand_spaces", "hand_io")
    files = [ROOT / "corpora" / "vectors" / f"{name}.jsonl.gz" for name in names]
    debug = vmfuzz("conformance", *files, "--sut", MODEL, "--json")
    release = vmfuzz("conformance", *files, "--sut", f"{MODEL} --world build=release", "--json")

    assert debug.returncode == release.returncode == 0
    compared = 0
    for done in (debug, release):
        for report in json.loads(done.stdout)["files"]:
            compared += report["steps"]
            assert (report["mismatched_steps"], report["unsupported_steps"]) == (0, 0)
            assert report["other_worlds"] > 0
    assert compared == 1_099 + 270 + 307


def test_conformance_of_a_faulty_and_of_a_small_agent(vmfuzz: Vmfuzz) -> None:
    vectors = ROOT / "corpora" / "vectors" / "hand_frames.jsonl.gz"
    release = f"{MODEL} --world build=release"
    faulty = vmfuzz("conformance", vectors, "--sut", f"{release} --fault segment-rollback-leaks")
    small = vmfuzz("conformance", vectors, "--sut", PYTHON_AGENT)

    assert faulty.returncode == 1
    assert "FAIL" in faulty.stdout
    assert "agent    " in faulty.stdout
    assert small.returncode == 5, "every trace is of another world"


def test_seeds_replay_in_the_agents_world(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("replay", ROOT / "corpora" / "seeds", "--sut", MODEL)

    assert done.returncode == 0, done.stdout
    assert "known upstream defect would be reached: empty-segment" in done.stdout


def test_what_goes_with_a_live_system_and_what_does_not(vmfuzz: Vmfuzz) -> None:
    engine = vmfuzz("fuzz", "--sut", PYTHON_AGENT, "--engine", "swarm,hypothesis")
    world = vmfuzz("fuzz", "--sut", PYTHON_AGENT, "--world", "frames=4", "--steps", "10")
    profile = vmfuzz("fuzz", "--sut", PYTHON_AGENT, "--world", "profile=vostd", "--steps", "5000")

    assert engine.returncode == world.returncode == 2
    assert "driven by the swarm engine only; with --sut leave --engine out" in engine.stderr
    assert "the agent says what it is" in world.stderr
    assert profile.returncode == 1
    assert "world frames=8 pt_frames=0 cpus=1 profile=vostd" in profile.stdout


def test_the_agent_refuses_what_it_cannot_do_and_goes_on() -> None:
    lines = [
        '{"op": "frame_from_unused", "args": {"paddr": 0}}',
        '{"op": "frame_clone", "args": {"frame": 3}}',
        '{"op": "frame_clone", "args": {"frame": true}}',
        '{"op": "frame_clone", "args": {"frame": "x"}}',
        '{"op": "frame_clone", "args": {"frame": 1e9}}',
        '{"op": "frame_clone", "args": {"fraim": 0}}',
        '{"op": "frame_clone", "args": [0]}',
        '{"op": "make_tea", "args": {}}',
        '{"op": 3}',
        "garbage",
        "[" * 100_000,
        '{"op": "frame_from_unused", "args": {"paddr": 99999999999999999999999}}',
        '{"op": "segment_from_unused", "args": {"start": 0, "end": 0}}',
        '{"op": "frame_clone", "args": {"frame": 0}}',
        '{"op": "reset"}',
        '{"op": "frame_from_unused", "args": {"paddr": 0}}',
    ]
    done = subprocess.run(
        shlex.split(MODEL),
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [next(iter(answer.get("out", answer))) for answer in answers]

    assert kinds == ["ready", "ok", *["refused"] * 11, "panic", "refused", "ready", "ok"]
    assert done.stderr == ""


def test_the_agent_ends_quietly_when_nobody_listens() -> None:
    process = subprocess.Popen(
        shlex.split(MODEL), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    try:
        process.stdin.write(b'{"op": "reset"}\n' * 100)
        process.stdin.close()
    except BrokenPipeError:
        pass
    error = process.stderr.read()
    process.stderr.close()

    assert process.wait(20) == 0
    assert error == b""


# -- the agent in Rust -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def rust_agent(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Build the example with some features; a second build takes a second."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("cargo is not installed")
    target = tmp_path_factory.mktemp("cargo")

    def build(features: str) -> Path:
        command = [cargo, "build", "--offline", "--release", "--features", features]
        done = subprocess.run(
            command,
            cwd=RUST_AGENT,
            env={**os.environ, "CARGO_TARGET_DIR": str(target / (features or "none"))},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr
        return target / (features or "none") / "release" / "rust-agent"

    return build


@pytest.mark.slow
def test_the_rust_agent_agrees_with_the_model(
    vmfuzz: Vmfuzz, rust_agent: Callable[[str], Path]
) -> None:
    done = vmfuzz("fuzz", "--sut", rust_agent(""), "--steps", "20000")

    assert done.returncode == 0, done.stdout
    assert "ops that succeeded: 34 of 34" in done.stdout


@pytest.mark.parametrize(
    ("feature", "clause", "op"),
    [
        ("bug-rollback", "DIVERGE.slots", "segment_from_unused"),
        pytest.param(
            "bug-try-unique", "DIVERGE.out", "unique_try_from_shared", marks=pytest.mark.slow
        ),
    ],
)
def test_its_planted_bugs_are_found_and_minimized(
    feature: str, clause: str, op: str, vmfuzz: Vmfuzz, rust_agent: Callable[[str], Path]
) -> None:
    done = vmfuzz("fuzz", "--sut", rust_agent(feature), "--steps", "60000", "--json")
    (finding,) = json.loads(done.stdout)["findings"]

    assert done.returncode == 1
    assert (finding["clause"], finding["op"]) == (clause, op)
    assert finding["ops"] <= 3
