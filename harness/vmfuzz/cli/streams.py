"""stdout and stderr as a user may leave them: closed, full, a pipe that nobody reads."""

import os
import sys
from contextlib import suppress
from typing import TextIO


def prepare() -> None:
    """Make closed streams sinks, and escape in the result what its encoding does not have."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for good
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # tests put other objects there
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """Write a part of the result as it is. Effect: none once the reader has gone."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        mute(sys.stdout)
    flush()


def flush() -> None:
    """Send what is buffered. Effect: none once the reader has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        mute(sys.stdout)


def finish() -> None:
    """Empty both streams while a failure can be ignored; at exit it would be the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                mute(stream)
                stream.flush()


def note(text: str) -> None:
    """Write a remark to stderr; one that cannot be written changes nothing."""
    with suppress(OSError):
        print(f"vmfuzz: {text}", file=sys.stderr, flush=True)


def mute(stream: TextIO) -> None:
    """Make `stream` a sink from here on, so that nothing is left to fail at exit."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, stream.fileno())
    os.close(sink)
