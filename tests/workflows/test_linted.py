"""Workflows, ours and those that `vmfuzz init` writes, under the linters of that trade.

`zizmor` looks for what an attacker could use, here without a network; actions have to be pinned to
the hash of a commit, which is what it wants by default. `check-jsonschema` has the schema of
workflows, `shellcheck` reads every script.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.scaffold.content import Setup, whole_files

yaml = pytest.importorskip("yaml", reason="`tox -e workflows` has it")
ROOT = Path(__file__).parents[2]
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SETUPS = {
    "model": Setup("vmfuzz[atheris]==1.0"),
    "live": Setup("vmfuzz @ git+https://host/vmfuzz@0123", "./agent --name 'a \"b\"'"),
}


def tool(name: str) -> str:
    path = shutil.which(name, path=f"{Path(sys.executable).parent}:{Path('/usr/bin')}")
    if path is None:
        pytest.skip(f"{name} is not installed; `tox -e workflows` has it")
    return path


@pytest.fixture(scope="module", params=["ours", *SETUPS])
def workflows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository's workflows."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "ours":
        shutil.copytree(ROOT / ".github", folder / ".github")
        return folder
    for name, text in whole_files(SETUPS[request.param]).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def files_of(folder: Path) -> list[Path]:
    files = sorted(folder.glob(".github/workflows/*.yml"))
    assert len(files) >= 2
    return files


def passes(*command: object, text: str | None = None) -> None:
    done = subprocess.run(
        list(map(str, command)), input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def steps_of(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        for step in job["steps"]:
            yield job, step


def test_nothing_above_informational_is_there_for_an_attacker(workflows: Path) -> None:
    passes(
        *(tool("zizmor"), "--offline", "--no-config", "--no-progress", "--persona", "pedantic"),
        *("--min-severity", "low", *files_of(workflows)),
    )


def test_an_unpinned_action_would_be_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(OURS[0].read_text().replace("@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@v5"))

    with pytest.raises(AssertionError, match="unpinned-uses"):
        passes(tool("zizmor"), "--offline", "--no-config", "--min-severity", "low", bad)


def test_it_is_what_github_understands(workflows: Path) -> None:
    command = tool("check-jsonschema")
    passes(command, "--builtin-schema", "github-workflows", *files_of(workflows))


def test_scripts_are_free_of_the_traps_of_shells(workflows: Path) -> None:
    scripts = [
        step["run"] for path in files_of(workflows) for _, step in steps_of(path) if "run" in step
    ]

    assert scripts
    for script in scripts:
        passes(tool("shellcheck"), "--shell=bash", "--severity=style", "-", text=script)


def test_every_job_ends_and_no_script_has_an_expression_in_it(workflows: Path) -> None:
    for path in files_of(workflows):
        for job, step in steps_of(path):
            assert job["timeout-minutes"]
            assert "${{" not in step.get("run", "")
        assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_only_the_jobs_that_need_it_may_write() -> None:
    texts = whole_files(SETUPS["model"])
    nightly = yaml.safe_load(texts[".github/workflows/vmfuzz-nightly.yml"])
    rights = {name: job.get("permissions") for name, job in nightly["jobs"].items()}

    assert rights == {
        "fuzz": None,
        "code-scanning": {"security-events": "write"},
        "issues": {"issues": "write"},
    }
