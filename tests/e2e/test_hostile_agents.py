"""Agents that lie, stall, flood, fork and die: a clear verdict in bounded time, nothing left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "python-agent"
TRACE = """\
#vmfuzz-trace 1
world
f0 = frame_from_unused(paddr=0x0)
f1 = frame_clone(frame=f0)
frame_drop(frame=f1)
frame_drop(frame=f0)
"""
# A correct agent whose answers pass through `twist(number, text)`, numbered from 0 per process.
PRELUDE = f"""
import json, os, signal, sys, time
sys.path.insert(0, {str(EXAMPLE)!r})
from agent import OPS, WORLD, Memory

def raw(text):
    sys.stdout.write(text)
    sys.stdout.flush()

def serve(twist=lambda number, text: text, ready=None):
    greeting = ready or json.dumps({{"ready": {{"build": "debug", "world": WORLD}}}}) + "\\n"
    memory, number = Memory(False), 0
    raw(greeting)
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["op"] == "reset":
            memory = Memory(False)
            raw(greeting)
            continue
        if asked["op"] not in OPS:
            raw(json.dumps({{"out": {{"refused": "unknown"}}}}) + "\\n")
            continue
        answer = memory.answer(asked["op"], asked["args"])
        raw(twist(number, json.dumps(answer) + "\\n"))
        number += 1
"""


@pytest.fixture
def agent(tmp_path: Path) -> Callable[[str], str]:
    """Write an agent and return the command that starts it."""

    def write(body: str) -> str:
        path = tmp_path / "agent.py"
        path.write_text(PRELUDE + dedent(body))
        return f"{sys.executable} {path}"

    return write


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "four.trace"
    path.write_text(TRACE)
    return path


# Becomes a process without our environment, which keeps its command line.
SLEEP = "import time; time.sleep(300)"
CLEARED = f"os.execve(sys.executable, [sys.executable, '-c', {SLEEP!r}, __file__], {{}})"


def alive(tmp_path: Path) -> list[str]:
    """Return the processes, zombies too, that were started with a path in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(tmp_path / "agent.py") in command:
                found.append(command)
    return found


# What an agent does to the answer of the second op of the trace, the clause, words of the witness.
ON_SECOND = {
    "garbage": ('"garbage\\n"', "SUT.PROTOCOL", "not JSON"),
    "a number": ('"7\\n"', "SUT.PROTOCOL", "no JSON object"),
    "an empty line": ('"\\n"', "SUT.PROTOCOL", "not JSON"),
    "no UTF-8": ('sys.stdout.buffer.write(b"\\xff\\xfe\\n") and ""', "SUT.PROTOCOL", "not JSON"),
    "no out": ('"{}\\n"', "SUT.PROTOCOL", "without 'out'"),
    "an out of another type": ('\'{"out": 3}\\n\'', "SUT.PROTOCOL", "is no object"),
    "an empty out": ('\'{"out": {}}\\n\'', "SUT.PROTOCOL", "has none of ok, err"),
    "deep nesting": ('\'{"out":\' + "[" * 100000 + "\\n"', "SUT.PROTOCOL", "nested deeper"),
    "balanced nesting": (
        '\'{"out":{"ok":\' + "[" * 60 + "]" * 60 + "}}\\n"', "SUT.PROTOCOL", "nested deeper",
    ),
    "a huge number": ('\'{"out":{"ok":\' + "9" * 9000 + "}}\\n"', "SUT.PROTOCOL", "not JSON"),
    "NaN": ('\'{"out":{"ok":{"frame":NaN}}}\\n\'', "SUT.PROTOCOL", "no number"),
    "another op's answer": ('\'{"op":"frame_drop","out":{"ok":{}}}\\n\'', "SUT.PROTOCOL", "order"),
    "two answers": ("text + text", "DIVERGE.out", "frame"),
    "a number that is no integer": (
        'text.replace(\'"frame": 1\', \'"frame": 1.0\')', "DIVERGE.out", '"1.0"',
    ),
    "true in a list of numbers": (
        'text.replace(\'"unit", 2\', \'"unit", true\')', "SUT.PROTOCOL", "true or false",
    ),
    "true for one": ('text.replace(\'"frame": 1\', \'"frame": true\')', "DIVERGE.out", "true"),
    "a wrong handle": ('text.replace(\'"frame": 1\', \'"frame": 7\')', "DIVERGE.out", '"frame": 7'),
    "a long number": (
        'text.replace(\'"frame": 1\', \'"frame": \' + "9" * 4000)', "DIVERGE.out", "9999",
    ),
    "a control character": ('\'{"out":{"err":"\\\\u001b[31m"}}\\n\'', "DIVERGE.out", "u001b"),
    "half an answer and the end": (
        "(raw('{\"out\":'), os._exit(3))", "SUT.CRASH", "exited with code 3 in the middle",
    ),
    "death": ("os.kill(os.getpid(), signal.SIGSEGV)", "SUT.CRASH", "killed by SIGSEGV"),
    "an end without a word": ("sys.exit(0)", "SUT.CRASH", "exited with code 0"),
    "a closed stdout": ("(os.close(1), time.sleep(60))", "SUT.CRASH", "closed its stdout"),
    "silence": ("time.sleep(60)", "SUT.HANG", "said nothing for 1 s"),
    "a slow drip": (
        "[(raw('x'), time.sleep(0.2)) for _ in range(300)]", "SUT.HANG", "without an end of line",
    ),
    "an endless line": ("[raw('x' * 65536) for _ in range(1 << 14)]", "SUT.PROTOCOL", "1 MiB"),
    "a flood of lines": ("[raw('{}\\n' * 4096) for _ in range(1 << 12)]", "SUT.PROTOCOL", "'out'"),
}  # fmt: skip


@pytest.mark.parametrize("case", ON_SECOND)
def test_what_is_no_answer_is_a_finding_at_its_op(
    case: str, agent: Callable[[str], str], trace: Path, vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    twist, clause, words = ON_SECOND[case]
    command = agent(f"serve(lambda number, text: {twist} if number % 4 == 1 else text)")
    started = time.monotonic()
    done = vmfuzz("replay", trace, "--sut", command, "--sut-timeout", "1s", "--json")

    assert done.returncode == 1, done.stderr
    finding = json.loads(done.stdout)["traces"][0]["finding"]
    assert finding["clause"] == clause
    assert finding["step"] == (2 if case == "two answers" else 1)
    assert words in finding["witness"]
    assert len(finding["witness"]) < 1000
    assert time.monotonic() - started < 20
    assert not alive(tmp_path)


# An agent that does not get as far as a ready line: the user's mistake, said in one sentence.
NEVER_READY = {
    "it says nothing": ("time.sleep(60)", "said nothing"),
    "it ends": ("sys.exit(4)", "exited with code 4"),
    "it talks": ("[raw('booting\\n') for _ in range(20000)]", "other lines"),
    "an endless line": ("[raw('x' * 65536) for _ in range(1 << 14)]", "more than 1 MiB"),
    "no JSON": ("raw('{garbage\\n')", "not JSON"),
    "no ready": ("raw('{\"hello\": 1}\\n')", "no 'ready'"),
    "no world": ('raw(\'{"ready": {"build": "debug"}}\\n\')', "no object"),
    "another protocol": (
        'raw(\'{"ready": {"protocol": 9, "build": "debug", "world": {"frames": 4}}}\\n\')',
        "speaks protocol '9', not 1",
    ),
    "an impossible world": (
        'raw(\'{"ready": {"build": "debug", "world": {"frames": -3}}}\\n\')', "frames=-3",
    ),
    "a huge world": (
        'raw(\'{"ready": {"build": "debug", "world": {"frames": 1%s}}}\\n\' %% ("0" * 3000))'
        .replace("%%", "%"), "64 bits",
    ),
    "an unknown build": (
        'raw(\'{"ready": {"build": "odd", "world": {"frames": 4}}}\\n\')', "build='odd'",
    ),
    "ops that are none": (
        'raw(\'{"ready": {"build": "debug", "world": {"frames": 4}, "ops": 3}}\\n\')', "'ops'",
    ),
    "no useful op": (
        'serve(ready=\'{"ready": {"build": "debug", "world": {"frames": 4}, "ops": ["x"]}}\\n\')',
        "takes no op",
    ),
}  # fmt: skip


SILENT = "it says nothing"  # which takes the 10 s that any agent has


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=[pytest.mark.slow] if c == SILENT else []) for c in NEVER_READY],
)
def test_an_agent_that_is_never_ready_is_a_usage_error(
    case: str, agent: Callable[[str], str], vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    body, words = NEVER_READY[case]
    command = agent(f"print('my last words', file=sys.stderr, flush=True)\n{body}")
    done = vmfuzz("fuzz", "--sut", command, "--steps", "100", "--sut-timeout", "1s")

    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert done.stderr.startswith("vmfuzz: --sut")
    assert not alive(tmp_path)


@pytest.mark.parametrize(
    ("sut", "words"),
    [
        ("", "the command is empty"),
        ("'unbalanced", "no closing quotation"),
        ("no-such-command-anywhere --x", "no such command"),
        ("/etc/passwd", "cannot start: Permission denied"),
        ("/", "cannot start"),
        ("a\x01b", "no such command"),
    ],
)
def test_a_command_that_cannot_be_started_is_a_usage_error(
    sut: str, words: str, trace: Path, vmfuzz: Vmfuzz
) -> None:
    done = vmfuzz("replay", trace, "--sut", sut)

    assert done.returncode == 2
    assert words in done.stderr
    assert "\x01" not in done.stderr


def test_every_command_that_drives_an_agent_says_so(trace: Path, vmfuzz: Vmfuzz) -> None:
    vectors = EXAMPLE.parents[2] / "corpora" / "vectors"
    for command in (("fuzz",), ("minimize", trace), ("conformance", vectors), ("bench", "live")):
        done = vmfuzz(*command, "--sut", "no-such-command-anywhere --x")

        assert done.returncode == 2
        assert "'no-such-command-anywhere': no such command" in done.stderr


def test_stderr_is_kept_with_the_finding_and_its_flood_bounded(
    agent: Callable[[str], str], trace: Path, vmfuzz: Vmfuzz
) -> None:
    command = agent("""
        def twist(number, text):
            if number == 1:
                sys.stderr.write("noise " * (1 << 22))
                sys.stderr.write("\\nthread 'main' panicked at frame.rs:42\\n")
                sys.stderr.flush()
                os.abort()
            return text
        serve(twist)
    """)
    done = vmfuzz("replay", trace, "--sut", command)

    assert done.returncode == 1
    assert "SUT.CRASH failed at step 1 (frame_clone)" in done.stdout
    assert "killed by SIGABRT" in done.stdout
    assert "thread 'main' panicked at frame.rs:42" in done.stdout
    assert len(done.stdout) < 5000


@pytest.mark.slow
def test_an_agent_that_closes_its_stdin_is_found_out_though_it_lives(
    agent: Callable[[str], str], trace: Path, tmp_path: Path, vmfuzz: Vmfuzz
) -> None:
    command = agent("""
        raw(json.dumps({"ready": {"build": "debug", "world": WORLD}}) + "\\n")
        os.close(0)
        time.sleep(60)
    """)
    done = vmfuzz("replay", trace, "--sut", command, "--sut-timeout", "9s")

    assert done.returncode == 1
    assert "closed its stdin" in done.stdout
    assert not alive(tmp_path)


@pytest.mark.parametrize(
    "fork",
    [
        "os.fork()",
        "os.fork() or os.setpgid(0, 0)",
        "os.fork() or os.setsid()",
        "[os.fork() for _ in range(4)]",
        "os.fork() or (os.setsid(), os.fork() and os._exit(0))",
        # The same with an environment, a session and a process group that say nothing.
        f"os.fork() or (os.setsid(), os.fork() and os._exit(0), {CLEARED})",
        f"os.fork() or (os.setsid(), {CLEARED})",
    ],
)
def test_what_an_agent_forks_ends_with_it(
    fork: str, agent: Callable[[str], str], trace: Path, vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    command = agent(f"""
        parent = os.getpid()
        {fork}
        if os.getpid() != parent:
            time.sleep(300)
        time.sleep(0.3)  # until they have got away
        serve()
    """)
    done = vmfuzz("replay", trace, "--sut", command)

    assert done.returncode == 0, done.stdout
    assert not alive(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_takes_a_hanging_agent_along(
    number: signal.Signals, agent: Callable[[str], str], trace: Path, tmp_path: Path
) -> None:
    command = agent("serve(lambda number, text: time.sleep(300))")
    process = subprocess.Popen(
        [sys.executable, "-m", "vmfuzz", "replay", trace, "--sut", command, "--sut-timeout", "90s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 20
    while len(alive(tmp_path)) < 2 and time.monotonic() < deadline:  # vmfuzz itself and the agent
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(process.pid, number)
    _, error = process.communicate(timeout=20)
    while alive(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not alive(tmp_path)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    assert b"Traceback" not in error


def test_an_agent_that_is_not_the_same_twice_gives_no_finding(
    agent: Callable[[str], str], vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    once = tmp_path / "once"
    command = agent(f"""
        def twist(number, text):
            if number == 300 and not os.path.exists({str(once)!r}):
                open({str(once)!r}, "w").close()
                return '{{"out": {{"err": "Flaky"}}}}\\n'
            return text
        serve(twist, json.dumps({{"ready": {{"world": WORLD, "ops": OPS}}}}) + "\\n")
    """)
    done = vmfuzz("fuzz", "--sut", command, "--steps", "2000")

    assert done.returncode == 4
    assert "inconclusive: 1 finding did not replay" in done.stdout


def test_an_agent_that_comes_back_with_another_world_is_found_out(
    agent: Callable[[str], str], trace: Path, vmfuzz: Vmfuzz
) -> None:
    command = agent("""
        raw('{"ready": {"build": "debug", "world": {"frames": 8}}}\\n')
        for line in sys.stdin:
            raw('{"ready": {"build": "debug", "world": {"frames": 9}}}\\n')
    """)
    done = vmfuzz("replay", trace, "--sut", command)

    assert done.returncode == 1
    assert "SUT.PROTOCOL" in done.stdout
