"""Each heading of the page of messages is a message; the glossary has one entry per word."""

import re

import pytest

from pages import DOCS, Shell, blocks, commands

PAGE = "docs/help/faq.md"
TEXT = (DOCS / "help" / "faq.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^### `([^\n]+)`\n(.*?)(?=^##|\Z)", TEXT, re.M | re.S)


def test_there_are_messages_of_every_kind() -> None:
    assert len(SECTIONS) >= 15
    assert len({heading for heading, _ in SECTIONS}) == len(SECTIONS)


@pytest.mark.slow
@pytest.mark.pure
def test_each_heading_is_what_its_command_prints(reader: Shell) -> None:
    lines = TEXT.splitlines()
    for heading, body in SECTIONS:
        first = lines.index(f"### `{heading}`") + 1
        mine = [b for b in blocks(PAGE) if first < b.line <= first + body.count("\n") + 1]
        printed = ""
        for block in mine:
            if block.title:
                (reader.folder / block.title).write_text(block.text, encoding="utf-8")
            else:
                printed += "".join(map(reader.run, commands(block)))
        assert heading in printed


def test_the_glossary_is_sorted_and_explains_a_word_once() -> None:
    text = (DOCS / "help" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\*\*(.+)\*\*\n:   \S", text, re.M)

    assert len(words) > 30
    assert words == sorted(words, key=str.lower)
    assert len(words) == len(set(words))
