"""What the tests of the command line share."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory

import pytest

SERVER = Path(__file__).with_name("fork_server.py")
SECONDS = 110.0  # for one command
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


class ForkServer:
    """A process with the commands imported, from which each command is forked."""

    def __init__(self) -> None:
        (theirs, self.requests), (self.replies, answers) = os.pipe(), os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, SERVER, str(theirs), str(answers)],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs, answers],
        )
        os.close(theirs)
        os.close(answers)

    def run(
        self, arguments: list[str], folder: Path, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run one command. Errors: TimeoutExpired, after which the server is gone."""
        with TemporaryDirectory() as name:
            stdout, stderr = Path(name, "stdout"), Path(name, "stderr")
            request = {
                "arguments": arguments,
                "cwd": str(folder),
                "env": environment,
                "stdout": str(stdout),
                "stderr": str(stderr),
            }
            os.write(self.requests, json.dumps(request).encode() + b"\n")
            if not select([self.replies], [], [], SECONDS)[0]:
                self.close()
                raise subprocess.TimeoutExpired(arguments, SECONDS)
            code = int(os.read(self.replies, 99))
            return subprocess.CompletedProcess(
                arguments, code, stdout.read_text("utf-8"), stderr.read_text("utf-8")
            )

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.requests)
        os.close(self.replies)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def vmfuzz(
    tmp_path: Path, fork_server: ForkServer
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `vmfuzz` in an empty folder; whatever it does, it prints no traceback.

    With settings for the interpreter it is started afresh, as those of a forked one are made.
    """

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        words = list(map(str, arguments))
        settings = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **environment}
        if any(name.startswith(("PYTHON", "LC_", "LANG")) for name in environment):
            done = subprocess.run(
                [sys.executable, "-m", "vmfuzz", *words],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                cwd=tmp_path,
                env=settings,
                check=False,
            )
        else:
            done = fork_server.run(words, tmp_path, settings)
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
