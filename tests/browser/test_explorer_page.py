"""Stepping through a trace in a browser: by key, by click, in both themes, wide and narrow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vmfuzz.report.explorer.film import film
from vmfuzz.report.explorer.page import explorer_page
from vmfuzz.trace_file import load
from vmfuzz.trace_text import parse

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
Opened = Callable[..., Any]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A trace of three steps whose second breaks ACCT.3c under a planted bug."""
    path = tmp_path / "clone.html"
    trace = load(ROOT / "corpora" / "regressions" / "inc-ref-temp-handle.trace")
    path.write_text(explorer_page("clone.trace", film(trace)))
    return path


@pytest.fixture
def spaces(tmp_path: Path) -> Path:
    path = tmp_path / "spaces.html"
    trace = load(ROOT / "corpora" / "seeds" / "stale-translation-on-another-cpu.trace")
    path.write_text(explorer_page("stale.trace", film(trace)))
    return path


def where(page: Any) -> str:
    return str(page.inner_text(".where"))


def test_it_opens_at_the_finding_with_both_sides_of_the_equation(
    opened: Opened, clone: Path
) -> None:
    page = opened(clone)

    assert where(page) == "after step 1 of 1"
    assert page.locator(".opt.off").count() == 1
    broken = page.inner_text(".broken")
    assert "ACCT.3c broke" in broken
    assert "count 1, but the owners amount to 2" in broken
    terms = [term.replace("\n", " ") for term in page.locator(".broken .term").all_inner_texts()]
    assert terms[0] == "rc, counted 1 by the machine"
    assert terms[3] == "C, covers 2 s0, s1"
    assert terms[-1] == "owned 2 by the store"
    assert "\u2260" in page.inner_text('.cell[data-at="0x0"]')


def test_keys_step_and_what_is_shown_changes(opened: Opened, clone: Path) -> None:
    page = opened(clone)

    page.keyboard.press("ArrowLeft")
    assert where(page) == "after step 0 of 1"
    assert page.locator(".broken").count() == 0
    assert "rc 1" in page.inner_text('.cell[data-at="0x0"]')
    page.keyboard.press("Home")
    assert where(page) == "before step 0"
    assert "0 in use" in page.inner_text(".cards")
    for key, expected in [("j", 0), ("ArrowRight", 1), ("k", 0), ("End", 1), ("j", 1)]:
        page.keyboard.press(key)
        assert where(page) == f"after step {expected} of 1"


def test_clicks_and_the_slider_step(opened: Opened, spaces: Path) -> None:
    page = opened(spaces)

    page.click(".opt >> nth=6")
    assert where(page) == "after step 5 of 16"
    assert "cursor_map" in page.inner_text(".op-line")
    assert page.get_attribute(".opt >> nth=6", "aria-selected") == "true"
    page.click("button[aria-label^=next]")
    assert where(page) == "after step 6 of 16"
    assert "cached" in page.inner_text(".flow")
    page.locator("input[type=range]").fill("1")
    assert where(page) == "after step 0 of 16"
    page.click("button[aria-label^=previous]")
    assert page.is_disabled("button[aria-label^=previous]")


def test_the_list_of_steps_takes_up_and_down_and_keeps_the_focus(
    opened: Opened, spaces: Path
) -> None:
    page = opened(spaces)

    page.focus(".opt[aria-selected=true]")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")

    assert where(page) == "after step 14 of 16"
    assert page.evaluate("document.activeElement.dataset.at") == "15"
    assert page.locator(".opt[tabindex='0']").count() == 1


def test_arrows_move_in_the_grid_and_enter_shows_who_holds_a_page(
    opened: Opened, spaces: Path
) -> None:
    page = opened(spaces)

    page.focus(".cell[tabindex='0']")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.at") == "0x2000"
    assert where(page) == "after step 16 of 16"
    page.keyboard.press("Enter")

    assert "vs0 0x3000" in page.inner_text(".detail")
    assert page.evaluate("document.activeElement.dataset.at") == "0x2000"
    assert page.locator(".cell[tabindex='0']").count() == 1
    page.keyboard.press("k")
    assert where(page) == "after step 15 of 16"


def test_the_address_names_the_step(opened: Opened, spaces: Path) -> None:
    page = opened(spaces, tail="#step=4")

    assert where(page) == "after step 4 of 16"
    page.keyboard.press("j")
    assert page.evaluate("location.hash") == "#step=5"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("step", range(0, 17, 4))
def test_nothing_is_wider_than_the_window(
    opened: Opened, spaces: Path, width: int, step: int
) -> None:
    page = opened(spaces, width=width, tail=f"#step={step}")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def contrast(page: Any, selector: str) -> float:
    """Return the contrast ratio of an element's text against what is behind it (WCAG 2)."""
    return float(page.eval_on_selector(selector, """(element) => {
      const parts = (text) => text.match(/[\\d.]+/g).map(Number);
      const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255).map((c) =>
        c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
      let behind = element, back = [0, 0, 0, 0];
      while (behind && (back[3] === 0 || back.length < 3)) {
        back = parts(getComputedStyle(behind).backgroundColor);
        if (back.length === 3) break;
        behind = behind.parentElement;
      }
      const both = [light(parts(getComputedStyle(element).color)), light(back)];
      return (Math.max(...both) + .05) / (Math.min(...both) + .05);
    }"""))  # fmt: skip


@pytest.mark.parametrize("is_dark", [False, True])
def test_text_is_readable_in_both_themes(opened: Opened, clone: Path, *, is_dark: bool) -> None:
    page = opened(clone, dark=is_dark)

    for selector in (".verdict", ".broken h3", ".broken .dim", ".cell.bad .rc", ".cell.free .at",
                     ".chip.warn", ".chip.good", ".opt.failing .out", "ins", "del"):  # fmt: skip
        assert contrast(page, selector) >= 4.5, selector


def test_the_theme_can_be_chosen(opened: Opened, clone: Path) -> None:
    page = opened(clone)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)

    page.click(".theme")
    assert page.inner_text(".theme") == "Theme: light"
    assert page.evaluate(background) == light
    page.click(".theme")
    assert page.inner_text(".theme") == "Theme: dark"
    assert page.evaluate(background) != light


def test_hostile_text_runs_nothing(opened: Opened, tmp_path: Path) -> None:
    trace = parse("#vmfuzz-trace 1\nworld\nf0 = frame_from_unused(paddr=0x0)\n")
    evil = (
        "</script><script>document.title='owned'</script><img src=x onerror=\"document.title=1\">"
    )
    document = {**film(trace), "world": evil, "comment": [evil, "\u2028\x00\x1b[31m"]}
    document["steps"][0] |= {"op": evil, "out": evil, "events": [evil]}
    document["steps"][0]["set"][f"frame:{evil}"] = {"at": evil, "bad": [evil]}
    path = tmp_path / "evil.html"
    path.write_text(explorer_page(evil, document))

    page = opened(path)

    assert page.title().startswith("</script>")
    assert page.locator("img").count() == 0
    assert "<img" in page.inner_text(".op-line")


def test_every_control_has_a_name(opened: Opened, spaces: Path) -> None:
    page = opened(spaces)
    unnamed = page.evaluate("""[...document.querySelectorAll("button, input, [role]")].filter(
      (e) => !e.getAttribute("aria-label") && !e.textContent.trim()).length""")

    assert unnamed == 0
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
