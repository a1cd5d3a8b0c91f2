"""Text from strangers: damaged, truncated, misspelt, endless. A trace or an error with a place."""

import os
from pathlib import Path
from random import Random
from time import perf_counter

import pytest

from vmfuzz.errors import TraceError, VmfuzzError, shown
from vmfuzz.trace import Expect, Trace
from vmfuzz.trace_file import load, save
from vmfuzz.trace_text import MAX_LINE, format_trace, parse

ROOT = Path(__file__).parents[2]
HEAD = "#vmfuzz-trace 1\nworld\n"
CORPUS = [
    path.read_bytes()
    for folder in ("seeds", "regressions")
    for path in sorted((ROOT / "corpora" / folder).glob("*.trace"))
]
SCRAPS = (
    *(
        b"=>",
        b" => ok {",
        b"(",
        b")",
        b",",
        b"\n",
        b"\r",
        b"\x00",
        b"\x1b[31m",
        b"\xff",
        b" #",
        b'"',
    ),
    *(
        b"world ",
        b"fault ",
        b"expect ",
        b"0x" + b"f" * 70,
        b"9" * 5000,
        b"[" * 40,
        "é\u2028".encode(),
    ),
)


def mutated(rng: Random) -> bytes:
    """Return a stored trace with a few bytes, scraps or lines changed, cut, doubled or swapped."""
    data = bytearray(rng.choice(CORPUS))
    for _ in range(rng.randint(1, 4)):
        at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        how = rng.randrange(7)
        if how == 0:
            data[at : at + 1] = rng.randbytes(1)
        elif how == 1:
            data[at:at] = rng.choice(SCRAPS)
        elif how == 2:
            del data[at : at + rng.randint(1, 9)]
        elif how == 3:
            del data[end:]
        elif how == 4:
            data[at:at] = data[at : min(end, at + 200)]
        else:
            lines = data.split(b"\n")
            first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[first], lines[second] = lines[second], lines[first]
            data = bytearray(b"\n".join(lines))
    return bytes(data)


def loaded(path: Path, data: bytes) -> Trace | VmfuzzError:
    path.write_bytes(data)
    try:
        return load(path)
    except VmfuzzError as error:
        return error


def check_mutated(path: Path, rng: Random) -> bool:
    """Load one mutated file; return whether it was a trace."""
    data = mutated(rng)
    result = loaded(path, data)
    if isinstance(result, Trace):
        assert parse(format_trace(result)) == result
        return True
    if isinstance(result, TraceError):
        assert str(result).startswith(f"{path}:{result.line}:{result.column}: ")
        assert 1 <= result.line <= data.count(b"\n") + 1
        assert len(str(result)) < len(str(path)) + 400
        assert str(result).isprintable()
    else:
        assert "not UTF-8 text (byte" in str(result)
    return False


def test_mutated_files_are_traces_or_errors_with_a_place(tmp_path: Path) -> None:
    rng = Random(1)
    good = sum(check_mutated(tmp_path / "a.trace", rng) for _ in range(600))

    assert 30 < good < 570  # a share of both kinds, or the mutations test nothing


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_mutated_files_are_traces_or_errors_with_a_place(tmp_path: Path) -> None:
    rng = Random(2)
    good = sum(check_mutated(tmp_path / "a.trace", rng) for _ in range(100_000))

    assert 5_000 < good < 95_000


def test_a_file_cut_anywhere_is_a_shorter_trace_or_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    cuts = [data[:length] for data in CORPUS[:12] for length in range(0, len(data), 25)]
    results = [loaded(path, data) for data in cuts]

    assert {type(result) for result in results} == {Trace, TraceError}
    errors = [str(result) for result in results if isinstance(result, TraceError)]
    assert all(error.startswith(f"{path}:") for error in errors)


@pytest.mark.parametrize("version", ["", "0", "2", "1.0", "01", "one", "1 1", "\u0661", "9" * 9000])
def test_another_version_is_refused_by_name(version: str) -> None:
    with pytest.raises(TraceError, match="is not supported; this vmfuzz reads format 1") as raised:
        parse(f"#vmfuzz-trace {version}\nworld\n", "t")

    assert len(str(raised.value)) < 120


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "falt segment-clone",
            "t:3:1: not an op line: 'falt segment-clone' (did you mean 'fault'?)",
        ),
        ("FAULT a", "(did you mean 'fault'?)"),
        ("expects ACCT.3c at 1", "(did you mean 'expect'?)"),
        ("expect A\x1b.1 at 1", "t:3:8: expected 'CLAUSE at STEP', got 'A\\x1b.1 at 1'"),
        ("wrld frames=3", "(did you mean 'world'?)"),
        ("\x1b[31m", "t:3:1: not an op line: '\\x1b[31m'"),
        ("a\nb = list_new()", "t:3:1: not an op line: 'a'"),
        ("l0\x1b = list_new()", "'l0\\x1b' is no list handle"),
        (f"{'x' * 9000} = frame_drop(frame=f0)", "frame_drop produces nothing, got 'xxx"),
        (f"frame_drop({'y' * 9000}=f0)", "frame_drop takes frame; got 'yyy"),
        ("frame_drop(frame=f0, frame)", "t:3:22: frame_drop takes frame; got 'frame'"),
        (" frame_drop( , frame = f-1)", "t:3:24: 'f-1' is no frame handle; write f0, f1"),
        ("l0 = list_new() => ok {a=" + "[" * 50 + "]" * 50 + "}", "nested too deeply"),
        ("l0 = list_new() => ok {a=1, a=2}", "expected a new key"),
        ("l0 = list_new() => ok {a=" + "9" * 5000 + "}", "is too long"),
    ],
)
def test_a_strange_line_is_shown_escaped_short_and_with_the_closest_word(
    line: str, message: str
) -> None:
    with pytest.raises(TraceError) as raised:
        parse(HEAD + line, "t")

    assert message in str(raised.value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    "setting",
    ["frames=1_0", "frames=+5", "frames=\u0663", "frames=0b11", "cpus=1e3", "frames=" + "9" * 90],
)
def test_a_world_takes_plain_numbers_only(setting: str) -> None:
    with pytest.raises(TraceError, match="a number is needed") as raised:
        parse(f"#vmfuzz-trace 1\nworld {setting}\n", "t")

    assert str(raised.value).startswith("t:2:7: world ")


@pytest.mark.parametrize(
    "trace",
    [
        Trace(comment=("harmless\nl0 = list_new()",)),
        Trace(faults=("a\nl0 = list_new()",)),
        Trace(expect=(Expect("A.1 at 0\nl0 = list_new()", 0),)),
    ],
    ids=["comment", "fault", "expect"],
)
def test_a_line_break_cannot_smuggle_a_line_into_a_trace(trace: Trace, tmp_path: Path) -> None:
    with pytest.raises(VmfuzzError, match="has a line break"):
        save(tmp_path / "a.trace", trace)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        "list_new(" + "," * (MAX_LINE - 20) + ")",
        "," * (MAX_LINE - 20) + "= list_new()",
        "l0 = list_new() => ok {a=" + " " * (MAX_LINE - 40) + "1,}",
        "l0 = list_new() => ok {a=[" + "1 ," * (MAX_LINE // 3 - 20) + "?",
        "fault " + "a" * (MAX_LINE - 20) + "!",
        " " * (MAX_LINE - 20) + "(=",
        "a" * (MAX_LINE - 20),
    ],
    ids=["commas", "destinations", "blanks", "values", "fault", "indent", "word"],
)
def test_the_longest_lines_take_no_more_than_a_moment(line: str) -> None:
    started = perf_counter()
    with pytest.raises(TraceError) as raised:
        parse(HEAD + line, "t")

    assert len(str(raised.value)) < 250
    assert perf_counter() - started < 5


def test_a_pipe_a_device_and_a_loop_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.trace")
    (tmp_path / "loop.trace").symlink_to("loop.trace")
    (tmp_path / "dangling.trace").symlink_to("nowhere")

    for name, problem in (
        ("pipe.trace", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        ("loop.trace", "Too many levels of symbolic links"),
        ("dangling.trace", "No such file"),
        ("a\x00b", "null (byte|character)"),
    ):
        with pytest.raises(VmfuzzError, match=f"cannot read: .*{problem}"):
            load(tmp_path / name)


def test_a_name_is_shown_in_one_line_without_control_characters() -> None:
    assert shown(Path("a\x1b[31m\nb\udcff\u202e.trace")) == r"a\x1b[31m\nb\udcff\u202e.trace"
    assert shown("x" * 9000) == "x" * 500 + "..."


def test_saving_keeps_to_the_umask_follows_links_and_spares_pipes(tmp_path: Path) -> None:
    (tmp_path / "link.trace").symlink_to("target.trace")
    os.mkfifo(tmp_path / "pipe.trace")
    before = os.umask(0o027)
    try:
        save(tmp_path / "link.trace", Trace())
    finally:
        assert os.umask(before) == 0o027

    assert (tmp_path / "link.trace").is_symlink()
    assert (tmp_path / "target.trace").stat().st_mode & 0o777 == 0o640
    with pytest.raises(VmfuzzError, match="cannot write: not a regular file"):
        save(tmp_path / "pipe.trace", Trace())
    assert (tmp_path / "pipe.trace").is_fifo()
