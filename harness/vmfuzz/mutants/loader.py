"""Imports the model from its sources with one of them changed.

Every module comes from its `.py` file, so that no compiled class bypasses the change; cached
bytecode of the changed one is neither read nor written.
"""

import sys
from importlib.machinery import SourceFileLoader

from vmfuzz.errors import HarnessError
from vmstore.sources import SourceFinder


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


class ChangedFinder(SourceFinder):
    """Finds source files; `texts` maps the names of changed modules to their text."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def loader(self, name: str, path: str) -> SourceFileLoader:
        """Return what loads a module from its file, or from the text that replaces it."""
        text = self.texts.get(name)
        return super().loader(name, path) if text is None else _ChangedSource(name, path, text)


def install(texts: dict[str, str]) -> None:
    """From now on import from the source files, changed modules as `texts` has them.

    Requires: nothing of what is changed was imported. Errors: HarnessError otherwise, because the
    change would never run.
    """
    loaded = sorted(name for name in texts if name in sys.modules)
    if loaded:
        raise HarnessError(f"{', '.join(loaded)}: imported before it could be changed")
    sys.meta_path.insert(0, ChangedFinder(texts))
