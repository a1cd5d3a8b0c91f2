"""Which lines and branches of the model a set of runs executes, measured by coverage.py.

A child process does it: modules that are imported before the measurement would miss the lines that
run at import, and everything here imports the model.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vmfuzz.errors import HarnessError, VmfuzzError
from vmstore.sources import VARIABLE

Json = dict[str, Any]


def measure(files: list[Path]) -> tuple[Json, Json]:
    """Run the files in a child; return its coverage document, and the code's part of it.

    Shape of the second: `percent` and `modules`, each with `module`, `percent`, `lines`,
    `lines_run`, `branches`, `branches_run`, `missing_lines`.
    Errors: VmfuzzError without coverage.py, and for what the child says of a file; HarnessError
    for a defect of ours in it.
    """
    if find_spec("coverage") is None:
        raise VmfuzzError("--code needs coverage.py: pip install coverage")
    with tempfile.TemporaryDirectory(prefix="vmfuzz-coverage-") as folder:
        # -P: a file of the current folder must not stand in for a module.
        command = [sys.executable, "-P", "-m", "vmfuzz.code_coverage_child", folder]
        names = "\n".join(json.dumps(str(file)) for file in files)
        child = subprocess.run(
            command,
            input=names,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            check=False,
            env={**os.environ, VARIABLE: "1"},  # compiled code has no lines
        )
        try:
            answer = json.loads(child.stdout)
        except json.JSONDecodeError:
            text = f"the measuring process ended with {child.returncode} and no result"
            raise HarnessError(text) from None
    if "defect" in answer:
        raise HarnessError(answer["defect"])
    if "problem" in answer:
        raise VmfuzzError(answer["problem"])
    return answer["document"], answer["code"]
