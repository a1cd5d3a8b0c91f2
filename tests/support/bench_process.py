"""`vmfuzz bench` in a process of its own, whose clocks no other test has used."""

import os
import subprocess
import sys
from pathlib import Path


def bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `vmfuzz bench` in a folder, its output as wide as it likes."""
    # GNU readline, which pytest imports, sets COLUMNS.
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.run(
        [sys.executable, "-m", "vmfuzz", "bench", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
