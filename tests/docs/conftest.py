"""What the tests of the pages share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pages import ROOT, Shell, programs

COPIED = ("harness", "models", "docs", "tests", "corpora")
FILES = ("pyproject.toml", "README.md", "CHANGELOG.md")
Made = Callable[[Path], Shell]


@pytest.fixture
def reader(tmp_path: Path) -> Shell:
    """A folder beside a checkout: with its corpora and examples, and nothing else."""
    folder = tmp_path / "folder"
    (folder / "docs").mkdir(parents=True)
    (folder / "corpora").symlink_to(ROOT / "corpora")
    (folder / "docs" / "examples").symlink_to(ROOT / "docs" / "examples")
    return Shell(folder, programs(tmp_path / "bin"))


@pytest.fixture
def contributor(tmp_path: Path) -> Shell:
    """A copy of the checkout, to be changed, whose modules the commands import."""
    folder = tmp_path / "checkout"
    for name in COPIED:
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "target")
        )
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    found = f"{folder}/harness:{folder}/models"
    return Shell(folder, programs(tmp_path / "bin"), seconds=500.0, PYTHONPATH=found)
