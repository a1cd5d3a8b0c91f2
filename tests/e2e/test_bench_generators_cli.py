"""`vmfuzz bench generators`: what a user and a script get from it."""

import json
from pathlib import Path

import pytest

from bench_process import bench

pytestmark = pytest.mark.slow  # each test hunts planted bugs

QUICK = "nyx-u8-refcount"
GENERATORS = ("swarm", "every-op", "no-partners", "wide", "anywhere", "one-world")


def test_a_row_per_variant_and_what_a_record_has_is_not_hunted_again(tmp_path: Path) -> None:
    arguments = ("--fault", QUICK, "--time", "20s", "--out", "g.jsonl")
    done = bench("generators", *arguments, folder=tmp_path)
    record = (tmp_path / "g.jsonl").read_text()
    again = bench("generators", *arguments, "--json", folder=tmp_path)

    *lines, last = map(json.loads, again.stdout.splitlines())

    assert done.returncode == again.returncode == 0
    for word in (*GENERATORS, "1 of 1", "bugs found", "times the steps", "implementation"):
        assert word in done.stdout
    assert done.stderr.count("vmfuzz: ") == len(GENERATORS)
    assert again.stderr == ""
    assert [json.loads(line) for line in record.splitlines()] == lines
    summary = last["summary"]
    assert tuple(row["generator"] for row in summary["generators"]) == GENERATORS
    assert tuple(row["variant"] for row in summary["against"]) == GENERATORS[1:]
    assert all(row["pairs"] == 1 for row in summary["against"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fault", "map-end-wrp"), "did you mean 'map-end-wrap'"),
        (("--trials", "0"), "0 is not in the range"),
        (("--time", "soon"), "no duration"),
        (("--out", "."), "cannot read"),
    ],
)
def test_a_mistake_is_named(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = bench("generators", *arguments, folder=tmp_path)

    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
