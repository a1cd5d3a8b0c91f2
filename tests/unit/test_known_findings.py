"""`known.toml`: what lets a finding pass, until when, and every mistake in it by name."""

from pathlib import Path

import pytest

from vmfuzz.campaigns.known import Known, is_date, read_known
from vmfuzz.errors import VmfuzzError

GOOD = """
[[known]]
id = "ACCT.3c/segment_clone"
reason = "reported upstream"
expires = "2026-12-31"
"""


def read(folder: Path, text: str, today: str = "2026-11-21") -> Known:
    path = folder / "known.toml"
    path.write_text(text)
    return read_known(path, today)


@pytest.mark.parametrize(
    ("today", "reason", "expired"),
    [
        ("2026-11-21", "reported upstream", []),
        ("2026-12-31", "reported upstream", []),
        ("2027-01-01", None, ["ACCT.3c/segment_clone"]),
    ],
)
def test_a_finding_is_known_until_its_day(
    tmp_path: Path, today: str, reason: str | None, expired: list[str]
) -> None:
    known = read(tmp_path, GOOD, today)

    assert known.reason("ACCT.3c/segment_clone") == reason
    assert known.reason("ACCT.3c/frame_drop") is None
    assert known.expired == expired


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[known]\n", "no TOML"),
        ("knwon = 1", "unknown key 'knwon' (did you mean 'known'?)"),
        ("known = 3", "entries are written as [[known]]"),
        ("known = [3]", "entries are written as [[known]]"),
        (GOOD + GOOD, "entry 2: 'ACCT.3c/segment_clone' is there twice"),
        (GOOD.replace("reason", "reson"), "entry 1: unknown key 'reson' (did you mean 'reason'?)"),
        (GOOD.replace('"reported upstream"', '""'), "entry 1: 'reason' is '', no text"),
        (GOOD.replace('"2026-12-31"', "2026-12-31"), "entry 1: 'expires' is datetime.date"),
        (GOOD.replace("2026-12-31", "31.12.2026"), "'expires' is '31.12.2026', no date"),
        (GOOD.replace("ACCT.3c/segment_clone", "ACCT.3c"), "'id' is 'ACCT.3c', no CLAUSE/OP"),
        ('[[known]]\nid = "A/b"\nreason = "r"\n', "entry 1: 'expires' is missing"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(VmfuzzError) as raised:
        read(tmp_path, text)

    assert str(raised.value).startswith(f"{tmp_path / 'known.toml'}: ")
    assert problem in str(raised.value)


def test_a_file_that_is_missing_binary_or_endless_is_named(tmp_path: Path) -> None:
    for name, data in (("binary", b"\xff\xfe"), ("endless", b"#" * (2 << 20))):
        (tmp_path / name).write_bytes(data)
    for name in ("missing", "binary", "endless"):
        with pytest.raises(VmfuzzError, match=name):
            read_known(tmp_path / name, "2026-11-21")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("2026-11-21", True), ("2026-13-01", False), ("2026-1-1", False), ("", False)],
)
def test_days_are_written_one_way(text: str, *, is_one: bool) -> None:
    assert is_date(text) == is_one
