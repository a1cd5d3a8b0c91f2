"""Imports from the `.py` files even where compiled modules lie beside them.

What changes a switch, a class or a syntax tree, or counts lines, needs the interpreted model:
compiled classes ignore the first and have nothing of the last. `VMFUZZ_PURE=1` says so for a whole
process, before anything is imported.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from os import environ
from pathlib import Path
from types import ModuleType
from typing import Final

VARIABLE: Final = "VMFUZZ_PURE"
PACKAGES: Final = ("vmstore", "vmfuzz")


class SourceFinder(MetaPathFinder):
    """Finds the submodules of both packages as source files."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is loaded from, None for what is not of these packages."""
        if path is None or name.partition(".")[0] not in PACKAGES:
            return None
        for folder in path:
            place = Path(folder, name.rpartition(".")[2])
            package = place / "__init__.py"
            file = package if package.is_file() else place.with_suffix(".py")
            if file.is_file():
                inside = [str(place)] if file is package else None
                loader = self.loader(name, str(file))
                return spec_from_file_location(
                    name, file, loader=loader, submodule_search_locations=inside
                )
        return None

    def loader(self, name: str, path: str) -> SourceFileLoader:
        """Return what loads a module from its file."""
        return SourceFileLoader(name, path)


def prefer_sources() -> None:
    """Import both packages from their sources from now on, when the environment asks for it."""
    if environ.get(VARIABLE) and not any(isinstance(f, SourceFinder) for f in sys.meta_path):
        sys.meta_path.insert(0, SourceFinder())


@contextmanager
def pure_children() -> Iterator[None]:
    """Let processes that are started in this context import both packages from their sources."""
    before = environ.get(VARIABLE)
    environ[VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del environ[VARIABLE]
        else:
            environ[VARIABLE] = before


def is_compiled() -> bool:
    """Return whether this process runs the compiled model."""
    from vmstore import cells  # only now, or the package would import its own parts too early

    return not str(cells.__file__).endswith(".py")
