"""The reference pages list what the code has."""

import runpy
from pathlib import Path

import pytest

from vmstore.clauses import CLAUSES
from vmstore.faults import PLANTED

DOCS = Path(__file__).parents[2] / "docs"
PAGES: dict[str, str] = runpy.run_path(str(DOCS / "tables.py"))["pages"]()


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_are_those_of_the_code(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")

    assert page == PAGES[name], "run `python docs/tables.py`"
    assert page.count("\n| `") > 7


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_counts_in_prose_are_those_of_the_code(page: str) -> None:
    text = (DOCS.parent / page).read_text(encoding="utf-8")

    assert f"{len(CLAUSES)} named clauses" in text
    if page == "CHANGELOG.md":
        assert f"{len(PLANTED)} switchable" in text
