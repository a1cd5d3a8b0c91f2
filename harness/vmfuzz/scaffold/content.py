"""The files that `vmfuzz init` writes, as text."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from vmfuzz.errors import VmfuzzError

TRACES: Final = "tests/traces"
KNOWN: Final = "known.toml"
_LONGEST: Final = 2_000  # characters of a value that goes into a workflow


@dataclass(frozen=True, slots=True)
class Setup:
    """What differs from one repository to another.

    `requirement` is what pip installs; `sut` the command of a live agent, empty for the model.
    """

    requirement: str
    sut: str = ""


def whole_files(setup: Setup) -> dict[str, str]:
    """Return the text of each file that is written as a whole, by its path with `/`.

    Errors: VmfuzzError for a value that a workflow cannot hold.
    """
    values = {
        "@vmfuzz@": _plain("--install", setup.requirement),
        "@sut@": _plain("--sut", setup.sut),
    }
    return {
        ".github/workflows/vmfuzz.yml": _filled("vmfuzz.yml", values),
        ".github/workflows/vmfuzz-nightly.yml": _filled("vmfuzz-nightly.yml", values),
        KNOWN: _template("known.toml"),
        f"{TRACES}/README.md": _template("traces.md"),
    }


def settings_tables(setup: Setup) -> dict[tuple[str, ...], str]:
    """Return the tables of pyproject.toml by their path, as text.

    A live system is driven by one process, which replays nothing: the workflow does.
    """
    if setup.sut:
        lines = [f"sut = {_quoted(setup.sut)}", f'known = "{KNOWN}"']
    else:
        lines = ['workers = "auto"', f'replay = ["{TRACES}"]', f'known = "{KNOWN}"']
    return {
        ("tool", "vmfuzz"): "\n".join(["[tool.vmfuzz]", *lines, ""]),
        ("tool", "pytest"): f'[tool.pytest.ini_options]\nvmfuzz_corpora = ["{TRACES}"]\n',
    }


def _template(name: str) -> str:
    return (files("vmfuzz.scaffold") / "templates" / name).read_text(encoding="utf-8")


def _filled(name: str, values: dict[str, str]) -> str:
    """Put values, quoted, in the place of their quoted names. YAML reads JSON's strings."""
    text = _template(name)
    for placeholder, value in values.items():
        text = text.replace(f'"{placeholder}"', _quoted(value))
    return text


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(option: str, value: str) -> str:
    """Return a value that stands for itself in a workflow. Errors: VmfuzzError."""
    if len(value) > _LONGEST:
        raise VmfuzzError(f"{option}: longer than {_LONGEST} characters")
    if not value.isprintable():
        raise VmfuzzError(f"{option} {value[:60]!r}: a control character or a line end in it")
    if "${{" in value:
        raise VmfuzzError(f"{option} {value[:60]!r}: a workflow would evaluate what '${{{{' begins")
    return value
