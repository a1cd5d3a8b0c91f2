"""What the tests of the command line share."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HIDING = """
import sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name == "atheris" else self.finder.find_spec(name, path, target)

    def find_distributions(self, context):
        if context.name == "atheris" or not hasattr(self.finder, "find_distributions"):
            return iter(())
        return self.finder.find_distributions(context)

sys.meta_path[:] = map(Hiding, sys.meta_path)
"""


@pytest.fixture
def vmfuzz(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `vmfuzz` in an empty folder; whatever it does, it prints no traceback."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "vmfuzz", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=110,
            cwd=tmp_path,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **environment},
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def without_atheris(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that cannot find atheris, installed or not."""
    folder = tmp_path / "hiding"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HIDING)
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([inherited] if inherited else [])])}
