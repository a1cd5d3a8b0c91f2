"""Recorded vectors on a live system: its answers against the recordings, without the model."""

import json
from typing import Any

from vmfuzz.comparison import first_difference
from vmfuzz.conformance import FileReport
from vmfuzz.sut.system import LiveSystem
from vmfuzz.vectors import Mismatch, Vector

Json = Any  # any JSON value


def check_live_vector(
    system: LiveSystem, vector: Vector, report: FileReport
) -> list[Mismatch] | None:
    """Play one recorded trace; return the first differing field of each differing step.

    None for a trace of another world or build. What follows an op that the agent does not list or
    refuses is counted as unsupported.
    """
    if system.world != vector.world:
        return None
    known = system.agent.ready.ops
    steps = list(vector.steps)
    for at, step in enumerate(steps):
        if known is not None and step["op"] not in known:
            _unsupported(report, step["op"], len(steps) - at)
            steps = steps[:at]
            break
    return _played(system, vector.id, steps, report) if steps else []


def _played(
    system: LiveSystem, name: str, steps: list[dict[str, Json]], report: FileReport
) -> list[Mismatch]:
    lines = [_line(step) for step in steps]
    played = system.agent.play(lines, [str(step["op"]) for step in steps])
    mismatches: list[Mismatch] = []
    for at, (recorded, answer) in enumerate(zip(steps, played.answers, strict=False)):
        if "refused" in answer["out"]:
            _unsupported(report, recorded["op"], len(steps) - at)
            return mismatches
        difference = first_difference(recorded, answer, system.reported)
        if difference:
            mismatches.append(Mismatch(name, at, recorded["op"], *difference))
            if difference[0] == "out":
                return mismatches
    if played.failure is not None:
        at = min(len(played.answers), len(steps) - 1)
        text = f"the agent {played.failure.text}"
        mismatches.append(
            Mismatch(name, at, steps[at]["op"], f"SUT.{played.failure.kind}", "an answer", text)
        )
    return mismatches


def _line(step: dict[str, Json]) -> bytes:
    line = {"op": step["op"], "args": step["args"]}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _unsupported(report: FileReport, op: str, steps: int) -> None:
    report.unsupported_steps += steps
    report.unsupported_ops[op] = report.unsupported_ops.get(op, 0) + 1
