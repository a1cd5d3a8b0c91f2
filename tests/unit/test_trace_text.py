"""The text form: what is printed parses back, and every mistake is named with its place."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmfuzz.errors import TraceError
from vmfuzz.fields import CODECS, COUNT_NAMES
from vmfuzz.trace import Expect, Step, Trace
from vmfuzz.trace_text import format_trace, parse, parse_op
from vmstore.faults import PLANTED
from vmstore.ids import MAX_PAYLOAD, CountWord, Deferred, PageFlags, Payload, PrivFlags
from vmstore.ops import DECLARATIONS, Declaration, Field, Op
from vmstore.ops.frame import FrameFromUnused
from vmstore.outcome import OK, Abort, Blocked, Diverges, Err, Ok, Outcome, Panic
from vmstore.payload import pattern
from vmstore.world import World

HEAD = "#vmfuzz-trace 1\n"
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
FAULT_IDS = st.sampled_from([fault.id for fault in PLANTED])
SCALARS = st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text(max_size=8)
VALUES = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4),
    max_size=3,
)
OUTCOMES: st.SearchStrategy[Outcome | None] = (
    st.none()
    | st.builds(Ok, st.none() | VALUES)
    | st.builds(Err, st.sampled_from(["NotAligned", "PageFault"]), st.none() | VALUES)
    | st.builds(Panic, WORDS)
    | st.builds(Abort, WORDS)
    | st.just(Blocked())
    | st.just(Diverges())
)


def values_of(field: Field) -> st.SearchStrategy[Any]:
    if field.kind:
        return st.integers(0, 2**31 - 1)
    if field.type is CountWord:
        return st.sampled_from(COUNT_NAMES) | st.integers(0, 2**64 - 1).map(str)
    if field.type is Deferred:
        return st.booleans()
    if field.type in {PageFlags, PrivFlags}:
        return st.integers(0, 255)
    codec = CODECS[field.type]
    if codec.words:
        return st.sampled_from(codec.words)
    if field.type is Payload:
        return st.binary(max_size=MAX_PAYLOAD) | st.just(pattern(3, 40))
    return st.integers(0, codec.top)


def ops_of(declaration: Declaration) -> st.SearchStrategy[Op]:
    shapes = [
        st.fixed_dictionaries({field.name: values_of(field) for field in shape})
        for shape in declaration.shapes()
    ]
    return st.one_of(shapes).map(declaration.make)


OPS = st.one_of([ops_of(declaration) for declaration in DECLARATIONS.values()])
COMMENTS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20)
TRACES = st.builds(
    Trace,
    world=st.sampled_from([World(), World(frames=3, rc_max=6), World(profile="vostd")]),
    steps=st.lists(st.builds(Step, OPS, OUTCOMES), max_size=6),
    faults=st.lists(FAULT_IDS, max_size=2).map(tuple),
    expect=st.lists(st.builds(Expect, st.just("ACCT.3c"), st.integers(0, 9)), max_size=2).map(
        tuple
    ),
    comment=st.lists(COMMENTS.map(str.rstrip), max_size=2).map(tuple),
)


@given(TRACES)
@settings(deadline=None)
def test_a_printed_trace_parses_back_to_itself(trace: Trace) -> None:
    assert parse(format_trace(trace)) == trace


def parsed_or_refused(text: str) -> Trace | TraceError:
    try:
        return parse(text)
    except TraceError as error:
        return error


@given(TRACES, st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_damaged_text_gives_a_trace_or_a_trace_error(trace: Trace, seed: int) -> None:
    rng = Random(seed)
    text = list(format_trace(trace))
    for _ in range(rng.randint(1, 4)):
        text[rng.randrange(len(text))] = rng.choice('#=>(){}[],.0fsx \n"é\x00\U0001f600')
    damaged = "".join(text)

    outcome = parsed_or_refused(damaged)

    if isinstance(outcome, TraceError):
        assert str(outcome).startswith("<trace>:")
    else:
        assert parse(format_trace(outcome)) == outcome


@given(TRACES, st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_random_byte_edits_give_a_trace_or_a_trace_error(trace: Trace, seed: int) -> None:
    rng = Random(seed)
    data = bytearray(format_trace(trace).encode())
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    damaged = data.decode(errors="replace")

    outcome = parsed_or_refused(damaged)

    if isinstance(outcome, TraceError):
        assert 1 <= outcome.line <= damaged.count("\n") + 1
        assert 1 <= outcome.column <= max(map(len, damaged.split("\n"))) + 1
    else:
        assert format_trace(parse(format_trace(outcome))) == format_trace(outcome)


@given(st.text('#"\\ (){}=,>a0', max_size=30))
def test_a_comment_behind_an_op_is_dropped_whatever_it_says(comment: str) -> None:
    text = HEAD + 'world\nl0 = list_new() => ok {a=" # \\"#"}'

    assert parse(f"{text} # {comment}") == parse(text)
    assert parse(text).steps[0].outcome == Ok({"a": ' # "#'})


@pytest.mark.parametrize(
    "line",
    [
        "l0" + " " * 90_000 + "x",
        "l0" + " #" * 45_000 + '"',
        "a" + " " * 90_000 + "(=",
        "l0 = list_new()" + " =>" * 30_000,
        "l0 = list_new() => ok {a=" + "[" * 90_000,
        "l0 = list_new() => ok {a=[" + '"a",' * 20_000 + "?]}",
        "l0 = list_new() => ok {a=" + "9" * 90_000 + "}",
        "f0 = frame_from_in_use(paddr=" + "9" * 90_000 + ")",
        "f0 = frame_from_unused(paddr=0, meta=" + "u" * 90_000 + ")",
    ],
    ids=lambda line: line[:24],
)
def test_a_long_line_is_refused_in_few_words_and_linear_time(line: str) -> None:
    """Quadratic time would be minutes here: the timeout of the test run is the bound."""
    with pytest.raises(TraceError) as raised:
        parse(HEAD + "world\n" + line)

    assert len(str(raised.value)) < 300


def test_the_canonical_form_of_every_part() -> None:
    text = """#vmfuzz-trace 1
# what it shows
world frames=8 cpus=3 variant.push_back=before-last
fault segment-clone-misses-last
expect ACCT.3c at 2
f0 = frame_from_unused(paddr=0x2000, meta=umeta, val=5) => ok
s1, s2 = segment_split(segment=s0, offset=0x1000) => panic offset-unaligned
frame_info(frame=f0) => ok {paddr=0x2000, meta=umeta, untyped=true, none=null}
host_poke_ref_count(paddr=0x0, value=MAX-1) => err NotAligned {done=3}
"""
    assert format_trace(parse(text)) == text


def test_layout_is_free_and_defaults_may_be_spelled_out() -> None:
    text = HEAD + "\nworld\r\n\n # a remark\n f0=frame_from_unused( val=0 , paddr=4096 )  # why\n"

    assert parse(text).ops == [FrameFromUnused(dst=0, paddr=4096)]  # type: ignore[arg-type]
    assert parse(text).steps[0].outcome is None


def test_recorded_ok_without_value_is_the_shared_constant_by_value() -> None:
    step = parse(HEAD + "world\nl0 = list_new() => ok\n").steps[0]

    assert step.outcome == OK


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\ufeff#vmfuzz-trace 1\nworld\n",
            "t:1:1: begins with a byte order mark; save it as UTF-8",
        ),
        ("", "t:1:1: not a trace: the first line must be '#vmfuzz-trace 1', got ''"),
        ("#vmfuzz-trace 2\n", "t:1:15: trace format '2' is not supported; this vmfuzz reads"),
        ("#vmfuzz-trace", "t:1:14: trace format '' is not supported"),
        ("#vmfuzz-trace   x1", "t:1:17: trace format 'x1' is not supported"),
        (HEAD, "t:2:1: no 'world' line"),
        (HEAD + "f0 = list_new()", "t:2:1: the 'world' line must come first, got 'f0'"),
        (HEAD + "world\nworld", "t:3:1: a second 'world' line"),
        (HEAD + "world frmes=3", "t:2:7: unknown world key 'frmes' (did you mean 'frames'?)"),
        (HEAD + "world frames=0", "t:2:7: world frames=0: allowed are 1 to 1048576"),
        (HEAD + "world frames=x", "t:2:7: world frames='x': a number is needed"),
        (HEAD + "world cpus=2 cpus=2", "t:2:14: 'cpus' is given twice"),
        (HEAD + "world frames", "t:2:7: 'frames' is no key=value"),
        (HEAD + "world variant.push_bak=x", "unknown variant 'push_bak' (did you mean"),
        (HEAD + "world entries=3", "t:2:7: world entries=3: allowed are powers of two"),
        (HEAD + "world\nfault NO!", "t:3:7: 'NO!' is no fault id"),
        (HEAD + "world\nexpect ACCT.3c", "t:3:8: expected 'CLAUSE at STEP', got 'ACCT.3c'"),
        (HEAD + "world\nl0 = list_new()\nfault a", "t:4:1: 'fault' lines come before the first"),
        (HEAD + "world\nl0 = list_new()#x", "t:3:1: not an op line: 'l0 = list_new()#x'"),
        (HEAD + "world\nfrobnicate", "t:3:1: not an op line: 'frobnicate'"),
        (HEAD + "world\nl0 = list_nwe()", "t:3:6: unknown op 'list_nwe' (did you mean 'list_new'"),
        (HEAD + "world\nlist_new()", "t:3:1: list_new produces lN, got nothing"),
        (HEAD + "world\nf0 = list_new()", "t:3:1: 'f0' is no list handle; write l0, l1"),
        (HEAD + "world\nframe_drop()", "t:3:12: frame_drop needs frame"),
        (HEAD + "world\nframe_drop(fram=f0)", "t:3:12: frame_drop takes frame; got 'fram' (did"),
        (HEAD + "world\nframe_drop(frame=f0, frame=f0)", "t:3:22: 'frame' is given twice"),
        (HEAD + "world\nframe_drop(frame=f99999999999)", "t:3:18: 'f99999999999' is no frame"),
        (HEAD + "world\nf0 = frame_from_in_use(paddr=0xg)", "t:3:30: paddr: '0xg' is no number"),
        (
            HEAD + "world\nf0 = frame_from_in_use(paddr=0x10000000000000000)",
            "t:3:30: paddr: 0x10000000000000000 does not fit into 64 bits",
        ),
        (
            HEAD + "world\nf0 = frame_from_unused(paddr=0, meta=unt)",
            "t:3:38: meta: 'unt' is not allowed here (did you mean 'unit'?)",
        ),
        (HEAD + " \tworld\tframes=0", "t:2:9: world frames=0: allowed are"),
        (HEAD + "world frames=0x" + "f" * 9000, "t:2:7: 'frames' is longer than 100 characters"),
        (HEAD + "world\nfault segment-clone", "t:3:7: unknown fault 'segment-clone' (did you mean"),
        (HEAD + "world\nfault    NO!", "t:3:10: 'NO!' is no fault id"),
        (HEAD + "world\n expect  A.1 at x", "t:3:10: expected 'CLAUSE at STEP', got 'A.1 at x'"),
        (
            HEAD + "world\n s1,  x2 = segment_split(segment=s0, offset=0)",
            "t:3:7: 'x2' is no segment handle; write s0, s1",
        ),
        (
            HEAD + "world\n f0 = frame_from_in_use( paddr =  0xg)",
            "t:3:35: paddr: '0xg' is no number",
        ),
        (HEAD + "world\n  frame_drop( frame = x0 )", "t:3:23: 'x0' is no frame handle"),
        (HEAD + "world\nl0 = list_new() =>", "t:3:19: unknown outcome ''; known are ok, err"),
        (HEAD + "world\nl0 = list_new() => okk", "t:3:20: unknown outcome 'okk' (did you mean"),
        (HEAD + "world\nl0 = list_new() => panic NO", "'panic' needs a code such as range-empty"),
        (HEAD + "world\nl0 = list_new() => ok {a=", "t:3:20: expected a value, got ''"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(TraceError) as raised:
        parse(text, "t")

    assert message in str(raised.value)


def test_every_field_type_has_a_codec() -> None:
    types = {f.type for d in DECLARATIONS.values() for f in d.arguments}

    assert types <= set(CODECS)


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(TraceError, match="longer than"):
        parse(HEAD + "world\n" + "x" * 200_000)


def test_a_single_op_parses() -> None:
    assert parse_op("f3 = frame_from_unused(paddr=0x1000)") == FrameFromUnused(
        dst=3,  # type: ignore[arg-type]
        paddr=0x1000,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ("rc_max=2", "t:2:7: world rc_max=2: the kernel's root counts 3 references at cpus=2"),
        ("frames=9 pt_frames=7", "t:2:16: world pt_frames=7: allowed are 0 (no page tables) or"),
        ("cpus=9 rc_max=9", "t:2:14: world rc_max=9: the kernel's root counts 10 references"),
    ],
)
def test_settings_at_odds_with_each_other_are_named(world: str, message: str) -> None:
    with pytest.raises(TraceError) as raised:
        parse(f"{HEAD}world {world}\n", "t")

    assert message in str(raised.value)


def test_settings_may_come_in_any_order() -> None:
    made = parse(f"{HEAD}world rc_max=2 pt_frames=7 entries=4 cpus=1\n").world

    assert made == World(rc_max=2, pt_frames=7, entries=4, cpus=1)
