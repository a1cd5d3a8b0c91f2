"""Pages that need nothing but themselves: style, script and data inside, no network, strict CSP.

Whatever comes from outside goes into a page through `text` or `data_block` and nothing else.
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, Final

from vmfuzz.errors import shown

_ASSETS: Final = "assets"
# What could end a script element, open a comment in it, or end a line in an older script parser.
_IN_SCRIPT: Final = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def text(value: object) -> str:
    """Return text from outside for the body of a page: escaped, one line, nothing unprintable."""
    return escape(shown(value))


def data_block(name: str, value: Any) -> str:  # any JSON value
    """Return an element that holds JSON for the page's script. No text in it can end it."""
    plain = json.dumps(value, ensure_ascii=True, separators=(",", ":")).translate(_IN_SCRIPT)
    return f'<script type="application/json" id="{escape(name)}">{plain}</script>'


def asset(name: str) -> str:
    """Return the text of a file of this package."""
    return files("vmfuzz.report").joinpath(_ASSETS, name).read_text(encoding="utf-8")


def page(title: str, body: Iterable[str], *, styles: Iterable[str], scripts: Iterable[str]) -> str:
    """Return a whole document. `styles` and `scripts` name assets, in their order.

    Effect: the browser runs these scripts and styles only, by their hash, and loads nothing.
    """
    style = "\n".join(map(asset, styles))
    script = '(() => {\n"use strict";\n' + "\n".join(map(asset, scripts)) + "})();\n"
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}';"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{text(title)}</title>",
            f"<style>{style}</style></head><body>",
            *body,
            f"<script>{script}</script>",
            "</body></html>\n",
        ]
    )


def _digest(content: str) -> str:
    return f"sha256-{b64encode(sha256(content.encode()).digest()).decode()}"


def lines(value: str) -> str:
    """Return text of many lines from outside for a `pre`: escaped, nothing unprintable."""
    return "\n".join(escape(printable(line)) for line in value.split("\n"))


def printable(line: str) -> str:
    """Return a line with an escape for everything that cannot be printed."""
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line)
