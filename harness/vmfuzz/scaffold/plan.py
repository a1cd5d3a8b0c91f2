"""What `vmfuzz init` would do in a folder: decided before anything is written."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vmfuzz.errors import VmfuzzError, shown
from vmfuzz.input_file import open_input
from vmfuzz.scaffold import place, pyproject
from vmfuzz.scaffold.content import Setup, settings_tables, whole_files
from vmfuzz.trace_file import write_atomically

_MAX_BYTES: Final = 1 << 20
_PYTEST: Final = ("tool", "pytest")
# Where pytest looks for its options instead; a table of ours beside them would be read by nobody.
_PYTEST_FILES: Final = {
    "pytest.toml": "[pytest]",
    ".pytest.toml": "[pytest]",
    "pytest.ini": "[pytest]",
    ".pytest.ini": "[pytest]",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One file. `action` is `write`, `append` or `leave`; `detail` says why, or what to do by hand.

    `text` is what is written, or what is appended; `whole` is the file after it.
    """

    name: str
    action: str
    detail: str = ""
    text: str = ""
    whole: str = ""


def planned(root: Path, setup: Setup) -> list[Item]:
    """Return what to do, file by file. Effect: none.

    Requires: `root` comes from `check_root`. Errors: VmfuzzError where a file has no place.
    """
    items = []
    for name, text in whole_files(setup).items():
        if not place.is_taken(root, name):
            items.append(Item(name, "write", text=text, whole=text))
        elif _read(root, name) == text:
            items.append(Item(name, "leave", "it is there"))
        else:
            items.append(Item(name, "leave", "it is there, and differs"))
    return [*items, _settings(root, setup)]


def carry_out(root: Path, item: Item) -> None:
    """Do what an item says. Errors: VmfuzzError; what was there stays whole."""
    if item.action == "write":
        place.create(root, item.name, item.whole)
    elif item.action == "append":
        write_atomically(root / item.name, item.whole)


def _settings(root: Path, setup: Setup) -> Item:
    name, tables = pyproject.NAME, settings_tables(setup)
    key = tables[_PYTEST].splitlines()[1]
    file = next((f for f in _PYTEST_FILES if _configures_pytest(root, f)), None)
    if file is not None:
        del tables[_PYTEST]
    if not place.is_taken(root, name):
        text = "\n".join([pyproject.NEW, *tables.values()])
        return Item(name, "write", _by_hand(root, file, key), text, text)
    if not place.is_inside(root, name):
        raise VmfuzzError(f"{shown(root / name)}: a link that leads out of {shown(root)}")
    before = _read(root, name)
    if before is None:
        raise VmfuzzError(f"{shown(root / name)}: not UTF-8 text of at most 1 MiB")
    after = pyproject.amended(before, tables, shown(root / name))
    file = name if _PYTEST in after.had else file
    details = [f"it has [{'.'.join(path)}]" for path in after.had]
    detail = "; ".join(filter(None, [*details, _by_hand(root, file, key)]))
    if not after.added:
        return Item(name, "leave", detail or "nothing to add")
    return Item(name, "append", detail, after.text[len(before) :], after.text)


def _by_hand(root: Path, file: str | None, key: str) -> str:
    """Return what is left to do where a file has pytest's options without the key of ours."""
    if file is None or key.partition(" ")[0] in (_read(root, file) or ""):
        return ""
    return f"to replay traces in pytest add {key} to its options in {file}"


def _configures_pytest(root: Path, name: str) -> bool:
    is_its_own = name.lstrip(".").startswith("pytest.")
    return os.path.isfile(root / name) and (
        is_its_own or _PYTEST_FILES[name] in (_read(root, name) or "")
    )


def _read(root: Path, name: str) -> str | None:
    """Return a file's text, line ends as they are; None where there is none to compare."""
    try:
        with open_input(root / name) as file:
            data = file.read(_MAX_BYTES + 1)
    except (VmfuzzError, OSError):
        return None
    try:
        return data.decode("utf-8") if len(data) <= _MAX_BYTES else None
    except UnicodeDecodeError:
        return None
