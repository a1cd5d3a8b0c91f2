"""The README's two commands: one pasteable line each, doing all their set-up."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("heading", "ends"), [("Run it", "vmfuzz fuzz"), ("Test it", "pytest -q -m 'not slow'")]
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


def test_nothing_in_the_readme_is_left_to_fill_in() -> None:
    assert "@@" not in README.read_text(encoding="utf-8")
