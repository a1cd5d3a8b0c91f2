"""`vmfuzz report` and `vmfuzz explain --html`, as a user meets them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]
FAULT = "inc-ref-temp-handle"
CLONE = """#vmfuzz-trace 1
world
s0 = segment_from_unused(start=0x0, end=0x1000)
s1 = segment_clone(segment=s0)
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "clone.trace"
    path.write_text(CLONE)
    return path


def test_a_campaign_is_reported_on_from_its_folder(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    found = vmfuzz("fuzz", "--steps", 30_000, "--seed", 1, "--fault", FAULT, "--out", "findings")
    done = vmfuzz("report", "findings")

    assert (found.returncode, done.returncode) == (1, 0)
    assert done.stdout.splitlines()[0].startswith("1 new finding: FOUND")
    assert done.stdout.splitlines()[-1] == "report: findings/report.html"
    folder = tmp_path / "findings"
    page = (folder / "report.html").read_text()
    assert "vmfuzz replay findings/ACCT.3c--" in page
    assert 'id="film-0"' in page
    assert "OUT." in page or "ACCT.3c" in page
    junit = ElementTree.parse(folder / "junit.xml").getroot()
    assert junit.find("testsuite[@name='vmfuzz.findings']/testcase/failure") is not None
    assert len(json.loads((folder / "report.sarif").read_text())["runs"][0]["results"]) == 1
    assert (folder / "summary.md").read_text().startswith("## ")


def test_a_clean_campaign_has_a_clean_report_elsewhere(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    vmfuzz("fuzz", "--steps", 500, "--seed", 1, "--out", "findings")
    done = vmfuzz("report", "findings", "--out", "public", "--json")

    document = json.loads(done.stdout)
    assert document["verdict"]["kind"] == "clean"
    assert document["totals"]["steps"] >= 500
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == [
        "junit.xml", "report.html", "report.sarif", "summary.md",
    ]  # fmt: skip
    assert not (tmp_path / "findings" / "report.html").exists()


def test_the_same_folder_gives_the_same_files(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    vmfuzz("fuzz", "--steps", 30_000, "--seed", 1, "--fault", FAULT, "--out", "findings")
    for seed in ("1", "2"):
        vmfuzz("report", "findings", "--out", f"out{seed}", PYTHONHASHSEED=seed)

    for name in ("report.html", "junit.xml", "report.sarif", "summary.md"):
        assert (tmp_path / "out1" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()


def test_a_damaged_log_is_remarked_upon(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    vmfuzz("fuzz", "--steps", 500, "--seed", 1, "--out", "findings")
    with (tmp_path / "findings" / "events.jsonl").open("a") as file:
        file.write("nonsense\n")
    done = vmfuzz("report", "findings")

    assert done.returncode == 0
    assert "1 line of the log is damaged" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["report", "nowhere"], 2, "nowhere: no such folder; give the --out of a campaign"),
        (["report", "clone.trace"], 2, "clone.trace: not a folder"),
        (["report", "."], 5, "no log of a campaign and no finding in this folder"),
        (["report"], 2, "Missing argument"),
        (["report", ""], 2, "the path is empty"),
        (["explain", "clone.trace", "--html", "x.html", "--json"], 2, "neither --step nor --json"),
        (["explain", "clone.trace", "--html", "x.html", "--step", "0"], 2, "neither --step nor"),
        (["explain", "clone.trace", "--html", "/dev/null/x"], 2, "/dev/null/x: cannot write"),
        (["explain", "nowhere", "--html", "x.html"], 2, "nowhere: cannot read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_named(
    vmfuzz: Vmfuzz, trace: Path, arguments: list[str], code: int, message: str
) -> None:
    done = vmfuzz(*arguments)

    assert done.returncode == code
    assert message in " ".join((done.stdout + done.stderr).split())


def test_an_unwritable_place_is_named(vmfuzz: Vmfuzz, trace: Path) -> None:
    vmfuzz("fuzz", "--steps", 200, "--out", "findings")
    done = vmfuzz("report", "findings", "--out", "clone.trace")

    assert done.returncode == 2
    assert "clone.trace" in done.stderr


def test_a_trace_becomes_a_page(vmfuzz: Vmfuzz, trace: Path, tmp_path: Path) -> None:
    clean = vmfuzz("explain", trace, "--html", "clean.html")
    broken = vmfuzz("explain", trace, "--html", "broken.html", "--fault", FAULT)

    assert (clean.returncode, broken.returncode) == (0, 1)
    assert clean.stdout == "clean\npage: clean.html\n"
    assert broken.stdout == "ACCT.3c broke at step 1\npage: broken.html\n"
    for name in ("clean.html", "broken.html"):
        page = (tmp_path / name).read_text()
        assert page.startswith("<!doctype html>")
        assert page.endswith("</html>\n")
    assert "<h1>clone.trace</h1>" in page
