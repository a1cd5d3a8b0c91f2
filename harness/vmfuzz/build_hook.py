"""Compiles the hot modules of a wheel with mypyc, when `VMFUZZ_COMPILE=1` asks for it.

    VMFUZZ_COMPILE=1 pip install .

The sources stay as they are and go into the wheel, too: `VMFUZZ_PURE=1` runs them. Runs inside the
build backend, so it imports nothing of the project.
"""

import os
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE: Final = "VMFUZZ_COMPILE"
NEEDED: Final = ["mypy[mypyc]>=2", "setuptools>=70"]
# What every step of a run goes through.
COMPILED: Final = (
    "models/vmstore/*.py",
    "models/vmstore/exec/*.py",
    "models/vmstore/view/*.py",
    "models/vmstore/faults/flags.py",
    *(f"models/vmstore/clauses/{name}.py" for name in ("registry", "space_cases", "check")),
    *(f"models/vmstore/clauses/{name}.py" for name in ("fused", "touched_spaces", "touched_io")),
    *(f"models/vmstore/clauses/{name}.py" for name in ("abstraction", "address_spaces", "tlbs")),
    *("harness/vmfuzz/oracle.py", "harness/vmfuzz/recount.py", "harness/vmfuzz/outcome_text.py"),
    *("harness/vmfuzz/swarm*.py", "harness/vmfuzz/handle_fields.py"),
    "harness/vmfuzz/engines/swarm_engine.py",
    *("harness/vmfuzz/counting_session.py", "harness/vmfuzz/sut/generate.py"),  # inherit from these
)
INTERPRETED: Final = {
    "models/vmstore/arch.py": "an enumeration of integers, which mypyc has not",
    "models/vmstore/ids.py": "types that are read at run time",
    "models/vmstore/sources.py": "runs before compiled modules may be imported",
    "models/vmstore/possible.py": "a table that no step reads",
}


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]  # any builder will do
    """Adds the compiled modules to the wheel, beside their sources."""

    def dependencies(self) -> list[str]:
        """Return what the build environment needs for compiling."""
        return NEEDED if self._is_asked_for() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the results as contents of the wheel.

        Errors: SystemExit with a word to the user when there is no compiler, or for an editable
        installation, which has no place for compiled modules.
        """
        if not self._is_asked_for():
            return
        if version == "editable":
            sys.exit(f"{VARIABLE}=1: an editable installation runs the sources; leave out `-e`")
        built = Path(tempfile.mkdtemp(prefix="vmfuzz-compiled-"))
        build(Path(self.root), built)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for library in sorted(built.rglob("*.so")):
            build_data["force_include"][str(library)] = str(library.relative_to(built))

    def _is_asked_for(self) -> bool:
        return self.target_name == "wheel" and os.environ.get(VARIABLE) == "1"


def modules(root: Path) -> list[Path]:
    """Return the modules to compile, relative to `root`, sorted."""
    found = {path.relative_to(root) for pattern in COMPILED for path in root.glob(pattern)}
    return sorted(p for p in found if p.name != "__init__.py" and str(p) not in INTERPRETED)


def build(root: Path, into: Path) -> None:
    """Compile `modules(root)` into a folder. Cost: two to three minutes of one core."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    with chdir(root), tempfile.TemporaryDirectory(prefix="vmfuzz-build-") as work:
        # One library for all: calls between modules are direct. A file each: gcc stays in bounds.
        extensions = mypycify(
            [str(path) for path in modules(root)],
            opt_level="2",
            debug_level="0",
            multi_file=True,
            target_dir=work,
        )
        distribution = Distribution({"name": "vmfuzz", "ext_modules": extensions})
        command = build_ext(distribution)
        command.build_lib, command.build_temp = str(into), work
        command.ensure_finalized()
        command.run()
