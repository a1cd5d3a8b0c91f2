"""What code a machine has: workers must run what their driver replays."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

import vmfuzz
import vmstore


@cache
def about() -> str:
    """Return version and a digest of all sources; equal texts mean the same code."""
    digest = blake2b(digest_size=6)
    for package in (vmfuzz, vmstore):
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return f"{vmfuzz.__version__} ({digest.hexdigest()})"
