"""The `atheris` engine: starts the child, follows it, and says what became of it."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, Final

from vmfuzz.byte_layout import RECORD
from vmfuzz.byte_target import ByteTarget, swarm_inputs
from vmfuzz.clause_counts import merge
from vmfuzz.engines.interface import Found, Plan, Progress
from vmfuzz.errors import HarnessError, VmfuzzError
from vmfuzz.finding import FIELDS, Finding
from vmfuzz.mutate import HEADER
from vmfuzz.swarm import MAX_TRACE, fuzz_worlds
from vmfuzz.trace_file import save
from vmstore.sources import VARIABLE

SEEDS: Final = 300
TIMEOUT: Final = 30  # seconds for one input
MEMORY_MB: Final = 2048
_GRACE: Final = 15.0  # seconds that a child may take to end by itself
_MAX_LINE: Final = 4 << 20
_EXITS: Final = {
    70: ("timeout-*", "one input ran for more than {limits.timeout} s"),
    71: ("oom-*", "one input needed more than {limits.memory_mb} MB"),
    77: ("crash-*", "an exception escaped from the target"),
}
MISSING: Final = (
    "the atheris engine needs atheris, which is not installed; `pip install 'vmfuzz[atheris]'`,"
    " or use --engine swarm"
)


def is_installed() -> bool:
    """Return whether atheris can be imported, without importing it."""
    return find_spec("atheris") is not None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one input may use. Units: seconds, MB."""

    timeout: int = TIMEOUT
    memory_mb: int = MEMORY_MB


class AtherisEngine:
    """libFuzzer in a child process over the byte form, seeded with traces of the swarm."""

    name = "atheris"

    def __init__(self, limits: Limits | None = None, seeds: int | None = None) -> None:
        if not is_installed():
            raise VmfuzzError(MISSING)
        self.limits = limits or Limits()
        self.seeds = SEEDS if seeds is None else seeds

    def run(self, plan: Plan, progress: Progress, tick: Callable[[], None]) -> Iterator[Found]:
        """Run until the plan's limits, yielding findings as they come.

        Errors: HarnessError when the child fails, runs out of memory or hangs; the input is kept.
        """
        started = monotonic()
        with tempfile.TemporaryDirectory(prefix="vmfuzz-atheris-") as name:
            folder = Path(name)
            target = ByteTarget(fuzz_worlds(plan.world, plan.pinned), plan.faults, plan.checks)
            self._prepare(folder, plan, target, started)
            child = _Child(folder, is_pure=plan.feedback != "state")
            try:
                for event in child.events(_deadline(plan, started)):
                    progress.seconds = monotonic() - started
                    found = self._handle(event, plan, target, progress)
                    tick()
                    if found is not None:
                        yield found
                self._check_end(child, folder, plan, target)
            finally:
                child.stop()

    def _prepare(self, folder: Path, plan: Plan, target: ByteTarget, started: float) -> None:
        (folder / "artifacts").mkdir()
        (folder / "seeds").mkdir()
        for number, data in enumerate(swarm_inputs(target.worlds, plan.rng_seed, self.seeds)):
            (folder / "seeds" / f"{number:04}").write_bytes(data)
        spent = monotonic() - started
        config = {
            "worlds": [world.settings() for world in target.worlds],
            "faults": plan.faults,
            "checks": sorted(plan.checks),
            "strict": plan.strict,
            "feedback": plan.feedback,
            "rng_seed": plan.rng_seed,
            "steps": plan.steps,
            "seconds": max(0.0, plan.seconds - spent) if plan.seconds is not None else None,
            "timeout": self.limits.timeout,
            "memory_mb": self.limits.memory_mb,
            "max_len": HEADER + RECORD * MAX_TRACE,
        }
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def _handle(
        self, event: dict[str, Any], plan: Plan, target: ByteTarget, progress: Progress
    ) -> Found | None:
        kind = event["kind"]
        if "steps" in event:
            progress.steps, progress.traces = event["steps"], event["traces"]
        if kind == "tally":
            progress.count(event["rows"], event["quirks"])
            merge(progress.contracts, event["contracts"])
        elif kind == "error":
            problem = str(event["text"])
            if "input" in event:
                kept = _keep(bytes.fromhex(event["input"]), plan, target)
                problem += f"; the trace is kept in {kept}"
            raise HarnessError(problem)
        elif kind == "finding":
            trace = target.trace(bytes.fromhex(event["input"]), plan.faults)
            return Found(Finding(**{name: event[name] for name in FIELDS}), trace, self.name)
        return None

    def _check_end(self, child: "_Child", folder: Path, plan: Plan, target: ByteTarget) -> None:
        """Decide what the end of the child means. Errors: HarnessError unless it said `done`."""
        code = child.wait()
        if child.is_done and code == 0:
            return
        if code in {130, -signal.SIGINT}:
            raise KeyboardInterrupt
        pattern, text = _EXITS.get(code, ("*", f"the atheris child {_ended(code)}"))
        problem = text.format(limits=self.limits)
        artifacts = sorted((folder / "artifacts").glob(pattern))
        if artifacts:
            problem += f"; the trace is kept in {_keep(artifacts[0].read_bytes(), plan, target)}"
        raise HarnessError(f"{problem}{child.last_words()}")


def _ended(code: int) -> str:
    """Return how a process ended, from its exit code."""
    return f"ended with code {code}" if code >= 0 else f"was killed by signal {-code}"


def _deadline(plan: Plan, started: float) -> float | None:
    return started + plan.seconds + _GRACE if plan.seconds is not None else None


def _keep(data: bytes, plan: Plan, target: ByteTarget) -> Path:
    """Store an input as a trace in a folder that stays, and return its path."""
    path = Path(tempfile.mkdtemp(prefix="vmfuzz-kept-")) / "input.trace"
    save(path, target.trace(data, plan.faults))
    return path


class _Child:
    """The process and its pipe. `is_done` once it said that it reached its limits.

    `is_pure` when it instruments the model's bytecode, of which compiled code has none.
    """

    def __init__(self, folder: Path, *, is_pure: bool) -> None:
        self.is_done = False
        self.log = folder / "child.log"
        reader, writer = os.pipe()
        command = [sys.executable, "-m", "vmfuzz.atheris_child", str(folder), str(writer)]
        try:
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[writer],
                    start_new_session=True,  # Ctrl-C is ours to handle
                    env={
                        **os.environ,
                        "PYTHONHASHSEED": "0",
                        **({VARIABLE: "1"} if is_pure else {}),
                    },
                )
        finally:
            os.close(writer)
        self.pipe = reader

    def events(self, deadline: float | None) -> Iterator[dict[str, Any]]:
        """Yield what the child says until it closes the pipe; it is killed after `deadline`."""
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.pipe, selectors.EVENT_READ)
            while True:
                if deadline is not None and monotonic() > deadline:
                    self.process.kill()
                if not selector.select(timeout=0.5):
                    continue
                chunk = os.read(self.pipe, 1 << 16)
                if not chunk:
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _MAX_LINE:
                    raise HarnessError("the atheris child sends a line without end")
                for line in lines:
                    event = json.loads(line)
                    self.is_done |= event["kind"] == "done"
                    yield event

    def wait(self) -> int:
        """Return the exit code; a child that does not end by itself is killed."""
        try:
            return self.process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def last_words(self) -> str:
        """Return the end of what it printed, for a message."""
        text = self.log.read_text(encoding="utf-8", errors="replace").strip()
        return f"\n  it said: {' / '.join(text.splitlines()[-3:])[-400:]}" if text else ""

    def stop(self) -> None:
        """End the child, whatever it does, and close the pipe."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.pipe)
