"""The corpus that ships: all its traces run clean and show what its page says."""

import re
from pathlib import Path

import pytest

from vmfuzz.campaigns.check import features_of
from vmfuzz.campaigns.corpus import Corpus
from vmfuzz.engines.interface import Plan
from vmstore.ops import DECLARATIONS, GENERATED

CORPORA = Path(__file__).parents[2] / "corpora"


@pytest.mark.slow
def test_the_distilled_corpus_is_clean_and_shows_what_its_page_says() -> None:
    page = (CORPORA / "README.md").read_text(encoding="utf-8")
    found = re.search(r"([\d,]+) traces of ([\d,]+) ops show ([\d,]+) features", page)
    assert found is not None
    corpus = Corpus(CORPORA / "distilled")
    shown: set[int] = set()
    names: set[str] = set()
    ops = 0
    for name in corpus.names():
        trace = corpus.load(name)
        features, result = features_of(trace, Plan())
        assert result.finding is None, name
        assert not result.skipped, name
        shown.update(features)
        ops += len(trace.steps)
        names.update(DECLARATIONS[type(step.op)].name for step in trace.steps)

    assert [len(corpus), ops, len(shown)] == [int(g.replace(",", "")) for g in found.groups()]
    assert names == {declaration.name for declaration in GENERATED}
