"""Buckets on disk: one folder per signature, plain files, written atomically.

`min.trace` is the shortest trace seen so far, `first.trace` the first one as it was found,
`001.trace` and so on are later ones, `finding.txt` explains the shortest, `meta.json` says where
the first came from.
"""

import json
import platform
from pathlib import Path
from typing import Final

from vmfuzz import __version__
from vmfuzz.engines.interface import Found
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.minimize import Minimized
from vmfuzz.report.block import finding_block
from vmfuzz.trace import FORMAT_VERSION, Step, Trace
from vmfuzz.trace_file import load, save, write_atomically

UPSTREAM: Final = "asterinas 604948581"
MAX_TRACES: Final = 8


def bucket_name(signature: str) -> str:
    """Return the folder name of a signature: no separator, no character a shell minds."""
    return signature.replace("/", "--").replace("'", "-adapted")


def has_bucket(folder: Path, signature: str) -> bool:
    """Return whether `folder` already holds this signature."""
    return (folder / bucket_name(signature) / "first.trace").exists()


def buckets(folder: Path) -> list[str]:
    """Return the names of the buckets in `folder`, sorted. Errors: none; what is gone is gone."""
    return sorted(path.parent.name for path in folder.glob("*--*/first.trace"))


def cut(found: Found) -> Trace:
    """Return the trace up to and including the failing step."""
    trace = found.trace
    steps = [Step(step.op) for step in trace.steps[: found.finding.step + 1]]
    return Trace(trace.world, steps, trace.faults)


def store(
    folder: Path, found: Found, minimized: Minimized, rng_seed: int, sut: str | None = None
) -> Path:
    """Put a finding into its bucket and return the path of the bucket's shortest trace.

    `sut` is the command of the live system that it was found in.

    Effect: `min.trace` is replaced by a shorter one only; up to `MAX_TRACES` later occurrences
    are kept. `first.trace` comes last: a bucket without it was cut short, and is filled again.
    Errors: VmfuzzError when the folder cannot be written; what is there stays whole.
    """
    bucket = folder / bucket_name(found.finding.signature)
    first, shortest = bucket / "first.trace", store_shortest(folder, minimized)
    if first.exists():
        _store_another(bucket, cut(found))
    else:
        write_atomically(bucket / "meta.json", _meta(found, rng_seed, sut))
        save(first, cut(found))
    return shortest


def store_shortest(folder: Path, minimized: Minimized) -> Path:
    """Put a trace into its bucket if the bucket has no shorter one; return the path of that.

    Errors: VmfuzzError when the folder cannot be written; what is there stays whole.
    """
    bucket = folder / bucket_name(minimized.finding.signature)
    shortest = bucket / "min.trace"
    if _is_shorter(minimized.trace, shortest):
        save(shortest, minimized.trace)
        block = finding_block(minimized.finding, minimized.trace, whole=True)
        write_atomically(bucket / "finding.txt", block + "\n")
    return shortest


def _store_another(bucket: Path, trace: Trace) -> None:
    for number in range(1, MAX_TRACES + 1):
        path = bucket / f"{number:03}.trace"
        if not path.exists():
            save(path, trace)
            return


def _is_shorter(trace: Trace, path: Path) -> bool:
    """Return whether `path` holds no trace that is as short; a damaged one does not count."""
    try:
        return len(trace.steps) < len(load(path).steps)
    except VmfuzzError:
        return True


def _meta(found: Found, rng_seed: int, sut: str | None) -> str:
    meta: dict[str, object] = {
        "clause": found.finding.clause,
        "op": found.finding.op,
        "engine": found.engine,
        "rng_seed": rng_seed,
        "trace_format": FORMAT_VERSION,
        "vmfuzz": __version__,
        "python": platform.python_version(),
        "upstream": UPSTREAM,
    }
    if sut is not None:
        meta["sut"] = sut
    return json.dumps(meta, indent=2, sort_keys=True) + "\n"


def check_folder(folder: Path) -> None:
    """Make sure that findings can be written to `folder`. Errors: VmfuzzError before the run."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise VmfuzzError(f"--out {shown(folder)}: not a folder, and in the way of one") from None
    except OSError as error:
        raise VmfuzzError(f"--out {shown(folder)}: cannot create: {error.strerror}") from None
    probe = folder / ".vmfuzz-write-test"
    write_atomically(probe, "")
    probe.unlink(missing_ok=True)
