"""Every link on the pages leads somewhere."""

import re
from urllib.parse import urlsplit

import pytest

from pages import DOCS, ROOT, pages

LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^()\s]+)\)")


def text_of(page: str) -> str:
    """Return a page without its code."""
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"`+[^`\n]+`+", "`code`", text) if page != "README.md" else text


def anchors(page: str) -> set[str]:
    """Return the ids of a page's headings, as GitHub and MkDocs make them."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)
    found = set(re.findall(r'id="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        words = re.sub(r"[^\w\s-]", "", heading.lower())
        found.add(re.sub(r"[\s]+", "-", words.strip()))
    return found


@pytest.mark.parametrize("page", pages())
def test_internal_links_lead_to_a_file_and_a_heading(page: str) -> None:
    for target in LINK.findall(text_of(page)):
        if urlsplit(target).scheme:
            continue
        path, _, anchor = target.partition("#")
        found = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert found.exists(), f"{page}: {target}"
        if anchor and found.suffix == ".md":
            there = found.relative_to(ROOT).as_posix()
            assert anchor in anchors(there), f"{page}: no heading for {target}"


@pytest.mark.parametrize("page", pages())
def test_external_links_are_well_formed(page: str) -> None:
    for target in LINK.findall(text_of(page)):
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme == "https", f"{page}: {target}"
            assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", parts.netloc), f"{page}: {target}"


def test_every_page_is_in_the_navigation_once() -> None:
    text = (DOCS / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"\b([\w/-]+\.md)$", text.partition("\nnav:")[2], re.M)

    assert sorted(f"docs/{page}" for page in listed) == pages()[1:]
