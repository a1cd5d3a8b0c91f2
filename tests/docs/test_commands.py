"""The commands on the pages do what the pages show, in order; the exceptions are listed."""

import re

import pytest

from pages import COMMANDS, DOCS, ROOT, Block, Command, Shell, blocks, commands, matches, pages

LISTED = "docs/reference/not-run.md"
# Each is played from top to bottom in a folder of its own.
READ = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("tutorials", "how-to", "explanation", "reference", "help")
    for path in (DOCS / folder).glob("*.md")
)
# These change the sources, so they are played in a copy of the checkout.
CHANGING = (
    "docs/how-to/add-a-fault.md",
    "docs/how-to/add-an-op.md",
    "docs/tutorials/add-a-clause.md",
)
# `test_readme.py` runs the `$` commands of the others.
PLAYED = [page for page in READ if page not in CHANGING and any(map(commands, blocks(page)))]


def exceptions() -> frozenset[tuple[str, str]]:
    """Return page and command of each row of the list."""
    rows = re.findall(r"^\| (\S+\.md) \| `(.+)` \| (.+) \|$", (ROOT / LISTED).read_text(), re.M)
    assert all(reason.strip() for *_, reason in rows)
    return frozenset((page, command.replace("\\|", "|")) for page, command, _ in rows)


def squeezed(line: str) -> str:
    return " ".join(line.split())


def shown(page: str) -> list[tuple[Block, str]]:
    """Return the commands of a page's blocks, each as the list has it."""
    return [
        (block, squeezed(command.line))
        for block in blocks(page)
        if block.language in COMMANDS and not block.title
        for command in commands(block)
    ]


def is_run(block: Block) -> bool:
    """Whether a test runs the block's commands, unless they are listed."""
    return block.page in READ or block.language == "console"


@pytest.mark.parametrize("page", pages())
def test_every_command_is_run_or_listed_with_a_reason(page: str) -> None:
    listed = exceptions()
    for block, line in shown(page):
        assert is_run(block) or (page, line) in listed, f"{block}: `{line}` is in no test"


def test_every_listed_command_is_on_its_page() -> None:
    there = {(page, line) for page in pages() for _, line in shown(page)}

    assert exceptions() - there == set()
    assert len(exceptions()) > 10


@pytest.mark.slow  # two minutes together
@pytest.mark.pure  # some of them use the corpora of a checkout
@pytest.mark.parametrize("page", PLAYED)
def test_a_page_does_what_it_shows(page: str, reader: Shell) -> None:
    done = list(reader.play(page, but=exceptions()))

    assert done or all((page, line) in exceptions() for _, line in shown(page))


@pytest.mark.pure
def test_the_examples_in_python_run(reader: Shell) -> None:
    shown = [block for page in READ for block in blocks(page) if block.language == "python"]

    assert len(shown) >= 2
    for number, block in enumerate(shown):
        (reader.folder / f"example{number}.py").write_text(block.text, encoding="utf-8")
        reader.run(Command(str(block), f"python example{number}.py", "", 0))


@pytest.mark.slow
@pytest.mark.pure
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", CHANGING)
def test_a_page_that_changes_the_sources_does_what_it_shows(page: str, contributor: Shell) -> None:
    done = list(contributor.play(page, but=exceptions()))

    assert len(done) >= 4


@pytest.mark.parametrize(
    ("text", "printed", "is_same"),
    [
        ("a\nb\n", "a  \nb\n\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("ran in ...s\n", "ran in 1.25s\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\n", "a\nb\n", False),
        ("found (1)\n", "found 1\n", False),
    ],
)
def test_output_is_compared_as_a_whole(text: str, printed: str, is_same: bool) -> None:
    assert matches(text, printed) == is_same
