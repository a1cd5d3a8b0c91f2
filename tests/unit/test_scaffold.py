"""Files that are written into other people's repositories, and texts for their trackers."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.errors import VmfuzzError
from vmfuzz.report.folder.issues import issues
from vmfuzz.scaffold.place import check_root, create, is_taken
from vmfuzz.scaffold.pyproject import amended


def test_a_file_that_came_up_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("theirs")

    with pytest.raises(VmfuzzError, match=r"file: cannot write: File exists"):
        create(tmp_path, "file", "ours")
    assert (tmp_path / "file").read_text() == "theirs"


def test_a_full_disk_leaves_no_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(VmfuzzError, match=r"folder/file: cannot write: No space left on device"):
        create(tmp_path, "folder/file", "ours")
    assert not list((tmp_path / "folder").iterdir())


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    root = check_root(tmp_path)
    create(root, "link/file", "ours")

    assert is_taken(root, "real/file")
    assert not is_taken(root, "link/other")


@pytest.mark.parametrize(
    "text",
    ["", "# only a remark", '[tool.a]\nx = """\n[tool.vmfuzz]\n"""\n', "a.b = 1\n[[c]]\nd = 2\n"],
)
def test_a_table_is_added_to_any_toml_once(text: str) -> None:
    table: dict[tuple[str, ...], str] = {("tool", "vmfuzz"): "[tool.vmfuzz]\nx = 1\n"}
    first = amended(text, table, "file")
    second = amended(first.text, table, "file")

    assert first.text.startswith(text)
    assert first.text.endswith("[tool.vmfuzz]\nx = 1\n")
    assert (second.text, second.had) == (first.text, [("tool", "vmfuzz")])


def row(**changes: Any) -> dict[str, Any]:
    base = dict.fromkeys(["words", "witness", "problem", "trace", "replay"], "")
    return {**base, "status": "new", "name": "A--b", "signature": "A/b", **changes}


def test_only_new_findings_with_a_bucket_have_a_text() -> None:
    rows = [
        row(),
        row(name="B--b", status="stored"),
        row(name="C--b", status="known"),
        row(name="D--b", status="flaky"),
        row(name="E--b", status="resolved"),
        row(name=""),
    ]

    assert list(issues({"buckets": rows})) == ["A--b.md", "B--b.md"]


def test_nothing_that_an_agent_says_leaves_its_block() -> None:
    words = "```\n@everyone [x](http://y)\n````\n"
    text = issues({"buckets": [row(words=words, trace="world\n", replay="vmfuzz replay x")]})[
        "A--b.md"
    ]

    fence = "`" * 5
    assert f"{fence}text\n{words.strip()}\n{fence}\n" in text
    assert "```text\nworld\n```" in text
    assert 'id = "A/b"' in text


def test_texts_are_bounded() -> None:
    rows = [row(name=f"A{n}--b", words="w" * 100_000, trace="t" * 100_000) for n in range(60)]
    texts = issues({"buckets": rows})

    assert len(texts) == 50
    assert max(map(len, texts.values())) < 65_536
