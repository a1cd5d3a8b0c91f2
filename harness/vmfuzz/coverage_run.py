"""Runs the traces and recorded vectors among files and folders, and counts what they reach."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from vmfuzz.conformance import SUFFIXES
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import files_below
from vmfuzz.spec_coverage import SpecCoverage, cover_trace, cover_vector
from vmfuzz.trace_file import load
from vmfuzz.vectors import read_vectors

TRACE_SUFFIX: Final = ".trace"


def coverage_files(paths: Iterable[Path]) -> list[Path]:
    """Return the traces and vector files among `paths`, folders searched.

    Errors: VmfuzzError for a folder without any.
    """
    found: list[Path] = []
    for path in paths:
        inside = files_below(path, (TRACE_SUFFIX, *SUFFIXES))
        if not inside:
            wanted = f"*{TRACE_SUFFIX} or *{SUFFIXES[0]} file"
            raise VmfuzzError(f"{shown(path)}: no {wanted} in this folder")
        found += inside
    return found


def cover(
    files: Iterable[Path], on_progress: Callable[[SpecCoverage], None] = lambda _total: None
) -> SpecCoverage:
    """Run every file and return the counts; `on_progress` is called after every trace.

    Errors: VmfuzzError for a file that cannot be read, with its place.
    """
    total = SpecCoverage()
    for file in files:
        if file.name.endswith(SUFFIXES):
            for vector in read_vectors(file):
                cover_vector(total, vector)
                on_progress(total)
        else:
            cover_trace(total, load(file))
            on_progress(total)
    return total
