"""`vmfuzz bench faults`: what a user and a script get from it."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench_process import bench
from vmfuzz.bench import trial as bench_trial
from vmfuzz.bench.trial import Moment, Quarry, Trial
from vmfuzz.cli.bench import command

pytestmark = pytest.mark.slow  # each test hunts planted bugs

ROOT = Path(__file__).parents[2]
QUICK = "nyx-u8-refcount"


def test_a_line_per_trial_and_the_summary_last(tmp_path: Path) -> None:
    arguments = ("--fault", QUICK, "--trials", "2", "--time", "20s", "--json", "--out", "r.jsonl")
    done = bench("faults", *arguments, folder=tmp_path)

    *lines, last = map(json.loads, done.stdout.splitlines())

    assert done.returncode == 0
    assert [(line["fault"], line["engine"], line["trial"]) for line in lines] == [
        (QUICK, "swarm", 0),
        (QUICK, "swarm", 1),
    ]
    assert last == {"summary": {"faults": 1, "found": 1, "missed": [], "wrong_clause": []}}
    assert [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()] == lines
    again = bench("faults", *arguments, folder=tmp_path)
    assert again.stdout == done.stdout
    assert again.stderr == ""


def test_the_tables_show_stages_component_and_machine(tmp_path: Path) -> None:
    done = bench("faults", "--fault", QUICK, "--trials", "1", "--time", "20s", folder=tmp_path)

    assert done.returncode == 0
    for word in (QUICK, "reached", "triggered", "reported", "1/1", "frame", "found 1 of 1 bugs"):
        assert word in done.stdout
    assert "implementation" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.pure  # replaces the hunt, which has a process of its own otherwise
def test_a_bug_that_is_missed_is_named_and_exit_code_4(monkeypatch: pytest.MonkeyPatch) -> None:
    def miss(quarry: Quarry) -> Trial:
        return Trial(*quarry, reached=Moment(1.0, 5))

    monkeypatch.setattr("vmfuzz.bench.faults.hunt", miss)
    assert bench_trial.hunt is not miss

    done = invoke("faults", "--fault", QUICK, "--json")

    *lines, last = map(json.loads, done.stdout.splitlines())
    assert done.return_value == 4
    assert len(lines) == 3  # then the cell is given up
    assert last["summary"]["missed"] == [QUICK]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fault", "map-end-wrp"), "did you mean 'map-end-wrap'"),
        (("--fault", "x" * 200), "matches no planted bug"),
        (("--engine", "swrm"), "'swrm' is not one of"),
        (("--trials", "0"), "0 is not in the range"),
        (("--time", "soon"), "no duration"),
        (("--by-clause", "--traces", "nowhere"), "no trace of a planted bug"),
        (("--out", "."), "cannot read"),
    ],
)
def test_a_mistake_is_named(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = bench("faults", *arguments, folder=tmp_path)

    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_engines_are_not_compared_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)

    done = invoke("faults", "--fault", QUICK, "--engine", "swarm", "--engine", "hypothesis")

    assert "vmfuzz[bench]" in str(done.exception)
    assert done.stdout == ""


def test_what_is_missed_without_a_conjunct(tmp_path: Path) -> None:
    traces = str(ROOT / "corpora" / "regressions")
    arguments = ("--by-clause", "--fault", "from-raw-counts-again", "--traces", traces)
    done = bench("faults", *arguments, folder=tmp_path)
    data = json.loads(bench("faults", *arguments, "--json", folder=tmp_path).stdout)

    assert done.returncode == 0
    assert "from-raw-counts-again" in done.stdout
    assert "escapes" in done.stdout
    assert "contraposition" in done.stdout
    assert {effect["conjunct"] for effect in data["effects"]} == {"ACCT.3c"}
    assert data["exempt"]["STRUCT.02"]["by"] == ["REG.02"]
