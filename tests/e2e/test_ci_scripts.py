"""The workflows that `vmfuzz init` writes, run: every script of theirs, in bash, without a network.

`pip` only notes what it should install, `vmfuzz` takes a few seconds of the time it is given, and
`gh` keeps issues in a file.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="PyYAML reads workflows; the group `test` has it")

from workflow_runner import Result, Runner, read_workflow

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]
AGENT = Path(__file__).parents[2] / "docs" / "examples" / "python-agent" / "agent.py"
FAULT = "teardown-keeps-storage"  # found within a thousand steps
ENOUGH = "4000"  # steps to find a bug
INPUTS = ("minutes", "profile", "seed", "drill")
CHECK, NIGHTLY = (".github/workflows/vmfuzz.yml", ".github/workflows/vmfuzz-nightly.yml")
PYTHON = """\
#!/bin/sh
if [ "$1 $2" = "-m pip" ]; then shift 2; echo "pip $*"; exit "${PIP_FAILS:-0}"; fi
exec "@PYTHON@" "$@"
"""
VMFUZZ = """\
#!@PYTHON@
import os, sys
words = sys.argv[1:]
if "--time" in words:
    words += ["--steps", os.environ["STEPS"]]
if os.environ.get("DEAF") and "--fault" in words:
    at = words.index("--fault")
    del words[at:at + 2]
os.execv(sys.executable, [sys.executable, "-m", "vmfuzz", *words])
"""
GH = """\
#!@PYTHON@
import json, os, shutil, subprocess, sys
from pathlib import Path

file = Path(os.environ["TRACKER"])
issues = json.loads(file.read_text()) if file.exists() else []
assert os.environ["GH_TOKEN"] and os.environ["GH_REPO"] == "me/kernel"
words = sys.argv[1:]
option = lambda name: words[words.index(name) + 1]
if words[:2] == ["issue", "list"]:
    assert option("--label") == "vmfuzz" and option("--state") == "all"
    names = option("--json").split(",")
    rows = json.dumps([{name: issue[name] for name in names} for issue in issues])
    if shutil.which("jq"):
        subprocess.run(["jq", "-r", option("--jq")], input=rows, text=True, check=True)
    else:
        for row in json.loads(rows):
            print("{number} {state} {title}".format(**row))
elif words[:2] == ["issue", "create"]:
    body = Path(option("--body-file")).read_text()
    number, title = len(issues) + 1, option("--title")
    issues.append(dict(number=number, state="OPEN", title=title, body=body, notes=[]))
elif words[:2] == ["issue", "reopen"]:
    (issue,) = [issue for issue in issues if issue["number"] == int(words[2])]
    issue["state"] = "OPEN"
    issue["notes"].append(option("--comment"))
else:
    assert words[:3] == ["label", "create", "vmfuzz"], words
file.write_text(json.dumps(issues))
"""


class Night:
    """A repository with the workflows in it, and what GitHub would keep of their runs."""

    def __init__(self, root: Path, vmfuzz: Vmfuzz, *options: str) -> None:
        self.tracker = root / "issues.json"
        bin, self.repository = root / "bin", root / "repository"
        bin.mkdir()
        self.repository.mkdir()
        for name, text in {"python": PYTHON, "vmfuzz": VMFUZZ, "gh": GH}.items():
            (bin / name).write_text(text.replace("@PYTHON@", sys.executable))
            (bin / name).chmod(0o755)
        done = vmfuzz("init", "repository", *options)
        assert done.returncode == 0, done.stderr
        context = {
            **{f"inputs.{name}": None for name in INPUTS},
            "github.run_id": 9_876_543_210,
            "github.run_attempt": 1,
            "github.repository": "me/kernel",
            "github.server_url": "https://hub",
            "github.token": "secret",
            "vars.VMFUZZ_SARIF": None,
        }
        environment = {"TRACKER": str(self.tracker), "NO_COLOR": "1", "STEPS": "1500"}
        self.runner = Runner(root, bin, self.repository, context, environment)

    def settings(self, line: str, *, workers: str = "") -> None:
        """Add a setting to [tool.vmfuzz], and change the number of workers."""
        file = self.repository / "pyproject.toml"
        text = file.read_text().replace("[tool.vmfuzz]\n", f"[tool.vmfuzz]\n{line}\n")
        file.write_text(text.replace('workers = "auto"', f"workers = {workers}"))

    def run(self, path: str, job: str, **matrix: Any) -> Result:
        return self.runner.run((self.repository / path).read_text(), job, **matrix)

    def night(self, run: int, inputs: dict[str, str] | None = None) -> tuple[Result, Result]:
        """Run the nightly job of a shard, and then the one that files issues."""
        self.runner.context["github.run_id"] = run
        self.set_inputs(inputs or {})
        return self.run(NIGHTLY, "fuzz", shard=0), self.run(NIGHTLY, "issues")

    def set_inputs(self, inputs: dict[str, str]) -> None:
        for name in INPUTS:
            self.runner.context[f"inputs.{name}"] = inputs.get(name)

    def first_step(self) -> str:
        """Return the nightly workflow with the first step of its first job alone."""
        text = read_workflow((self.repository / NIGHTLY).read_text())
        text["jobs"]["fuzz"]["steps"] = text["jobs"]["fuzz"]["steps"][:1]
        return json.dumps({str(key): value for key, value in text.items()})

    @property
    def issues(self) -> list[dict[str, Any]]:
        return list(json.loads(self.tracker.read_text())) if self.tracker.exists() else []

    def scripts(self, path: str, job: str) -> set[str]:
        steps = read_workflow((self.repository / path).read_text())["jobs"][job]["steps"]
        return {step["name"] for step in steps if "run" in step}


@pytest.fixture
def model(tmp_path: Path, vmfuzz: Vmfuzz) -> Night:
    night = Night(tmp_path, vmfuzz, "--install", "vmfuzz @ file:///vmfuzz")
    night.settings('engine = "swarm"', workers="1")
    return night


def agent(tmp_path: Path, vmfuzz: Vmfuzz, *options: str) -> Night:
    """Return a repository whose agent's `--bug` shows in every trace: no handle is counted."""
    right = "return self.new_handle(paddr // PAGE, 1)"
    text = AGENT.read_text()
    assert text.count(right) == 1
    (tmp_path / "agent.py").write_text(
        text.replace(right, right.replace(", 1)", ", not self.bug)"))
    )
    words = [sys.executable, str(tmp_path / "agent.py"), *options]
    return Night(tmp_path, vmfuzz, "--sut", " ".join(words))


def keep_trace(night: Night, text: str) -> None:
    (night.repository / "tests" / "traces" / "kept.trace").write_text(text)


def test_a_clean_night_runs_every_script_and_files_nothing(model: Night) -> None:
    fuzz, issues = model.night(run=77)

    assert (fuzz.failed, issues.failed) == ([], []), fuzz.log + issues.log
    assert fuzz.log.startswith("seed 231 (shard 0 of 3, from 77)\npip install vmfuzz @ file:///")
    assert model.scripts(NIGHTLY, "fuzz") <= set(fuzz.ran)
    assert model.scripts(NIGHTLY, "issues") <= set(issues.ran)
    assert fuzz.summary.startswith("## ")
    assert "nothing new" in fuzz.log
    assert model.issues == []
    assert model.run(NIGHTLY, "code-scanning", shard=0).failed == []
    model.runner.context["vars.VMFUZZ_SARIF"] = "off"
    assert model.run(NIGHTLY, "code-scanning", shard=0).ran == []


@pytest.mark.slow
def test_a_finding_turns_the_night_red_and_is_filed(model: Night) -> None:
    model.runner.environment["STEPS"] = ENOUGH
    model.settings(f'fault = ["{FAULT}"]')
    first, issues = model.night(run=1)

    assert (first.failed, issues.failed) == (["Verdict"], [])
    assert "::error::vmfuzz fuzz ended with '1'" in first.log
    titles = [issue["title"] for issue in model.issues]
    assert 1 <= len(titles) <= 5
    assert len(set(titles)) == len(titles)
    assert all(title.startswith("vmfuzz: ") for title in titles)
    assert titles[0].removeprefix("vmfuzz: ").replace("--", "/") in first.summary
    assert model.issues[0]["body"].endswith("Found by https://hub/me/kernel/actions/runs/1\n")
    sarif = model.runner.root / "artifacts" / "vmfuzz-0" / "vmfuzz-report" / "report.sarif"
    assert json.loads(sarif.read_text())["runs"][0]["results"]


def test_a_run_files_five_issues_at_most_and_one_for_what_two_shards_found(model: Night) -> None:
    for shard, numbers in enumerate([range(4), range(2, 7)]):
        folder = model.runner.root / "artifacts" / f"vmfuzz-{shard}" / "vmfuzz-report" / "issues"
        folder.mkdir(parents=True)
        for number in numbers:
            (folder / f"SLOT.0{number}--frame_drop.md").write_text("words\n")
    first = model.run(NIGHTLY, "issues")
    amount = len(model.issues)
    second = model.run(NIGHTLY, "issues")

    assert (first.failed, second.failed, amount) == ([], [], 5)
    assert first.log.count("::warning::more than 5 new findings; not filed") == 2
    assert [issue["title"][8:15] for issue in model.issues] == [f"SLOT.0{n}" for n in range(7)]
    assert second.log.count("is open: vmfuzz: SLOT.0") == 5


@pytest.mark.slow
def test_a_drill_is_green_when_the_planted_bug_is_found_and_tries_the_tracker(model: Night) -> None:
    model.runner.environment["STEPS"] = ENOUGH
    fuzz, issues = model.night(run=5, inputs={"drill": FAULT})

    assert (fuzz.failed, issues.failed) == ([], []), fuzz.log
    assert f"the drill is passed: {FAULT} was planted" in fuzz.log
    assert model.issues
    assert all(issue["title"].startswith("drill: vmfuzz: ") for issue in model.issues)
    assert not (model.runner.root / "cache").exists()


@pytest.mark.slow
def test_a_drill_is_red_when_the_alarm_is_deaf(model: Night) -> None:
    model.runner.environment["DEAF"] = "1"
    fuzz, _ = model.night(run=6, inputs={"drill": FAULT})

    assert fuzz.failed == ["Verdict"]
    assert f"::error::the drill failed: {FAULT} was planted and not found" in fuzz.log


def test_a_drill_with_an_unknown_bug_is_red(model: Night) -> None:
    fuzz, _ = model.night(run=7, inputs={"drill": "no-such-bug"})

    assert "Verdict" in fuzz.failed
    assert "no-such-bug" in fuzz.log


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"seed": "x[$(touch pwned)]"}, "not a whole number"),
        ({"seed": "-1"}, "not a whole number"),
        ({"seed": "9999999999999999"}, "of up to 15 digits"),
        ({"minutes": "0"}, "allowed are 1 to 300"),
        ({"minutes": "301"}, "allowed are 1 to 300"),
        ({"minutes": "$(touch pwned)"}, "allowed are 1 to 300"),
        ({"drill": "x; touch pwned"}, "no id of"),
    ],
    ids=str,
)
def test_inputs_are_data_and_wrong_ones_are_named(
    model: Night, inputs: dict[str, str], message: str
) -> None:
    model.set_inputs(inputs)
    result = model.runner.run(model.first_step(), "fuzz", shard=0)

    assert result.failed == ["Seed"]
    assert message in result.log
    assert not list(model.runner.root.rglob("pwned"))


def test_shards_and_runs_have_seeds_of_their_own(model: Night) -> None:
    text, seeds = model.first_step(), []
    for run in (9_876_543_210, 9_876_543_211, 999_999_999_999_999):
        model.runner.context["github.run_id"] = run
        seeds += [model.runner.run(text, "fuzz", shard=s).outputs["seed"] for s in range(3)]
    model.set_inputs({"seed": "0012"})
    chosen = model.runner.run(text, "fuzz", shard=1)

    assert len(set(seeds)) == 9
    assert all(0 <= int(seed) < 1 << 31 for seed in seeds)
    assert chosen.log == "seed 37 (shard 1 of 3, from 0012)\n"


def test_nothing_to_keep_is_an_error_of_its_own(model: Night) -> None:
    model.runner.environment["PIP_FAILS"] = "1"
    fuzz, issues = model.night(run=9)

    assert fuzz.failed[0] == "Install"
    assert {"Count what there is to keep", "Keep them", "Verdict"} <= set(fuzz.failed)
    assert "nothing to keep: the campaign did not start" in fuzz.log
    assert "nothing new, so no issue" in issues.log


@pytest.mark.slow
def test_a_push_replays_the_traces_and_fuzzes(model: Night) -> None:
    keep_trace(model, "#vmfuzz-trace 1\nworld\ns0 = segment_from_unused(start=0x0, end=0x1000)\n")
    clean = model.run(CHECK, "check")

    assert clean.failed == [], clean.log
    assert model.scripts(CHECK, "check") <= set(clean.ran)
    assert "ok: 1 of 1 as expected" in clean.log
    assert "seed 1\n" in clean.log
    assert "seed 1286608618\n" in clean.log  # the run's id, in 31 bits
    assert clean.summary.count("## ") == 2


@pytest.mark.slow
def test_a_push_that_breaks_a_trace_and_finds_something_is_red_for_both(
    tmp_path: Path, vmfuzz: Vmfuzz
) -> None:
    night = agent(tmp_path, vmfuzz, "--bug")
    keep_trace(night, "#vmfuzz-trace 1\nworld\nf0 = frame_from_unused(paddr=0x0)\n")
    result = night.run(CHECK, "check")

    assert result.failed == ["Replay the regression traces", "Smoke"]
    assert "::error::seed 1: vmfuzz fuzz ended with 1" in result.log
    assert "DIVERGE.slots/frame_from_unused" in result.summary


@pytest.mark.slow
def test_a_live_agent_is_fuzzed_and_drilled(tmp_path: Path, vmfuzz: Vmfuzz) -> None:
    night = agent(tmp_path, vmfuzz)
    fuzz, issues = night.night(run=3)
    push = night.run(CHECK, "check")
    drill, _ = night.night(run=4, inputs={"drill": "drop-skips-dealloc"})

    assert (fuzz.failed, issues.failed, push.failed) == ([], [], []), fuzz.log + push.log
    assert "every answer of" in fuzz.log
    assert "tests/traces has no trace yet" in push.log
    assert drill.failed == [], drill.log
    assert "the drill is passed" in drill.log


@pytest.mark.long
@pytest.mark.slow
def test_a_bug_is_red_and_filed_once_however_often_it_is_found(
    tmp_path: Path, vmfuzz: Vmfuzz
) -> None:
    night = agent(tmp_path, vmfuzz, "--bug")
    found, _ = night.night(run=3)
    again, nothing = night.night(run=4)
    for cache in (tmp_path / "cache").iterdir():
        cache.rename(cache.with_name(f"lost-{cache.name}"))
    lost, still_open = night.night(run=5)
    (issue,) = night.issues
    night.tracker.write_text(json.dumps([{**issue, "state": "CLOSED"}]))
    reopened = night.run(NIGHTLY, "issues")

    assert (found.failed, again.failed, lost.failed) == (["Verdict"], [], ["Verdict"])
    assert "nothing new, so no issue" in nothing.log
    assert "issue 1 is open: vmfuzz: DIVERGE.slots--frame_from_unused" in still_open.log
    assert reopened.failed == []
    (issue,) = night.issues
    assert issue["title"] == "vmfuzz: DIVERGE.slots--frame_from_unused"
    assert issue["state"] == "OPEN"
    assert issue["notes"] == ["Found again: https://hub/me/kernel/actions/runs/5"]
