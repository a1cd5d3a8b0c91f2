"""The site builds without a warning and needs no network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pages import DOCS, pages

pytest.importorskip("mkdocs", reason="the group `docs` is not installed; `tox -e docs` has it")
pytest.importorskip("mkdocstrings", reason="the group `docs` is not installed")

pytestmark = pytest.mark.slow  # the build
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?(https?:[^\" >]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = ["build", "--strict", "-f", str(DOCS / "site" / "mkdocs.yml"), "-d", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *command],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built(site: Path) -> None:
    for page in pages()[1:]:
        assert (site / page.removeprefix("docs/")).with_suffix(".html").is_file(), page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    html = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))

    assert len(html) > 40
    assert {
        path.name: LOADED.findall(text) for path, text in html.items() if LOADED.search(text)
    } == {}
    assert not re.search(r"(url\(|@import\s*)[\"']?(https?:)?//", styles)


def test_pictures_stand_in_the_page(site: Path) -> None:
    text = (site / "explanation" / "counts-and-cursors.html").read_text(encoding="utf-8")

    assert (
        text.count('<svg xmlns="http://www.w3.org/2000/svg" class="vm" role="img" aria-label="')
        == 3
    )


def test_the_api_pages_have_what_they_promise(site: Path) -> None:
    harness = (site / "reference" / "python-vmfuzz.html").read_text(encoding="utf-8")
    model = (site / "reference" / "python-vmstore.html").read_text(encoding="utf-8")

    for name in ("vmfuzz.runner.run", "vmfuzz.trace_text.parse", "vmfuzz.oracle.Session.step"):
        assert f'id="{name}"' in harness
    for name in ("vmstore.world.World", "vmstore.step.execute", "vmstore.clauses.registry.Clause"):
        assert f'id="{name}"' in model
