"""`vmfuzz agent`: the model as a live system under test."""

import sys

import rich_click as click

from vmfuzz.cli.exits import Exit
from vmfuzz.cli.options import check_faults, fault_option, world_from, world_option
from vmfuzz.cli.streams import mute
from vmfuzz.sut.serve import serve


@click.command("agent")
@fault_option
@world_option
def command(faults: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Speak the wire protocol on stdin and stdout: one JSON object per line, until stdin ends.

    The other end of --sut, and an example of what to say when.

    \b
    Examples:
    vmfuzz fuzz --sut 'vmfuzz agent --fault segment-clone-misses-last'
    """
    world, _ = world_from(settings)
    try:
        serve(world, check_faults(faults), sys.stdin.fileno(), sys.stdout.fileno())
    except BrokenPipeError:  # nobody listens any more
        mute(sys.stdout)
    return int(Exit.CLEAN)
