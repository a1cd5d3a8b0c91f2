"""What must not be in the tracked files."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOSTS = (
    *("pypi." + "org", "pythonhosted." + "org", "npmjs." + "org"),
    *("deb.debian." + "org", "crates." + "io"),
)
UNFINISHED = re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + "X)\\b")
MACHINE_PATHS = re.compile(r"(^|[^A-Za-z0-9_.~-])/(wo" + "rk|ro" + "ot)/")


def tracked() -> list[Path]:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_tracked_text_names_no_machine_and_no_registry_and_is_finished() -> None:
    looked_at = 0
    for path in tracked():
        if not path.exists() or path.suffix in {".gz", ".png"}:
            continue
        text = path.read_text(encoding="utf-8")
        looked_at += 1
        assert not [host for host in HOSTS if host in text], path
        assert not MACHINE_PATHS.search(text), path
        if path.relative_to(ROOT).parts[0] in {"harness", "models", "tests"}:
            assert not UNFINISHED.search(text), path
    assert looked_at > 50


def test_no_tracked_file_is_large() -> None:
    assert all(path.stat().st_size < 4 << 20 for path in tracked() if path.exists())


def test_the_top_level_holds_what_it_should() -> None:
    folders = {".ci", ".github", "corpora", "docs", "harness", "models", "tests"}
    files = {".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "tox.ini"}

    assert {path.relative_to(ROOT).parts[0] for path in tracked()} == folders | files
