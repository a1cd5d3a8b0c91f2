"""Reads the TOML files that people write for vmfuzz."""

import tomllib
from pathlib import Path
from typing import Any, Final

from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input

MAX_BYTES: Final = 1 << 20


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a file says.

    Errors: OSError; VmfuzzError for a larger file, for what is no text, and for what is no TOML.
    """
    with open_input(path) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise VmfuzzError(f"{shown(path)}: larger than {MAX_BYTES >> 20} MiB")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise VmfuzzError(f"{shown(path)}: is no text (byte {error.start})") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise VmfuzzError(f"{shown(path)}: no TOML: {shown(error)}") from None
