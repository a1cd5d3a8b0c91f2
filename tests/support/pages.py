"""The pages of the documentation as blocks, and their commands as a shell runs them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
COMMANDS: Final = frozenset({"bash", "console", "sh", "shell"})
_BLOCK: Final = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S)
_TITLE: Final = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its page, the line its text begins at, its language, title and text."""

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a block and the output that the page shows for it, None where it shows none."""

    where: str
    line: str
    shown: str | None
    exit_code: int


def pages() -> list[str]:
    """Return every page, README included, relative to the top level, sorted.

    What stands beside the example programs is theirs.
    """
    files = [path for path in DOCS.rglob("*.md") if DOCS / "examples" not in path.parents]
    found = sorted(path.relative_to(ROOT).as_posix() for path in files)
    return ["README.md", *found]


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [_block(page, text, found) for found in _BLOCK.finditer(text)]


def _block(page: str, text: str, found: re.Match[str]) -> Block:
    language, _, rest = found["info"].partition(" ")
    title = _TITLE.search(rest)
    line = text.count("\n", 0, found.start()) + 2
    return Block(page, line, language, title[1] if title else "", found["text"])


def commands(block: Block) -> list[Command]:
    """Return the commands of a block with what follows each of them.

    In a `console` block they begin with `$ `; `$ echo $?` says what the one before exits with, and
    without it that is 0. In a `bash` block every line is a command.
    """
    if block.language != "console":
        lines = block.text.replace("\\\n", " ").splitlines()
        return [Command(str(block), line, None, 0) for line in lines if line.strip()]
    found: list[Command] = []
    for part in re.split(r"^\$ ", block.text.replace("\\\n", " "), flags=re.M)[1:]:
        line, _, shown = part.partition("\n")
        if line == "echo $?":
            last = found.pop()
            found.append(Command(last.where, last.line, last.shown, int(shown)))
        else:
            found.append(Command(str(block), line, shown or None, 0))
    return found


def matches(shown: str, printed: str) -> bool:
    """Return whether a page shows what was printed; `...` stands for any text."""
    parts = [re.escape(part) for part in _squeezed(shown).split("...")]
    return re.fullmatch(".*".join(parts), _squeezed(printed), re.S) is not None


def _squeezed(text: str) -> str:
    """Return the text without what nobody sees: blanks at the ends of lines, blank last lines."""
    return re.sub(r"[ \t]+$", "", text, flags=re.M).strip("\n")


class Shell:
    """Runs what a page tells its reader to do, in one folder; a command may take `seconds`."""

    def __init__(
        self, folder: Path, path: Path, seconds: float = 110.0, **environment: str
    ) -> None:
        self.folder, self.seconds = folder, seconds
        # readline, which pytest imports, tells children that a terminal is 80 columns wide.
        others = ("PYTEST", "COV_", "COLUMNS")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
        self.environment = {
            **kept,
            "NO_COLOR": "1",
            "PATH": f"{path}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        }

    def play(self, page: str, *, but: frozenset[tuple[str, str]] = frozenset()) -> Iterator[str]:
        """Do everything on the page from top to bottom; yield the commands that were run.

        A block with a title is a file of that name, one of `diff` is a change to files. `but` are
        commands, each with its page, that are left out. Errors: AssertionError.
        """
        for block in blocks(page):
            if block.language == "diff":
                self.apply(block)
            elif block.title:
                path = self.folder / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            elif block.language in COMMANDS:
                for command in commands(block):
                    if (page, " ".join(command.line.split())) not in but:
                        self.run(command)
                        yield command.line

    def run(self, command: Command) -> str:
        """Run one command and compare what it prints and exits with. Errors: AssertionError."""
        done = subprocess.run(
            ["bash", "-c", command.line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self.seconds,
            check=False,
        )
        said = f"{command.where}: `{command.line}` exits with {done.returncode}:\n{done.stdout}"
        assert done.returncode == command.exit_code, said
        assert command.shown is None or matches(command.shown, done.stdout), said
        return done.stdout

    def apply(self, block: Block) -> None:
        """Apply a diff. Errors: AssertionError with what does not fit."""
        done = subprocess.run(
            ["git", "apply", "--recount", "-"],
            cwd=self.folder,
            env={**self.environment, "GIT_CEILING_DIRECTORIES": str(self.folder.parent)},
            input=block.text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}: {done.stderr}"


def programs(folder: Path) -> Path:
    """Make a folder with `vmfuzz`, `python` and `pytest` of this interpreter, for a `PATH`."""
    folder.mkdir()
    for name, module in (("vmfuzz", "-m vmfuzz"), ("pytest", "-m pytest"), ("python", "")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        program.chmod(0o755)
    return folder
