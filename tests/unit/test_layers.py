"""The layers hold: who may import what, what nobody may call, how large a module may grow."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARNESS, MODELS = ROOT / "harness", ROOT / "models"
SOURCES = sorted([*HARNESS.rglob("*.py"), *MODELS.rglob("*.py")])

# The only importers of each library, as path prefixes below `harness/vmfuzz/`.
IMPORTERS = {
    "hypothesis": (
        *("strategies.py", "machine.py", "hypothesis_runs.py"),
        *("engines/hypothesis_engine.py", "bench/hypothesis_shrink.py"),
    ),
    "atheris": ("atheris_child.py",),
    "pytest": ("pytest_plugin.py", "testing/"),
    "click": ("cli/",),
    "rich_click": ("cli/",),
    "rich": ("cli/", "report/"),
    "ray": ("campaigns/cluster/fleet.py",),
}
AGENTS = ("sut/agent.py", "sut/channel.py")  # time limits of a live system
DRIVERS = ("engines/", "audit/", "bench/", "mutants/", "cli/", "campaign.py", "campaigns/")
CLOCKS = (*DRIVERS, "processor_clock.py", "atheris_child.py", *AGENTS)
# Low layers import no engine and no command; the interface is data, and crashes store it.
UPPER_LAYERS = {
    "vmfuzz.engines": (*DRIVERS, "testing/campaigns.py"),
    "vmfuzz.engines.interface": (*DRIVERS, "crashes.py", "testing/"),
    "vmfuzz.cli": ("cli/", "__main__.py"),
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "secrets"}
SHELLS = {"os.system", "os.popen"}

# Longer than 300 lines for now. A module that shrinks leaves the table; a new entry needs a reason.
LONG_MODULES: set[str] = set()


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_keeps_to_its_layer(path: Path) -> None:
    below = path.relative_to(HARNESS / "vmfuzz").as_posix() if HARNESS in path.parents else ""
    for name in imports(path):
        top = name.partition(".")[0]
        assert top not in FORBIDDEN_MODULES
        if MODELS in path.parents:
            assert top == "vmstore" or top in sys.stdlib_module_names, f"vmstore imports {name}"
        if top in IMPORTERS:
            assert below.startswith(IMPORTERS[top]), f"{below} imports {name}"
        if top in {"time", "datetime"}:
            assert below.startswith(CLOCKS), f"{below or path.name} reads a clock"
        upper = max((m for m in UPPER_LAYERS if within(name, m)), key=len, default=None)
        if upper:
            assert below.startswith(UPPER_LAYERS[upper]), f"{below} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_randomness_comes_from_a_seeded_generator(path: Path) -> None:
    """`random.random()` and an unseeded `Random()` make a run that cannot be repeated."""

    assert {n for n in imports(path) if within(n, "random")} <= {"random.Random"}
    for node in nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "Random" or node.args, "Random() without a seed"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_evaluates_text_or_opens_a_shell(path: Path) -> None:

    assert not SHELLS.intersection(imports(path))
    for node in nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS
        if isinstance(node, ast.Attribute) and node.attr in {"system", "popen"}:
            assert ast.unparse(node) not in SHELLS
        if isinstance(node, ast.keyword) and node.arg == "shell":
            pytest.fail("a shell")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= 500
    assert (lines > 300) == (path.relative_to(ROOT).as_posix() in LONG_MODULES), (
        f"{lines} lines; LONG_MODULES lists exactly the modules over 300"
    )
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            documented = len((ast.get_docstring(node, clean=False) or "").splitlines())
            assert length - documented <= 60, f"{node.name} has {length} lines"


@pytest.mark.parametrize(("root", "package"), [(HARNESS, "vmfuzz"), (MODELS, "vmstore")])
def test_a_source_root_holds_one_package(root: Path, package: str) -> None:
    visible = {p.name for p in root.iterdir() if not p.name.startswith((".", "__"))}

    assert visible <= {package, "README.md"}


def test_the_view_never_sees_exec_state() -> None:
    """Two independent descriptions: only event tuples and the empty link are shared names."""
    allowed = {"vmstore.exec.machine": {"Event"}}
    for path in (MODELS / "vmstore" / "view").glob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vmstore.exec"):
                assert {alias.name for alias in node.names} <= allowed.get(node.module or "", set())
