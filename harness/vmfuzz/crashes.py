"""Buckets on disk: one folder per signature, plain files, written atomically."""

import json
import platform
from pathlib import Path
from typing import Final

from vmfuzz import __version__
from vmfuzz.engines.interface import Found
from vmfuzz.errors import VmfuzzError
from vmfuzz.report.block import finding_block
from vmfuzz.trace import FORMAT_VERSION, Step, Trace
from vmfuzz.trace_file import save, write_atomically

UPSTREAM: Final = "asterinas 604948581"
MAX_TRACES: Final = 8


def bucket_name(signature: str) -> str:
    """Return the folder name of a signature: no separator, no character a shell minds."""
    return signature.replace("/", "--").replace("'", "-adapted")


def has_bucket(folder: Path, signature: str) -> bool:
    """Return whether `folder` already holds this signature."""
    return (folder / bucket_name(signature) / "first.trace").exists()


def cut(found: Found) -> Trace:
    """Return the trace up to and including the failing step."""
    trace = found.trace
    steps = [Step(step.op) for step in trace.steps[: found.finding.step + 1]]
    return Trace(trace.world, steps, trace.faults)


def store(folder: Path, found: Found, rng_seed: int) -> Path:
    """Put a finding into its bucket and return the path of the trace.

    Effect: the first trace of a bucket is `first.trace`, up to `MAX_TRACES` more are numbered.
    Errors: VmfuzzError when the folder cannot be written; nothing already there is touched.
    """
    bucket = folder / bucket_name(found.finding.signature)
    first = bucket / "first.trace"
    if first.exists():
        for number in range(1, MAX_TRACES + 1):
            path = bucket / f"{number:03}.trace"
            if not path.exists():
                save(path, cut(found))
                return path
        return first
    save(first, cut(found))
    write_atomically(bucket / "finding.txt", finding_block(found.finding, found.trace) + "\n")
    meta = {
        "clause": found.finding.clause,
        "op": found.finding.op,
        "engine": found.engine,
        "rng_seed": rng_seed,
        "trace_format": FORMAT_VERSION,
        "vmfuzz": __version__,
        "python": platform.python_version(),
        "upstream": UPSTREAM,
    }
    write_atomically(bucket / "meta.json", json.dumps(meta, indent=2, sort_keys=True) + "\n")
    return first


def check_folder(folder: Path) -> None:
    """Make sure that findings can be written to `folder`. Errors: VmfuzzError before the run."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VmfuzzError(f"--out {folder}: cannot create: {error.strerror}") from None
    probe = folder / ".vmfuzz-write-test"
    write_atomically(probe, "")
    probe.unlink(missing_ok=True)
