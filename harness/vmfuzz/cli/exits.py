"""The exit codes, the same for every command."""

from enum import IntEnum


class Exit(IntEnum):
    """What the process says when it ends."""

    CLEAN = 0
    FINDING = 1
    USAGE = 2
    HARNESS = 3
    INCONCLUSIVE = 4
    NOTHING = 5
    INTERRUPTED = 130
