"""What the plugin costs a run that has no use for it."""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

ROUNDS = 15
MOST = 0.015  # seconds


def processor_seconds(folder: Path, *options: str) -> float:
    """Return what a pytest run takes of a processor, start-up included."""
    child = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_an_unrelated_run_pays_next_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_other():\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    differences = []
    for _ in range(ROUNDS):
        without = processor_seconds(tmp_path, "-p", "no:vmfuzz")
        differences.append(processor_seconds(tmp_path) - without)

    assert median(differences) <= MOST, f"{median(differences) * 1000:.1f} ms"
