"""The live systems of a process: one per command, ended with the process at the latest."""

import atexit
import shlex

from vmfuzz.sut.system import LiveSystem

_SYSTEMS: dict[str, LiveSystem] = {}


def system_of(command: str | list[str]) -> LiveSystem:
    """Return the live system of a command, started when it is asked for first.

    Errors: VmfuzzError when it does not start.
    """
    words = shlex.split(command) if isinstance(command, str) else command
    name = shlex.join(words)
    if name not in _SYSTEMS:
        system = LiveSystem(words)
        _ = system.world  # greeted before any example counts
        if not _SYSTEMS:
            atexit.register(close_agents)
        _SYSTEMS[name] = system
    return _SYSTEMS[name]


def close_agents() -> None:
    """End the agents of all machines. Asked for again, they are started again."""
    while _SYSTEMS:
        _, system = _SYSTEMS.popitem()
        system.agent.close()
