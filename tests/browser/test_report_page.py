"""The report in a browser: it opens at once, explorers appear on demand, commands are copied."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign_folders import CLONE, write_bucket, write_log
from vmfuzz.campaigns.events import End, FindingSeen, Progress, Start, Tally
from vmfuzz.report.folder.reading import read_folder
from vmfuzz.report.folder.render import render

pytestmark = pytest.mark.browser
Opened = Callable[..., Any]
MAX_SECONDS = 1.0  # from the start of loading to the end of it


def log(buckets: int) -> list[Any]:
    found = [
        FindingSeen(t, 1, f"XTRA.2/op_{t:02}", "XTRA.2", f"op_{t:02}", "rc=1", 2, 30, "swarm",
                    "new" if t % 2 else "known")
        for t in range(buckets)
    ]  # fmt: skip
    ops = {"frame_drop": {"ok": 30}}
    return [
        Start(0, 1, ("swarm",), 0, "world", ()),
        *found,
        *(Progress(100 + t, 1, t * 1000, t, t, 10_000, buckets) for t in range(2_000)),
        Tally(2_200, 1, ops),
        End(2_200, 1, 1, "FOUND"),
    ]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign with 50 buckets and 10,000 traces in its corpus."""
    folder = tmp_path_factory.mktemp("campaign")
    pair = "f0 = frame_from_unused(paddr=0x3000)\nframe_drop(frame=f0)\n"
    for number in range(50):
        write_bucket(folder, f"XTRA.2/op_{number:02}", CLONE.replace("s0 =", f"{pair * 10}s0 =", 1))
    for number in range(10_000):
        path = folder / "corpus" / f"{number % 256:02x}" / f"{number}.trace"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_log(folder, log(50))
    (folder / "report.html").write_text(render(read_folder(folder))[1]["report.html"])
    return folder / "report.html"


def test_a_large_report_opens_at_once(opened: Opened, large: Path) -> None:
    """The best of three: the machine may have other things to do."""
    timings = []
    for _ in range(3):
        page = opened(large)
        timings.append(
            page.evaluate("""(() => {
          const t = performance.getEntriesByType("navigation")[0];
          return (t.loadEventEnd - t.startTime) / 1000; })()""")
        )

    assert 0 < min(timings) < MAX_SECONDS
    assert "10,000" in page.inner_text(".tiles")
    assert page.locator("details.bucket").count() == 50
    assert page.locator(".bar").count() == 0


def test_a_bucket_opens_its_own_explorer(opened: Opened, large: Path) -> None:
    page = opened(large)
    for number in (0, 3):
        page.click(f"#bucket-{number} > summary")
    page.wait_for_selector("#bucket-3 .bar")

    assert page.locator(".bar").count() == 2
    second = page.locator("#bucket-3")
    assert second.locator(".where").inner_text() == "after step 21 of 21"
    second.locator("button[aria-label^=previous]").click()
    assert second.locator(".where").inner_text() == "after step 20 of 21"
    page.keyboard.press("k")
    assert second.locator(".where").inner_text() == "after step 19 of 21"
    assert page.locator("#bucket-0 .where").inner_text() == "after step 21 of 21"


def test_keys_outside_an_explorer_are_the_page_s_own(opened: Opened, large: Path) -> None:
    page = opened(large)
    page.click("#bucket-0 > summary")
    page.wait_for_selector("#bucket-0 .bar")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("k")

    assert page.locator("#bucket-0 .where").inner_text() == "after step 21 of 21"


def test_the_command_is_copied(opened: Opened, large: Path) -> None:
    page = opened(large)
    page.click("#bucket-0 > summary")
    page.evaluate("""document.addEventListener("copy", () => {
      window.copiedText = document.activeElement.value; })""")
    page.click("#bucket-0 button[data-copy]")

    assert page.inner_text("#bucket-0 button[data-copy]") == "Copied"
    assert page.evaluate("copiedText") == page.inner_text("#bucket-0 .command code")
    page.click("#bucket-0 button[data-copy-trace]")
    assert page.evaluate("copiedText").startswith("#vmfuzz-trace 1\nworld\nfault inc-ref")


@pytest.mark.parametrize("name", ["bucket-7", "XTRA.2--op_15"])
def test_an_address_opens_a_bucket(opened: Opened, large: Path, name: str) -> None:
    """The fifteenth op is the eighth of the new ones, which come first."""
    page = opened(large, tail=f"#{name}")
    page.wait_for_selector("#bucket-7 .bar")

    assert page.locator("details.bucket[open]").count() == 1
    assert page.evaluate("scrollY") > 0


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window_in_both_themes(
    opened: Opened, large: Path, width: int, *, is_dark: bool
) -> None:
    page = opened(large, width=width, dark=is_dark, tail="#bucket-7")
    page.wait_for_selector("#bucket-7 .bar")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".charts svg").count() == 5


def test_hostile_text_of_a_campaign_runs_nothing(opened: Opened, tmp_path: Path) -> None:
    evil = (
        "</script><script>document.title='owned'</script><img src=x onerror=\"document.title=1\">"
    )
    write_bucket(tmp_path, "ACCT.3c/segment_clone", CLONE.replace("world\n", f"# {evil}\nworld\n"))
    start = Start(0, 1, (evil,), 0, evil, (), date=evil)
    write_log(tmp_path, [start, Tally(1, 1, {evil: {evil: 1}}, {evil: 1}), End(2, 1, 1, evil)])
    path = tmp_path / "report.html"
    path.write_text(render(read_folder(tmp_path))[1]["report.html"])

    page = opened(path)

    page.wait_for_selector("#bucket-0 .bar")
    assert page.title() == "1 stored finding - vmfuzz report"
    assert page.locator("img").count() == 0
