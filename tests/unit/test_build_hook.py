"""What is compiled when a wheel is built with `VMFUZZ_COMPILE=1`, and who never runs it."""

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hatchling.builders.config import BuilderConfig

import vmfuzz
import vmstore
from vmfuzz.build_hook import COMPILED, INTERPRETED, VARIABLE, CompileHook, modules
from vmstore.sources import VARIABLE as PURE
from vmstore.sources import pure_children

ROOT = Path(__file__).parents[2]
NAMES = {".".join(path.with_suffix("").parts[1:]) for path in modules(ROOT)}


def hook(target: str = "wheel") -> CompileHook:
    return CompileHook(str(ROOT), {}, BuilderConfig, SimpleNamespace(), str(ROOT), target)  # type: ignore[arg-type]


def test_every_pattern_and_every_exception_is_about_a_module() -> None:
    for pattern in COMPILED:
        assert list(ROOT.glob(pattern)), pattern
    for path in INTERPRETED:
        assert (ROOT / path).is_file(), path


def test_what_a_step_goes_through_is_compiled_and_declarations_are_not() -> None:
    hot = {"vmfuzz.oracle", "vmfuzz.swarm", "vmstore.exec.meta", "vmstore.view.frame"}

    assert hot <= NAMES
    assert not any(name.startswith("vmstore.ops") for name in NAMES)
    assert "vmstore.sources" not in NAMES


def test_no_interpreted_class_inherits_from_a_compiled_one() -> None:
    """The interpreter refuses such a class when the compiled model is installed."""
    wrong = []
    for package in (vmfuzz, vmstore):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name in NAMES or info.name.endswith(("__main__", "atheris_child")):
                continue
            for value in vars(import_module(info.name)).values():
                if isinstance(value, type) and value.__module__ == info.name:
                    bases = [b for b in value.__mro__[1:] if b.__module__ in NAMES]
                    wrong += [f"{info.name}.{value.__name__}({b.__name__})" for b in bases]

    assert wrong == []


def test_nobody_who_does_not_ask_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    data: dict[str, Any] = {}

    hook().initialize("standard", data)

    assert data == {}
    assert hook().dependencies() == []


def test_who_asks_gets_a_compiler_for_wheels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")

    assert any(need.startswith("mypy") for need in hook().dependencies())
    assert hook("sdist").dependencies() == []


def test_an_editable_installation_says_why_it_is_not_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "1")

    with pytest.raises(SystemExit, match="an editable installation runs the sources"):
        hook().initialize("editable", {})


@pytest.mark.parametrize("name", ["vmfuzz.oracle", "vmstore.cells", "vmstore.exec.meta"])
def test_the_environment_asks_for_the_sources(name: str) -> None:
    script = (
        "import sys; from importlib import import_module; "
        f"import vmfuzz; module = import_module({name!r}); "
        "print(module.__file__[-3:], type(sys.meta_path[0]).__name__)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {PURE: "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [".py", "SourceFinder"]


@pytest.mark.parametrize("before", [None, "yes"])
def test_children_are_pure_for_as_long_as_they_are_asked_to(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is None:
        monkeypatch.delenv(PURE, raising=False)
    else:
        monkeypatch.setenv(PURE, before)

    with pure_children():
        inside = os.environ[PURE]

    assert inside == "1"
    assert os.environ.get(PURE) == before
