"""Recordings from strangers: wrong in every field, endless, compressed to nothing, cut short."""

import gzip
import io
import json
import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from vmfuzz import vectors
from vmfuzz.conformance import check_file
from vmfuzz.errors import VmfuzzError
from vmfuzz.vectors import MAX_LINE

VECTORS = Path(__file__).parents[2] / "corpora" / "vectors" / "hand_frames.jsonl.gz"
with gzip.open(VECTORS, "rt", encoding="utf-8") as _lines:
    GOOD = json.loads(next(_lines))
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    10**30,
    "x",
    "",
    "\x1b[31m\n",
    [],
    [[]],
    {},
    {"a": 1},
)

Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the path of every member; of a list, of its first two items."""
    if at:
        yield at
    inside = list(value.items()) if isinstance(value, dict) else []
    inside += list(enumerate(value[:2])) if isinstance(value, list) else []
    for key, item in inside:
        yield from places(item, (*at, key))


def changed(place: Place, wrong: Any, *, missing: bool = False) -> Any:
    vector = deepcopy(GOOD)
    inner = vector
    for key in place[:-1]:
        inner = inner[key]
    if missing:
        del inner[place[-1]]
    else:
        inner[place[-1]] = wrong
    return vector


def checked(path: Path, data: bytes) -> str:
    """Return `clean`, `differs`, or the message of the error."""
    path.write_bytes(data)
    try:
        return "clean" if check_file(path).is_clean else "differs"
    except VmfuzzError as error:
        return str(error)


def verdict(path: Path, data: bytes) -> str:
    """Return what a single line comes to, and check the form of the message."""
    said = checked(path, data)
    if said in {"clean", "differs"}:
        return said
    assert said.startswith(f"{path}:1: ")
    assert said.isprintable()
    assert len(said) < len(str(path)) + 200
    return said.removeprefix(f"{path}:1: ")


def test_every_field_may_be_missing_or_of_any_type(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for place in places(GOOD):
        assert verdict(path, json.dumps(changed(place, None, missing=True)).encode())
        for wrong in WRONG:
            said = verdict(path, json.dumps(changed(place, wrong)).encode())
            if len(place) == 1 and not isinstance(wrong, type(GOOD[place[0]])):
                assert f"{place[0]!r} must be a" in said


@pytest.mark.parametrize(
    ("place", "wrong", "message"),
    [
        (("world", "frames"), 24.0, "world: 'frames' must be a whole number, got 24.0"),
        (("world", "cpus"), True, "world: 'cpus' must be a whole number, got true"),
        (("world", "cpus"), 65, "world cpus=65: allowed are 1 to 64"),
        (("world", "frames"), 10**40, f"world frames={10**40} does not fit into 64 bits"),
        (("steps", 1, "args"), [], "step 1: 'args' must be an object, got []"),
        (("steps", 0), "x", 'step 0: an object is needed, got "x"'),
        (("build",), "\x1b[31m", r"world build='\x1b[31m': allowed are debug, release"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_is_allowed(
    place: Place, wrong: Any, message: str, tmp_path: Path
) -> None:
    assert verdict(tmp_path / "a.jsonl", json.dumps(changed(place, wrong)).encode()) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"id": NaN}', "NaN is no number"),
        (b'{"id": -Infinity}', "-Infinity is no number"),
        (b'{"id": 1, "id": 2}', "'id' is given twice"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', "'b' is given twice"),
        (b'{"id": ' + b"9" * 5000 + b"}", "Exceeds the limit (4300 digits)"),
        (b"[" * 100_000, "nested deeper than 32 levels"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested deeper than 32 levels"),
        (b"[]" + b" " * MAX_LINE, "longer than 4 MiB"),
        (b"[" + b"{}," * 100_000 + b"{}]", "an object is needed, got [{}, {}"),
        (
            ("{" + ",".join(f'"k{i}":1' for i in range(100_000)) + ',"k9":2}').encode(),
            "'k9' is given",
        ),
    ],
    ids=["nan", "inf", "twice", "inner", "digits", "deep", "deeper", "long", "wide", "keys"],
)
def test_a_hostile_line_is_refused_in_a_moment(line: bytes, message: str, tmp_path: Path) -> None:
    started = perf_counter()

    assert message in verdict(tmp_path / "a.jsonl", line)
    assert perf_counter() - started < 5


def test_bytes_that_are_no_text_are_named_by_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n" + b'{"id": "\xff"}\n')

    with pytest.raises(VmfuzzError) as raised:
        check_file(path)

    assert str(raised.value) == f"{path}:2:9: not UTF-8 text"


@pytest.mark.parametrize("what", [b"\n", b" "])
def test_an_archive_that_unpacks_to_a_flood_is_refused_early(
    what: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "MAX_LINES", 100_000)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as archive:
        for _ in range(64):
            archive.write(what * (1 << 20))
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(packed.getvalue())
    started = perf_counter()

    with pytest.raises(VmfuzzError, match=r"longer than 4 MiB|more than 256 MiB or 100,000 lines"):
        check_file(path)

    assert perf_counter() - started < 20


def test_a_file_larger_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "MAX_BYTES", 1 << 20)
    path = tmp_path / "a.jsonl"
    path.write_bytes((b" " * 1000 + b"\n") * 1100)

    with pytest.raises(VmfuzzError, match=r":1048: more than 1 MiB or .*; split the file"):
        check_file(path)


@pytest.mark.parametrize("kept", [0, 1, 5, 9, 10, 11, 200, -9, -1])
def test_an_archive_cut_anywhere_is_named(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(VECTORS.read_bytes()[:kept])

    if kept == 0:  # an empty file is an archive of nothing
        assert check_file(path).traces == 0
        return
    with pytest.raises(VmfuzzError) as raised:
        check_file(path)

    assert str(raised.value).startswith(f"{path}:")
    assert "cannot read" in str(raised.value)


def test_a_flipped_bit_in_an_archive_is_a_result_or_an_error(tmp_path: Path) -> None:
    data, path = VECTORS.read_bytes(), tmp_path / "flipped.jsonl.gz"
    said = [
        checked(path, data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        for at in range(0, len(data), len(data) // 40)
    ]
    errors = [message for message in said if message not in {"clean", "differs"}]

    assert len(errors) > 20
    assert all(message.startswith(f"{path}:") for message in errors)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")

    with pytest.raises(VmfuzzError, match="cannot read: not a regular file"):
        check_file(tmp_path / "a.jsonl")
