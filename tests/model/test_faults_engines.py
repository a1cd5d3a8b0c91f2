"""Every planted bug is found by the other engines too, within a minute."""

import json
from pathlib import Path

import pytest

from vmfuzz.bench.faults import Hunt, hunt, hunt_all
from vmfuzz.engines.atheris_engine import is_installed
from vmfuzz.errors import VmfuzzError
from vmstore.faults import PLANTED

SECONDS = 60.0
# Bugs that need long traces or small limits, out of reach of a general generator in this time.
DEEP = {
    *("linux-zero-page-pins", "saturation-one-early", "list-id-overflow", "contains-any-tag"),
    *("insert-front-keeps-front", "take-current-keeps-prev", "take-current-keeps-links"),
    *("take-current-steps-back", "move-next-skips-ghost", "list-drop-keeps-last"),
}
SPACES = ("page_table", "cursor", "vmspace", "tlb")
IN_SPACES = {f.id for f in PLANTED if f.component in SPACES} | {"blog-os-table-frame-double-free"}
EVERY = [fault.id for fault in PLANTED]
FRAME_LAYER = [fault for fault in EVERY if fault not in IN_SPACES]


def is_found(fault: str, engine: str) -> bool:
    return hunt((fault, engine, 1, SECONDS)).named_after is not None


@pytest.mark.slow
@pytest.mark.parametrize("fault", EVERY)
def test_the_swarm_finds_the_bug_under_its_clause(fault: str) -> None:
    assert is_found(fault, "swarm")


@pytest.mark.slow
@pytest.mark.skipif(not is_installed(), reason="atheris is not installed")
@pytest.mark.parametrize("fault", EVERY)
def test_atheris_finds_the_bug_under_its_clause(fault: str) -> None:
    assert is_found(fault, "atheris")


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in FRAME_LAYER if fault not in DEEP])
def test_hypothesis_finds_the_shallow_bug_under_its_clause(fault: str) -> None:
    assert is_found(fault, "hypothesis")


def test_the_deep_bugs_are_a_small_part_of_all() -> None:
    assert set(FRAME_LAYER) >= DEEP
    assert len(DEEP) < len(FRAME_LAYER) / 5


def test_a_measurement_goes_on_where_its_record_ends(tmp_path: Path) -> None:
    record = tmp_path / "hunts.jsonl"
    first, second = ("nyx-u8-refcount", "swarm", 3, 5.0), ("into-raw-drops", "swarm", 3, 5.0)
    (before,) = hunt_all([first], 1, record)
    record.write_text(record.read_text() + '{"fault": "cut in the mid')

    after = list(hunt_all([first, second], 1, record))

    assert before[1] is True
    assert [(done.fault, is_new) for done, is_new in after] == [
        ("nyx-u8-refcount", False),
        ("into-raw-drops", True),
    ]
    assert after[0][0] == before[0]
    assert all(done.named_after is not None and done.steps for done, _ in after)
    assert [json.loads(line)["fault"] for line in record.read_text().splitlines()] == [
        "nyx-u8-refcount",
        "into-raw-drops",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[" * 100_000,
        '"nyx-u8-refcount"',
        Hunt.__name__,
        json.dumps(dict.fromkeys(Hunt.__dataclass_fields__, True)) + "\n",
    ],
)
def test_a_line_that_is_no_measurement_is_named(line: str, tmp_path: Path) -> None:
    record = tmp_path / "hunts.jsonl"
    record.write_text(line)

    with pytest.raises(VmfuzzError, match=r"hunts\.jsonl:1: not a line of `bench faults`"):
        list(hunt_all([("nyx-u8-refcount", "swarm", 0, 1.0)], 1, record))
    assert record.read_text() == line
