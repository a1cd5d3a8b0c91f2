"""The Python of the plugin's pages, run as somebody would who copies it."""

import re
from pathlib import Path

import pytest

import plugin_traces  # noqa: F401  # keeps what it imports

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "pytest.md": {"passed": 3, "xfailed": 1},
    "how-to/write-your-own-machine.md": {"passed": 1},
}


def code(page: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.S)
    return "\n".join(blocks)


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow) if "machine" in page else page for page in PAGES],
)
def test_the_code_of_a_page_does_what_it_says(pytester: pytest.Pytester, page: str) -> None:
    pytester.makepyfile(test_page=code(page))

    result = pytester.runpytest_inprocess("--strict-markers", "-W", "error")

    result.assert_outcomes(**PAGES[page])


def test_the_clause_of_the_page_is_the_one_of_the_example() -> None:
    names: dict[str, object] = {}
    example = DOCS / "examples" / "own-clause"
    page, module = code("how-to/write-your-own-clause.md"), (example / "acme_vm.py").read_text()

    for line in page.splitlines():
        if re.match(r"\s+(id|text|source|scope|group|clause)=", line):
            names[line.strip()] = line.strip().partition("  #")[0] in module

    assert len(names) == 8
    assert all(names.values()), names


def test_the_page_names_every_option_fixture_and_marker(pytestconfig: pytest.Config) -> None:
    page = (DOCS / "pytest.md").read_text(encoding="utf-8")
    plugin = (DOCS.parent / "harness" / "vmfuzz" / "pytest_plugin.py").read_text(encoding="utf-8")
    options = set(re.findall(r'"(--vmfuzz-\w+)"', plugin))
    names = set(re.findall(r'addini\("(\w+)"', plugin)) | set(re.findall(r"def (vm_\w+)\(", plugin))

    assert len(options) == 6
    assert {name for name in options | names if f"`{name}" not in page} == set()
    markers = [re.split(r"[(:]", marker)[0] for marker in pytestconfig.getini("markers")]
    ours = {name for name in markers if name.startswith("vm_")}
    assert len(ours) == 3
    assert {name for name in ours if f"`{name}" not in page} == set()
