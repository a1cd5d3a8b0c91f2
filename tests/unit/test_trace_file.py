"""Traces on disk: bounded reads, atomic writes, clear errors."""

import os
from pathlib import Path

import pytest

from vmfuzz import trace_file
from vmfuzz.errors import VmfuzzError
from vmfuzz.trace import Trace
from vmfuzz.trace_file import load, save


def test_a_saved_trace_loads_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.trace"
    trace = Trace(comment=("hello",))

    save(path, trace)

    assert load(path) == trace
    assert [p.name for p in path.parent.iterdir()] == ["a.trace"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read: No such file"),
        (b"\xff\xfe", "not UTF-8 text (byte 0)"),
        (b"#vmfuzz-trace 9\n", ":1:15: trace format '9' is not supported"),
        (b"#vmfuzz-trace 1\nworld frames=24 cpus=", ":2:17: world cpus='': a number is needed"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.trace"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(VmfuzzError) as raised:
        load(path)

    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


def test_a_folder_is_no_trace(tmp_path: Path) -> None:
    with pytest.raises(VmfuzzError, match=r"is a folder; it has no \*\.trace file"):
        load(tmp_path)
    inside = tmp_path / "below" / "a.trace"
    inside.parent.mkdir()
    inside.touch()
    with pytest.raises(VmfuzzError, match=f"is a folder; name one trace, such as {inside}"):
        load(tmp_path)


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_file, "MAX_BYTES", 100)
    path = tmp_path / "a.trace"
    path.write_bytes(b"x" * 101)

    with pytest.raises(VmfuzzError, match="larger than"):
        load(path)


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.trace"
    save(path, Trace(comment=("old",)))

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VmfuzzError, match="cannot write: No space left on device"):
        save(path, Trace(comment=("new",)))

    assert load(path).comment == ("old",)
    assert [p.name for p in tmp_path.iterdir()] == ["a.trace"]


def test_a_path_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")

    with pytest.raises(VmfuzzError, match="cannot write"):
        save(blocker / "a.trace", Trace())


def test_a_failed_rename_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.trace"
    save(path, Trace(comment=("old",)))

    def denied(_source: str, _target: Path) -> None:
        raise OSError("no luck")

    monkeypatch.setattr(os, "replace", denied)
    with pytest.raises(VmfuzzError) as raised:
        save(path, Trace(comment=("new",)))

    assert str(raised.value) == f"{path}: cannot write: no luck"
    assert load(path).comment == ("old",)
    assert [p.name for p in tmp_path.iterdir()] == ["a.trace"]


def test_an_interrupted_write_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.trace"
    save(path, Trace(comment=("old",)))

    def interrupted(_fd: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(path, Trace(comment=("new",)))

    assert load(path).comment == ("old",)
    assert [p.name for p in tmp_path.iterdir()] == ["a.trace"]


def test_text_that_is_no_utf_8_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.trace"

    with pytest.raises(VmfuzzError, match=r"cannot write: not UTF-8 text \(character 18\)"):
        save(path, Trace(comment=("\ud800",)))

    assert not path.parent.exists()


def test_a_folder_in_the_place_of_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.mkdir()

    with pytest.raises(VmfuzzError, match="cannot write: Is a directory"):
        save(path, Trace())

    assert [p.name for p in tmp_path.iterdir()] == ["a.trace"]


def test_a_file_of_exactly_the_largest_size_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.trace"
    save(path, Trace())
    monkeypatch.setattr(trace_file, "MAX_BYTES", path.stat().st_size)

    assert load(path) == Trace()
