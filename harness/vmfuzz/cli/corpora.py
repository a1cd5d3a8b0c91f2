"""What the commands that work on a corpus share."""

from collections.abc import Iterator
from pathlib import Path

from vmfuzz.campaigns.check import features_of
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.campaigns.folder import CORPUS
from vmfuzz.cli.streams import note
from vmfuzz.engines.interface import Plan
from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.trace import Trace


def opened(folder: Path, *, is_new: bool = False) -> Corpus:
    """Return the corpus of a campaign's folder, or the folder as one. Errors: VmfuzzError."""
    path = folder / CORPUS
    if not path.is_dir():
        path = folder
    if not path.is_dir() and not is_new:
        raise VmfuzzError(f"{shown(folder)}: no such folder")
    return Corpus(path)


def traces_of(corpus: Corpus) -> Iterator[tuple[str, Trace]]:
    """Yield names and traces, sorted; a damaged one is remarked upon and left out."""
    for name in corpus.names():
        try:
            yield name, corpus.load(name)
        except VmfuzzError as error:
            note(str(error))


def features_in(corpus: Corpus) -> tuple[dict[str, list[int]], set[str]]:
    """Return the features of each trace, and the names of those that end in a finding."""
    features: dict[str, list[int]] = {}
    failing: set[str] = set()
    for name, trace in traces_of(corpus):
        features[name], result = features_of(trace, Plan())
        if result.finding is not None:
            failing.add(name)
    return features, failing
