"""The reference pages list what the code has."""

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


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_counts_in_prose_are_those_of_the_code(page: str) -> None:
    text = (DOCS.parent / page).read_text(encoding="utf-8")

    assert f"{len(CLAUSES)} named clauses" in text
    if page == "CHANGELOG.md":
        assert f"{len(PLANTED)} switchable" in text
