"""The command line. Commands are imported when they are used, so that `--help` is fast."""

import gc
import os
import sys
from typing import Final

from vmfuzz.cli.exits import Exit
from vmfuzz.errors import VmfuzzError

_GC_THRESHOLD: Final = 20_000  # steps make no cycles: looking for them rarely is worth 5 %


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; an exception of ours becomes 3, never a finding."""
    import click

    from vmfuzz.cli.root import root

    gc.set_threshold(_GC_THRESHOLD)
    try:
        code = root.main(args=argv, prog_name="vmfuzz", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        return _say("interrupted", Exit.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return int(Exit.USAGE)
    except VmfuzzError as error:
        return _say(str(error), Exit.USAGE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.CLEAN)
    except KeyboardInterrupt:
        return _say("interrupted", Exit.INTERRUPTED)
    except MemoryError:
        return _say("out of memory; try a smaller world", Exit.HARNESS)
    except Exception as error:  # the crash guard: a defect of ours is no finding
        return _crash(error)
    return code if isinstance(code, int) else int(Exit.CLEAN)


def _say(text: str, code: Exit) -> int:
    print(f"vmfuzz: {text}", file=sys.stderr)
    return int(code)


def _crash(error: Exception) -> int:
    if isinstance(error, OSError) and error.strerror:
        return _say(f"{error.filename or 'output'}: {error.strerror}", Exit.USAGE)
    if os.environ.get("VMFUZZ_DEBUG"):
        import traceback

        traceback.print_exception(error)
    kind = type(error).__name__
    text = f"internal error: {kind}: {error}\n  this is a defect of vmfuzz, not a finding;"
    return _say(f"{text} VMFUZZ_DEBUG=1 shows where", Exit.HARNESS)
