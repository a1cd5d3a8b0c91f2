"""The README's two commands: one pasteable line each, doing all their set-up."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]  # `tests/docs` plays those below


@pytest.mark.parametrize(
    ("heading", "ends"),
    [("Run it", "vmfuzz demo"), ("Test it", "pytest -q -n auto --dist worksteal -m 'not slow'")],
)
def test_a_command_is_one_line_in_an_environment_of_its_own(heading: str, ends: str) -> None:
    assert README.exists(), "README.md is missing"
    _, found, rest = README.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    assert found, f"README.md has no heading '## {heading}'"
    section = rest.split("\n## ")[0]

    (block,) = re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL)

    assert block.count("\n") == 1
    assert block.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert f".venv/bin/{ends}" in block


@pytest.mark.slow
@pytest.mark.pure  # some of them use the corpora of a checkout
def test_every_command_shown_runs(tmp_path: Path) -> None:
    """In the order of the pages, in one folder; campaigns are cut short, findings may be found."""
    (tmp_path / "corpora").symlink_to(ROOT / "corpora")
    commands = [
        command
        for page in PAGES
        for block in re.findall(r"```(?:console|text)\n(.*?)```", page.read_text(), re.DOTALL)
        for command in re.findall(r"^\$ (.+)", block, re.MULTILINE)
    ]
    assert len(commands) >= 6
    for command in commands:
        name, *arguments = shlex.split(command)
        if name == "cp":
            shutil.copy(tmp_path / arguments[0], tmp_path / arguments[1])
            continue
        assert name in {"pytest", "vmfuzz"}
        arguments = ["5s" if word == "10m" else word for word in arguments]
        arguments += ["--time", "4s"] if arguments == ["demo"] else []
        done = subprocess.run(
            [sys.executable, "-m", name, *arguments],
            cwd=tmp_path,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode in {0, 1}, f"{command}: {done.stdout}{done.stderr}"


def test_nothing_in_the_readme_is_left_to_fill_in() -> None:
    assert "@@" not in README.read_text(encoding="utf-8")
