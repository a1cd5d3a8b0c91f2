"""A Ray cluster of several nodes on this machine, started and ended by hand, one by one."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

START = 90.0  # seconds; a node takes twelve on a busy machine
ATTEMPTS = 3  # Ray gives a node that starts half a minute, which a very busy machine exceeds
_SMALL = (
    *("--num-cpus=1", "--object-store-memory=80000000", "--block"),
    *("--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"),
)


class NodeFailed(Exception):
    """A node that Ray could not start."""


class Nodes:
    """The nodes of one cluster, the head first. Requires: `close` at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        key = folder / "key"
        key.write_text(os.urandom(32).hex())
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("RAY_")},
            "RAY_USAGE_STATS_ENABLED": "0",
            "TMPDIR": str(folder),  # what is killed tidies up not
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(key),
        }

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start_all(self, amount: int) -> None:
        """Start so many nodes; one that Ray gives up is tried again."""
        failures = 0
        while len(self.processes) < amount:
            try:
                self.start()
            except NodeFailed:
                failures += 1
                if failures == ATTEMPTS:
                    raise
                self.kill(-1)
                self.processes.pop()

    def start(self) -> None:
        """Start a node, the head if it is the first, and wait until it is there."""
        if not self.processes:
            where = ["--head", f"--port={self.port}", "--include-dashboard=false"]
            where.append(f"--temp-dir={self.folder / 'ray'}")
        else:
            where = [f"--address={self.address}"]
        log = self.folder / f"node.{len(self.processes)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(Path(sys.executable).parent / "ray"), "start", *where, *_SMALL],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )
        self.processes.append(process)
        until = time.monotonic() + START
        while b"Ray runtime started" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise NodeFailed(log.read_text())
            time.sleep(0.1)

    def kill(self, number: int) -> None:
        """End a node as a power cut does."""
        with suppress(ProcessLookupError):
            os.killpg(self.processes[number].pid, signal.SIGKILL)
        self.processes[number].wait()

    def close(self) -> None:
        for number in reversed(range(len(self.processes))):
            self.kill(number)
