"""Imports the model from its sources with one of them changed.

The finder serves every module of `vmstore` from its `.py` file, so that no compiled class bypasses
the change, and neither reads nor writes cached bytecode of the changed one.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

from vmfuzz.errors import HarnessError

_PACKAGE: Final = "vmstore"


class _ChangedSource(SourceFileLoader):
    """Loads one module from a text instead of its file."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self.text = text

    def get_data(self, _path: str) -> bytes:
        """Return the text, whichever file is asked for."""
        return self.text.encode()

    def path_stats(self, path: str) -> dict[str, float]:
        """Errors: OSError always: without a time stamp there is no cached bytecode."""
        raise OSError(path)


class Finder(MetaPathFinder):
    """Finds the modules of the model; `texts` maps the names of changed ones to their text."""

    def __init__(self, models: Path, texts: dict[str, str]) -> None:
        self.models = models
        self.texts = texts

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module of the model is loaded from, None for any other."""
        if name.partition(".")[0] != _PACKAGE:
            return None
        place = self.models.joinpath(*name.split("."))
        folder = [str(place)] if place.is_dir() else None
        path = str(place / "__init__.py" if folder else place.with_suffix(".py"))
        text = self.texts.get(name)
        loader = SourceFileLoader(name, path) if text is None else _ChangedSource(name, path, text)
        return spec_from_file_location(name, path, loader=loader, submodule_search_locations=folder)


def install(models: Path, texts: dict[str, str]) -> None:
    """From now on import the model from `models`, changed modules as `texts` has them.

    Requires: nothing of what is changed was imported. Errors: HarnessError otherwise, because the
    change would never run.
    """
    loaded = sorted(name for name in texts if name in sys.modules)
    if loaded:
        raise HarnessError(f"{', '.join(loaded)}: imported before it could be changed")
    sys.meta_path.insert(0, Finder(models, texts))
