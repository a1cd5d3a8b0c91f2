"""Runs `vmfuzz` commands in processes that are forked from one that has everything imported.

A forked command is a process of its own, with its own streams, signals and exit code; what it saves
is the interpreter's start and the imports, which is most of what a short command takes.

    python fork_server.py REQUESTS REPLIES

reads one JSON line per command from the descriptor REQUESTS and writes its exit code to REPLIES.
"""

import json
import os
import sys
from typing import Any

import vmfuzz.cli.agent
import vmfuzz.cli.conformance
import vmfuzz.cli.fuzz
import vmfuzz.cli.minimize
import vmfuzz.cli.replay
import vmfuzz.cli.root
import vmfuzz.engines.live_engine
import vmfuzz.engines.swarm_engine  # noqa: F401  # imported for the commands
from vmfuzz.cli import main


def run(request: dict[str, Any]) -> int:
    """Become the command, in a fresh child; return its exit code as `subprocess` has it."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    code = 70
    try:
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            os.dup2(file, descriptor)
            os.close(file)
        sys.argv = ["vmfuzz", *request["arguments"]]
        code = main(request["arguments"])
    finally:
        os._exit(code)


def serve(requests: int, replies: int) -> None:
    """Run commands one after another until nobody asks any more."""
    with os.fdopen(requests) as lines:
        for line in lines:
            os.write(replies, b"%d\n" % run(json.loads(line)))


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
