"""Whether the model agrees with recordings of the real code, in every field of every step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vmfuzz.comparison import first_difference
from vmfuzz.replayer import Replayer
from vmfuzz.vectors import Mismatch, Vector, read_vectors

SUFFIXES: Final = (".jsonl", ".jsonl.gz")


@dataclass(slots=True)
class FileReport:
    """How one file of vectors compares. A step after an unsupported one counts as unsupported.

    `other_worlds` counts traces that a live system, having another world or build, cannot run;
    nothing else counts them.
    """

    path: Path
    traces: int = 0
    steps: int = 0
    mismatched_traces: int = 0
    mismatched_steps: int = 0
    unsupported_steps: int = 0
    unsupported_ops: dict[str, int] = field(default_factory=dict)
    other_worlds: int = 0
    first_mismatch: Mismatch | None = None

    @property
    def is_clean(self) -> bool:
        """Whether every field of every step agreed."""
        return not self.mismatched_steps and not self.unsupported_steps


Check = Callable[[Vector, FileReport], list[Mismatch] | None]


def check_file(path: Path, check: Check | None = None) -> FileReport:
    """Replay every trace of one file and compare. Errors: VmfuzzError for a malformed file.

    `check` replays one trace and notes what it could not run, None for one that has nothing to do
    with it; on the model where it is not given.
    """
    check = check or check_vector
    report = FileReport(path)
    for vector in read_vectors(path):
        mismatches = check(vector, report)
        if mismatches is None:
            report.other_worlds += 1
            continue
        report.traces += 1
        report.steps += len(vector.steps)
        if mismatches:
            report.mismatched_traces += 1
            report.mismatched_steps += len(mismatches)
            report.first_mismatch = report.first_mismatch or mismatches[0]
    return report


def check_vector(vector: Vector, report: FileReport) -> list[Mismatch]:
    """Replay one trace; return the first differing field of each differing step."""
    replayer = Replayer(vector.world)
    mismatches: list[Mismatch] = []
    for position, recorded in enumerate(vector.steps):
        op = replayer.build_op(recorded["op"], recorded["args"])
        if op is None:
            report.unsupported_steps += len(vector.steps) - position
            seen = report.unsupported_ops
            seen[recorded["op"]] = seen.get(recorded["op"], 0) + 1
            break
        try:
            actual = replayer.step(op)
        except KeyError as error:
            actual = {"out": {"refused": f"no live handle {error}"}}
        difference = first_difference(recorded, actual)
        if difference:
            name, expected, got = difference
            mismatches.append(Mismatch(vector.id, position, recorded["op"], name, expected, got))
            if name == "out":
                break
    return mismatches
