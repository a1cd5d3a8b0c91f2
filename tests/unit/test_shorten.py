"""A corpus that shows as much with less: what is chosen, and what is cut away."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from vmfuzz.campaigns.check import features_of
from vmfuzz.campaigns.shorten import cover, shortened
from vmfuzz.engines.interface import Plan
from vmfuzz.trace import Trace
from vmfuzz.trace_text import parse

SHOWN = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.frozensets(st.integers(0, 9)), min_size=1
)
FRAME = ("f{0} = frame_from_unused(paddr={1:#x})", "f{2} = frame_clone(frame=f{0})",
         "frame_drop(frame=f{0})", "frame_drop(frame=f{2})")  # fmt: skip
SEGMENT = ("s{0} = segment_from_unused(start={1:#x}, end={3:#x})", "segment_drop(segment=s{0})")


def trace(*lines: str, number: int = 0) -> Trace:
    text = [line.format(number, number << 12, number + 50, number + 1 << 12) for line in lines]
    return parse("\n".join(["#vmfuzz-trace 1", "world frames=16", *text, ""]))


def shown(trace: Trace) -> frozenset[int]:
    return frozenset(features_of(trace, Plan())[0])


@given(SHOWN)
def test_what_is_chosen_shows_everything_and_each_showed_something_new(
    features: dict[str, frozenset[int]],
) -> None:
    chosen = cover(dict.fromkeys(features, 1), features)

    have: set[int] = set()
    for name in chosen:
        assert features[name] - have
        best = max(len(cells - have) for cells in features.values())
        assert len(features[name] - have) == best
        have |= features[name]
    assert have == set().union(*features.values())


def test_the_order_of_the_corpus_does_not_matter() -> None:
    sizes = {"a": 3, "b": 3, "c": 1}
    features = {"a": frozenset({1, 2}), "b": frozenset({1, 2}), "c": frozenset({2})}

    for names in combinations("abc", 3):
        ordered = {name: features[name] for name in reversed(names)}
        assert cover(sizes, ordered) == ["c", "a"]


def test_steps_that_show_nothing_of_their_own_go() -> None:
    traces = {
        "short": trace(*FRAME),
        "long": trace(*FRAME, *SEGMENT, *FRAME[:1], number=3),
    }
    features = {name: shown(each) for name, each in traces.items()}
    result = list(shortened(traces, features, lambda: True))

    (long, _), (_, _) = result
    assert len(long.steps) < len(traces["long"].steps)
    assert [cells for _, cells in result] == [shown(each) for each, _ in result]
    before = frozenset().union(*features.values())
    assert frozenset().union(*(cells for _, cells in result)) >= before


def test_a_trace_that_the_others_make_up_for_goes() -> None:
    traces = {"one": trace(*FRAME), "two": trace(*FRAME, number=4)}
    features = {name: shown(each) for name, each in traces.items()}

    ((kept, _),) = shortened(traces, features, lambda: True)
    assert kept.steps[0] == traces["one"].steps[0]


def test_without_time_traces_stay_as_they_are() -> None:
    traces = {"one": trace(*FRAME, *SEGMENT), "two": trace(*FRAME)}
    features = {name: shown(each) for name, each in traces.items()}

    assert list(shortened(traces, features, lambda: False)) == [(traces["one"], features["one"])]
