"""The command line as a user meets it: real processes, exit codes, messages without traceback."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGRESSIONS = ROOT / "corpora" / "regressions"
VECTORS = ROOT / "corpora" / "vectors" / "hand_frames.jsonl.gz"
FAULT = "segment-clone-misses-last"
Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]


def test_a_clean_run_says_what_was_checked_and_exits_0(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("fuzz", "--steps", 3000)

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == (
        "clean: nothing found (checked invariants, extra, outcome, view after every step)"
    )


def test_a_planted_bug_is_found_stored_and_replayed(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    out = tmp_path / "findings"
    done = vmfuzz("fuzz", "--fault", FAULT, "--out", out, "--steps", 50_000)

    assert done.returncode == 1
    assert done.stdout.startswith("ACCT.3c violated at step ")
    trace = out / "ACCT.3c--segment_clone" / "min.trace"
    assert done.stdout.splitlines()[-1] == f"next: vmfuzz replay {trace}"
    assert {p.name for p in trace.parent.iterdir()} == {
        "first.trace",
        "min.trace",
        "finding.txt",
        "meta.json",
    }
    assert json.loads((trace.parent / "meta.json").read_text())["clause"] == "ACCT.3c"
    replayed = vmfuzz("replay", trace, "--json")
    assert replayed.returncode == 1
    (result,) = json.loads(replayed.stdout)["traces"]
    assert result["finding"]["signature"] == "ACCT.3c/segment_clone"


def test_the_same_seed_and_steps_give_the_same_run(vmfuzz: Vmfuzz) -> None:
    command = ("fuzz", "--steps", 4000, "--seed", 5, "--json", "--stop-on", "never")
    first, second = (vmfuzz(*command, PYTHONHASHSEED=seed) for seed in ("1", "2"))

    documents = [json.loads(done.stdout) for done in (first, second)]
    for document in documents:
        assert [engine.pop("seconds") >= 0 for engine in document["engines"]]
    assert documents[0] == documents[1]


def test_a_known_signature_does_not_stop_a_run_that_waits_for_new_ones(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    command = ("fuzz", "--fault", "teardown-keeps-storage", "--out", tmp_path, "--steps", 300)
    first = vmfuzz(*command)
    again = vmfuzz(*command, "--stop-on", "never", "--json")

    assert first.returncode == again.returncode == 1
    findings = json.loads(again.stdout)["findings"]
    assert findings
    assert {finding["new"] for finding in findings} >= {False}


@pytest.mark.slow
def test_both_engines_run(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("fuzz", "--engine", "swarm,hypothesis", "--steps", 800, "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert [engine["name"] for engine in document["engines"]] == ["swarm", "hypothesis"]
    assert all(engine["steps"] >= 400 for engine in document["engines"])


def test_hypothesis_finds_a_shallow_bug(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("fuzz", "--engine", "hypothesis", "--fault", FAULT, "--time", "60s")

    assert done.returncode == 1
    assert "ACCT.3c violated" in done.stdout


def test_a_time_limit_is_kept(vmfuzz: Vmfuzz) -> None:
    document = json.loads(vmfuzz("fuzz", "--time", "1s", "--json").stdout)

    assert 0.9 <= document["engines"][0]["seconds"] < 3


@pytest.mark.parametrize("name", [FAULT, "list-id-overflow", "inc-ref-temp-handle"])
def test_a_regression_is_found_as_expected_and_clean_without_its_fault(
    vmfuzz: Vmfuzz, name: str, tmp_path: Path
) -> None:
    path = REGRESSIONS / f"{name}.trace"
    clean = tmp_path / "clean.trace"
    lines = path.read_text().splitlines(keepends=True)
    clean.write_text("".join(line for line in lines if not line.startswith(("fault", "expect"))))

    assert vmfuzz("replay", path).returncode == 0
    assert vmfuzz("replay", clean).returncode == 0
    assert vmfuzz("replay", clean, "--fault", name, "--check", "full").returncode == 1


def test_conformance_reports_files_and_no_mismatch(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("conformance", VECTORS, "--json")

    (file,) = json.loads(done.stdout)["files"]
    assert done.returncode == 0
    assert file["traces"] == 48
    assert (file["mismatched_steps"], file["unsupported_steps"]) == (0, 0)
    assert json.loads(done.stdout)["first_mismatch"] is None


def test_a_mismatch_exits_1(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    import gzip

    with gzip.open(VECTORS, "rt") as lines:
        trace = json.loads(next(lines))
    trace["steps"][0]["out"] = {"err": "Busy"}
    changed = tmp_path / "changed.jsonl"
    changed.write_text(json.dumps(trace))

    done = vmfuzz("conformance", changed)

    assert done.returncode == 1
    assert "recorded {'err': 'Busy'}" in done.stdout


@pytest.mark.parametrize(
    "part",
    ["ops", pytest.param("clauses", marks=pytest.mark.slow), "variants", "quirks", "faults"],
)
def test_every_part_of_the_model_can_be_listed(vmfuzz: Vmfuzz, part: str) -> None:
    shown, document = vmfuzz("model", part), vmfuzz("model", part, "--json")

    rows = json.loads(document.stdout)[part]
    assert shown.returncode == document.returncode == 0
    assert rows
    assert all(rows[0])
    if part == "clauses":
        assert all(row["seen_to_fail"] for row in rows)
        assert [row["id"] for row in rows if row["nonvacuous_under"]] == ["SLOT.12"]


def test_the_catalogue_of_bugs_can_be_read_and_narrowed(vmfuzz: Vmfuzz) -> None:
    whole = json.loads(vmfuzz("model", "faults", "--json").stdout)["faults"]
    narrowed = json.loads(vmfuzz("model", "faults", "--component", "tlb", "--json").stdout)[
        "faults"
    ]

    fields = "id component upstream origin schedule status reason clause planted text"
    assert all(list(row) == fields.split() for row in whole)
    assert narrowed == [row for row in whole if row["component"] == "tlb"]
    assert all(bool(row["reason"]) == (row["status"] == "out-of-scope") for row in whole)


@pytest.mark.slow
def test_the_doctor_finds_the_installation_fit(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("doctor", "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["ok"] is True
    assert {check["name"]: check["state"] for check in document["checks"]}["oracle"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fuz"], 2, "no such command 'fuz'. Did you mean 'fuzz'?"),
        (["fuzz", "--bogus"], 2, "--bogus"),
        (["fuzz", "--time", "soon"], 2, "'soon' is no duration; write 90s, 30m or 2h"),
        (["fuzz", "--time", "-1"], 2, "is no duration"),
        (["fuzz", "--steps", "0"], 2, "0 is not in the range x>=1"),
        (["fuzz", "--engine", "swam"], 2, "unknown engine 'swam' (did you mean 'swarm'?)"),
        (["fuzz", "--engine", "swarm,swarm"], 2, "an engine is named twice"),
        (["fuzz", "--feedback", "code"], 2, "only the atheris engine has feedback"),
        (["fuzz", "--check", "outcom"], 2, "unknown check 'outcom' (did you mean 'outcome'?)"),
        (["fuzz", "--fault", "nope"], 2, "--fault: unknown fault 'nope'"),
        (["fuzz", "--fault", "rwmutex-lost-wakeup"], 2, "is catalogued but out of scope: a lock"),
        (["fuzz", "--fault", "pte-nonatomic-read"], 2, "is catalogued but not planted yet"),
        (["model", "faults", "--component", "heap"], 2, "'heap' is not one of"),
        (["fuzz", "--world", "frames"], 2, "expected KEY=VALUE, such as frames=64"),
        (["fuzz", "--world", "frames=-1"], 2, "world frames=-1: allowed are 1 to 1048576"),
        (["fuzz", "--world", "rc_max=99999999999999999999"], 2, "world rc_max="),
        (["fuzz", "--world", "variant.push_back=x"], 2, "allowed are append, before-last"),
        (["fuzz", "--steps", "10", "--out", "/dev/null/x"], 2, "cannot create: Not a directory"),
        (["replay", "nowhere.trace"], 2, "nowhere.trace: cannot read: No such file"),
        (["replay", "."], 5, "vmfuzz: no *.trace file in ."),
        (["conformance", "."], 5, "vmfuzz: no *.jsonl or *.jsonl.gz file in ."),
        (["coverage", "."], 5, "vmfuzz: no *.trace, *.jsonl or *.jsonl.gz file in ."),
        (["explain", "."], 2, "vmfuzz: .: is a folder; it has no *.trace file"),
        (["audit", "."], 2, "vmfuzz: .: is a folder; it has no *.trace file"),
        (["conformance", "nowhere"], 2, "nowhere: cannot read: No such file"),
        (["conformance", "/dev/null/x"], 2, "cannot read: Not a directory"),
        (["model", "opps"], 2, "No such command 'opps'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_named_with_the_documented_exit_code(
    vmfuzz: Vmfuzz,
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = vmfuzz(*arguments, COLUMNS="200")

    assert done.returncode == code
    assert message in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("name", ["explain", "minimize", "replay"])
def test_a_file_that_plants_an_unknown_bug_is_a_mistake_with_a_place(
    vmfuzz: Vmfuzz, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.trace"
    path.write_text("#vmfuzz-trace 1\nworld\nfault nope\nl0 = list_new()\n")

    done = vmfuzz(name, path)

    assert done.returncode == 2
    assert f"{path}:3:7: unknown fault 'nope'" in done.stdout + done.stderr


def test_an_exception_of_ours_exits_3_and_is_no_finding(tmp_path: Path) -> None:
    script = (
        "import sys; from vmfuzz import campaign, cli\n"
        "import vmfuzz.cli.fuzz as f\n"
        "def broken(*a, **k): raise RuntimeError('boom')\n"
        "f.run_campaign = broken\n"
        "sys.exit(cli.main(['fuzz', '--steps', '5']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert done.returncode == 3
    assert "internal error: RuntimeError: boom" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_interrupted_run_shows_what_it_did_and_exits_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vmfuzz", "fuzz", "--time", "60s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert output.splitlines()[-1] == "interrupted; 0 signatures found so far"
    assert "Traceback" not in errors


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m vmfuzz model ops --json | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr


def test_a_command_loads_the_stack_of_live_systems_only_to_drive_one() -> None:
    """Four commands take `--sut`, few runs use it."""
    commands = {f"vmfuzz.cli.{name}" for name in ("fuzz", "replay", "minimize", "conformance")}
    program = f"import sys, {', '.join(sorted(commands))}; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    loaded = set(done.stdout.split())
    assert commands <= loaded
    assert not {"vmfuzz.sut.system", "vmfuzz.sut.agent", "vmfuzz.sut.vector_check"} & loaded
