"""Runs traces and recorded vectors, and counts what they reach."""

from collections.abc import Callable, Iterable
from pathlib import Path

from vmfuzz.conformance import SUFFIXES
from vmfuzz.errors import shown
from vmfuzz.located import in_trace
from vmfuzz.spec_coverage import SpecCoverage, cover_trace, cover_vector
from vmfuzz.trace_file import load
from vmfuzz.vectors import read_vectors


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
            with in_trace(shown(file)):
                cover_trace(total, load(file))
            on_progress(total)
    return total
