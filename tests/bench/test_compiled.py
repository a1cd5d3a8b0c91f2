"""What compiling is worth: the installed model against its own sources, by turns in one run."""

import json
import os
import subprocess
import sys
from statistics import median

import pytest

from vmstore.sources import VARIABLE, is_compiled

FUZZ = [
    sys.executable,
    "-m",
    "vmfuzz",
    "fuzz",
    "--steps",
    "150000",
    "--world",
    "frames=64",
    "--json",
]


def rate(*, is_pure: bool) -> float:
    """Return steps per second; start-up does not count."""
    env = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        FUZZ, env=env | ({VARIABLE: "1"} if is_pure else {}), capture_output=True, check=True
    )
    (engine,) = json.loads(done.stdout)["engines"]
    return float(engine["steps"] / engine["seconds"])


@pytest.mark.skipif(not is_compiled(), reason="the sources are installed, not the compiled model")
def test_the_compiled_model_is_worth_its_installation() -> None:
    rates = [(rate(is_pure=False), rate(is_pure=True)) for _ in range(3)]

    assert median(compiled / pure for compiled, pure in rates) >= 1.5
