"""Puts the pictures of `docs/pictures/` into the pages, so that they take a page's colours.

As a file beside it, a picture knows what the reader's system prefers, but not which of light and
dark was chosen on the site. MkDocs calls `on_page_content` for each page.
"""

import re
from html import escape, unescape
from pathlib import Path
from typing import Any, Final

PICTURES: Final = Path(__file__).parents[1] / "pictures"
_IMAGE: Final = re.compile(r'<img alt="([^"]*)" src="[^"]*pictures/([\w-]+\.svg)"\s*/?>')


def on_page_content(html: str, **_: Any) -> str:
    """Return the page with each picture in place of the reference to it."""
    return _IMAGE.sub(_inline, html)


def _inline(found: re.Match[str]) -> str:
    text = (PICTURES / found[2]).read_text(encoding="utf-8")
    label = escape(unescape(found[1]), quote=True)
    return text.replace('role="img"', f'role="img" aria-label="{label}"', 1)
