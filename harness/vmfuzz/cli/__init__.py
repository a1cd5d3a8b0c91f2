"""The command line. Commands are imported when they are used, so that `--help` is fast."""

import gc
import os
import sys
from contextlib import suppress
from io import StringIO
from typing import TYPE_CHECKING, Final

from vmfuzz.cli import streams
from vmfuzz.cli.exits import Exit
from vmfuzz.errors import HarnessError, NothingToDo, VmfuzzError, shown

if TYPE_CHECKING:
    from click import ClickException

_GC_THRESHOLD: Final = 20_000  # steps make no cycles: looking for them rarely is worth 5 %


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; an exception of ours becomes 3, never a finding."""
    gc.set_threshold(_GC_THRESHOLD)
    streams.prepare()
    try:
        return _guarded(argv)
    finally:
        streams.finish()


def _guarded(argv: list[str] | None) -> int:
    try:
        code = _run(argv)
        streams.flush()
    except NothingToDo as error:
        return _say(str(error), Exit.NOTHING)
    except VmfuzzError as error:
        return _say(str(error), Exit.USAGE)
    except KeyboardInterrupt:
        return _say("interrupted", Exit.INTERRUPTED)
    except MemoryError:
        return _say("out of memory; try a smaller world", Exit.HARNESS)
    except Exception as error:  # the crash guard: a defect of ours is no finding
        return _crash(error)
    return code


def _run(argv: list[str] | None) -> int:
    import click

    from vmfuzz.cli.root import root

    try:
        code = root.main(args=argv, prog_name="vmfuzz", standalone_mode=False)
    except click.exceptions.Abort:
        return _say("interrupted", Exit.INTERRUPTED)
    except click.ClickException as error:
        with suppress(OSError):  # stderr is full, or nobody reads it
            if sys.stderr.isatty():
                error.show()  # in colour
            else:
                print(_plain(error), file=sys.stderr)
        return int(Exit.USAGE)
    except SystemExit as end:  # 2 without a command, and 1 when the reader of a help has gone
        return int(Exit.USAGE if end.code == Exit.USAGE else Exit.CLEAN)
    return code if isinstance(code, int) else int(Exit.CLEAN)


def _plain(error: "ClickException") -> str:
    """Return what click says of a mistake, without the blanks that frame its usage line."""
    text = StringIO()
    error.show(text)
    return "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())


def _say(text: str, code: Exit) -> int:
    streams.note(text)
    return int(code)


def _crash(error: Exception) -> int:
    from vmfuzz.extensions import is_of_extension
    from vmfuzz.located import described

    if isinstance(error, OSError) and error.strerror:
        with suppress(OSError):  # what is left to write would fail once more at exit
            streams.mute(sys.stdout)
        return _say(f"{shown(error.filename or 'output')}: {error.strerror}", Exit.USAGE)
    if os.environ.get("VMFUZZ_DEBUG"):
        import traceback

        traceback.print_exception(error)
    name = "" if isinstance(error, HarnessError) else f"{type(error).__name__}: "
    whose = "an extension" if is_of_extension(error) else "vmfuzz"
    text = (
        f"internal error: {name}{described(error)}\n  this is a defect of {whose}, not a finding;"
    )
    return _say(f"{text} VMFUZZ_DEBUG=1 shows where", Exit.HARNESS)
