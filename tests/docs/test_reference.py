"""The reference is made from the code, and speaks of all of it."""

import re
import runpy
from typing import Any

import pytest

from pages import DOCS, blocks
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.root import root
from vmfuzz.cli.settings import PROFILES
from vmfuzz.errors import VmfuzzError
from vmfuzz.trace_text import parse, parse_op
from vmstore.ops import DECLARATIONS

REFERENCE = DOCS / "reference"
SCRIPT: dict[str, Any] = runpy.run_path(str(DOCS / "reference.py"))
PAGES: dict[str, str] = SCRIPT["pages"]()
VALUES = {
    "Payload": "00ff",
    "CountWord": "MAX-1",
    "Deferred": "true",
    "BufLength": "64",
    "Seed": "7",
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_that_of_the_code(name: str) -> None:
    text = (REFERENCE / name).read_text(encoding="utf-8")

    assert text == PAGES[name], "run `python docs/reference.py`"
    assert text.count("\n| `") > 4


def test_every_part_is_on_a_page() -> None:
    text = "".join(PAGES.values())

    for name in SCRIPT["PARTS"]:
        assert f"<!-- begin {name} -->" in text


def test_every_command_has_a_heading_and_every_option_a_row() -> None:
    text = PAGES["cli.md"]

    assert len(root.commands if hasattr(root, "commands") else []) == 0  # loaded one by one
    for name, command in SCRIPT["_commands"](root, "vmfuzz"):
        section = text.partition(f"# {name}\n")[2].partition("\n## ")[0]
        assert section, name
        for option in command.params:
            if option.param_type_name == "option":
                assert f"`{max(option.opts, key=len)}`" in section


def test_profiles_and_exit_codes_are_those_of_the_program() -> None:
    codes = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", codes, re.M)

    assert {(int(code), name) for code, name in rows} == {(e.value, e.name.lower()) for e in Exit}
    assert all(f"| `{name}` |" in PAGES["configuration.md"] for name in PROFILES)


def op_lines() -> list[str]:
    (block,) = [b for b in blocks("docs/reference/trace-grammar.md") if "frame_drop(" in b.text]
    return block.text.splitlines()


@pytest.mark.parametrize("line", op_lines())
def test_an_op_line_of_the_grammar_is_read(line: str) -> None:
    """With and without what stands in brackets, with a value for every type."""
    for text in (re.sub(r"\[([^\]]*)\]", r"\1", line), re.sub(r"(, )?\[[^\]]*\]", "", line)):
        written = re.sub(r"\b([a-z]{1,2})N\b", r"\g<1>0", text.replace("(, ", "("))
        written = re.sub(r"=(?!.*\()([\w/]+)", lambda found: f"={value(found[1])}", written)
        made = written.partition(" = ")[0].split(", ") if " = " in written else []
        numbered = ", ".join(f"{name[:-1]}{n}" for n, name in enumerate(made))
        written = f"{numbered} = {written.partition(' = ')[2]}" if made else written

        assert type(parse_op(written)) in DECLARATIONS, written


def value(name: str) -> str:
    """Return some value of a type of the grammar; a handle stands for itself."""
    if re.fullmatch(r"[a-z]{1,2}0", name):
        return name
    return VALUES.get(name, name.split("/", maxsplit=1)[0] if "/" in name else "1")


@pytest.mark.parametrize(
    "text",
    [
        "#vmfuzz-trace 1\nworld\nf0=frame_from_unused( paddr = 0x0 )=>ok\n",
        "#vmfuzz-trace 1\n# kept\nworld frames=8\n\nfault into-raw-drops\nexpect XTRA.2 at 0\n",
        "#vmfuzz-trace 1\nworld\nframe_drop(frame=f0) => err NotAligned {a=[1, 0x2], b=null}\n",
        "#vmfuzz-trace 1\nworld\nf0 = frame_from_unused(val=3, paddr=0) # any order, a comment\n",
    ],
)
def test_what_the_grammar_allows_is_read(text: str) -> None:
    assert parse(text).world is not None


@pytest.mark.parametrize(
    "text",
    [
        "#vmfuzz-trace 1\nf0 = frame_from_unused(paddr=0)\n",
        "#vmfuzz-trace 1\nworld\nworld\n",
        "#vmfuzz-trace 1\nworld\nf2147483648 = frame_from_unused(paddr=0)\n",
        "#vmfuzz-trace 1\nworld\nf0 = frame_from_unused(0)\n",
    ],
)
def test_what_the_grammar_forbids_is_not_read(text: str) -> None:
    with pytest.raises(VmfuzzError):
        parse(text)
