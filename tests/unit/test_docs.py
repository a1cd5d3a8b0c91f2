"""The reference pages list what the code has."""

import re
import runpy
from pathlib import Path

import pytest

from vmstore.clauses import CLAUSES
from vmstore.faults import PLANTED

DOCS = Path(__file__).parents[2] / "docs"
PAGES: dict[str, str] = runpy.run_path(str(DOCS / "tables.py"))["pages"]()


@pytest.mark.pure  # what an op comes to is read off its sources
@pytest.mark.parametrize("name", PAGES)
def test_the_tables_are_those_of_the_code(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")

    assert page == PAGES[name], "run `python docs/tables.py`"
    assert page.count("\n| `") > 7


STORE_OPS = """
NewVmSpace DropVmSpace OpenCursor OpenCursorMut DropCursor Query FindNext Jump VirtAddr Map Unmap
ProtectNext NewReader NewWriter NewKernelReader NewKernelWriter DropReader DropWriter
ReaderReadVal ReaderCollect ReaderLimit ReaderSkip ReaderQuery WriterWriteVal WriterFillZeros
WriterLimit WriterSkip WriterQuery Read Write FrameFromUnused FrameFromInUse FrameDrop
SegmentFromUnused SegmentDrop SegmentSplit SegmentNext SegmentClone SegmentSlice UniqueFromUnused
UniqueDrop FromUnique TryFromShared
"""


def test_every_operation_of_the_store_has_an_op() -> None:
    text, _, table = (DOCS / "ops.md").read_text(encoding="utf-8").partition("| op |")
    realised = {row.split(" | ")[-1].strip(" |").split(",")[0] for row in table.splitlines()}

    operations = set(STORE_OPS.split())
    assert len(operations) == 43
    assert operations - realised == {"ReaderCollect"}
    assert "`ReaderCollect`" in text


def numbers(form: str) -> list[tuple[str, int, int]]:
    """Return page, line and number of each place in prose where a number of this form stands."""
    root = DOCS.parent
    paths = [root / "README.md", root / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
    return [
        (path.relative_to(root).as_posix(), text.count("\n", 0, found.start()) + 1, int(found[1]))
        for path in paths
        for text in [path.read_text(encoding="utf-8")]
        for found in re.finditer(form, text)
    ]


@pytest.mark.parametrize(
    ("form", "number", "pages"),
    [
        (r"\b(\d+)\s+named\s+clauses", len(CLAUSES), ["README.md", "README.md", "CHANGELOG.md"]),
        # a contract has clauses of its own, "of 9 clauses, questions and probes"
        (r"\bof\s+(\d+)\s+clauses(?!, questions)", len(CLAUSES), ["docs/coverage.md"]),
        (r"\b(\d+)\s+switchable", len(PLANTED), ["CHANGELOG.md"]),
    ],
)
def test_counts_in_prose_are_those_of_the_code(form: str, number: int, pages: list[str]) -> None:
    found = numbers(form)
    wrong = [f"{page}:{line} says {said}" for page, line, said in found if said != number]

    assert not wrong, f"{', '.join(wrong)}; the code has {number}"
    assert [page for page, *_ in found] == pages
