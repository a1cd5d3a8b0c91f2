"""A corpus on disk: content names, nothing that is not a trace of it; what is worth keeping."""

import os
from itertools import permutations
from pathlib import Path

import pytest

from vmfuzz.campaigns import corpus as corpus_module
from vmfuzz.campaigns.check import features_of
from vmfuzz.campaigns.corpus import Corpus, name_of
from vmfuzz.campaigns.distill import keep_smallest
from vmfuzz.campaigns.news import NewsMap
from vmfuzz.engines.interface import Plan
from vmfuzz.errors import VmfuzzError
from vmfuzz.features import CELLS
from vmfuzz.trace import Trace
from vmfuzz.trace_text import format_trace, parse

MADE = "#vmfuzz-trace 1\nworld frames=16\nf0 = frame_from_unused(paddr=0x1000)\n"
DROPPED = MADE + "frame_drop(frame=f0)\n"


def trace(text: str = MADE) -> Trace:
    return parse(text)


def test_a_trace_is_stored_under_its_contents_once(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path)
    name = corpus.add(trace())

    assert name == name_of(format_trace(trace()))
    assert (tmp_path / name).read_text() == MADE
    assert corpus.add(trace()) is None
    assert corpus.names() == [name]
    assert corpus.load(name) == trace()


def test_what_others_add_and_delete_is_seen(tmp_path: Path) -> None:
    mine, theirs = Corpus(tmp_path), Corpus(tmp_path)
    assert mine.names() == []
    first, second = theirs.add(trace()), theirs.add(trace(DROPPED))
    assert first
    assert second
    assert mine.names() == sorted([first, second])
    assert len(mine) == 2

    theirs.remove(first)
    os.utime(tmp_path / first[:2], (1, 1))  # a change within the clock's grain

    assert mine.names() == [second]
    theirs.remove(first)  # a second time


@pytest.mark.parametrize(
    "name", ["README.md", "ab/short.trace", "AB/" + "0" * 30 + ".trace", "ab/.hidden.trace"]
)
def test_what_is_no_trace_of_it_is_not_seen(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(MADE)

    assert Corpus(tmp_path).names() == []
    with pytest.raises(VmfuzzError, match="not a trace of this corpus"):
        Corpus(tmp_path).load(name)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    name = "ab/" + "0" * 30 + ".trace"
    (tmp_path / "ab").mkdir()
    (tmp_path / "outside").write_text(MADE)
    (tmp_path / name).symlink_to(tmp_path / "outside")

    with pytest.raises(VmfuzzError, match="not a trace of this corpus"):
        Corpus(tmp_path).load(name)


def test_a_trace_that_is_too_long_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_module, "MAX_TEXT", 20)

    assert Corpus(tmp_path / "corpus").add(trace()) is None
    assert not (tmp_path / "corpus").exists()


def test_a_folder_that_is_not_there_is_an_empty_corpus(tmp_path: Path) -> None:
    assert Corpus(tmp_path / "none").names() == []


SIZES = {"a": 9, "b": 3, "c": 3, "d": 1, "e": 50}
FEATURES = {"a": [1, 2, 3], "b": [1], "c": [1, 2], "d": [], "e": [4]}


def test_the_smallest_trace_of_each_feature_is_kept_whatever_the_order() -> None:
    for order in permutations(FEATURES):
        kept = keep_smallest(SIZES, {name: FEATURES[name] for name in order})

        assert kept == {"b", "c", "a", "e"}


def test_nothing_is_lost_by_keeping() -> None:
    kept = keep_smallest(SIZES, FEATURES)

    assert {f for name in kept for f in FEATURES[name]} == {1, 2, 3, 4}
    assert keep_smallest(SIZES, {name: FEATURES[name] for name in kept}) == kept


def test_news_is_what_no_trace_before_has_shown() -> None:
    features, result = features_of(trace(DROPPED), Plan())
    fewer, _ = features_of(trace(), Plan())

    assert result.finding is None
    assert set(fewer) < set(features)
    news = NewsMap([*fewer, CELLS + 5, -1])
    assert sorted(news.seen) == fewer
    before = len(news.seen)
    for cell in features:
        news.seen[cell] += 1
    assert news.since(before) == [cell for cell in features if cell not in fewer]
