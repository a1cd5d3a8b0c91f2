"""A project that knows nothing of vmfuzz: the wheel in an environment of its own, then a trace."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACE = ROOT / "corpora" / "regressions" / "inc-ref-temp-handle.trace"
PYTHONS = ("3.11", "3.12", "3.13")
TOP = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "tox.ini",
       ".ci", ".github", ".gitignore", "corpora", "docs", "harness", "models", "tests"}  # fmt: skip
JUNK = ("__pycache__", ".pyc", ".venv", "vmfuzz-out", ".hypothesis", ".tox", ".coverage", "build/")


def interpreter(version: str) -> str | None:
    """A pyenv shim exists for versions that it cannot run, so one counts when it answers."""
    places = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}"))
    for binary in [*map(str, places), shutil.which(f"python{version}")]:
        if binary and not run(Path("/"), binary, "-c", "import ensurepip").returncode:
            return binary
    return None


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST_"))}
    return subprocess.run(
        [str(part) for part in command], cwd=folder, env={**environment, "NO_COLOR": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sdist and wheel, built from what git has of the checkout."""
    build = pytest.importorskip("hatchling.build", reason="hatchling is not installed")
    out = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        build.build_sdist(str(out))
        build.build_wheel(str(out))
    return out


def test_the_sdist_holds_the_project_and_no_junk(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = [name.partition("/")[2] for name in opened.getnames()]

    assert {name.partition("/")[0] for name in names} <= TOP
    assert {"pyproject.toml", "LICENSE", "README.md", "harness/vmfuzz/build_hook.py"} <= set(names)
    assert not [name for name in names if any(word in name for word in JUNK)]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", PYTHONS)
def test_a_wheel_in_an_empty_environment_finds_and_replays(
    built: Path, tmp_path: Path, version: str
) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version}")
    (wheel,) = built.glob("*.whl")
    project = tmp_path / "project"
    (project / "tests" / "traces").mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\nvmfuzz_corpora = ["tests/traces"]\n'
        'addopts = ["--strict-markers", "--strict-config", "-W", "error"]\n'
    )
    (project / "tests" / "test_theirs.py").write_text("def test_theirs():\n    assert 1 + 1 == 2\n")
    run(tmp_path, python, "-m", "venv", "env")
    bin = tmp_path / "env" / "bin"
    installed = run(tmp_path, bin / "pip", "install", "-q", wheel)
    demo = run(project, bin / "vmfuzz", "demo", "--time", "5s")
    before = run(project, bin / "pytest", "-v")
    shutil.copy(TRACE, project / "tests" / "traces" / "kept.trace")
    after = run(project, bin / "pytest", "-v")

    assert installed.returncode == 0, installed.stderr
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "ACCT.3c" in demo.stdout
    assert before.returncode == after.returncode == 0, before.stdout + after.stdout
    assert "1 passed" in before.stdout
    assert "tests/traces/kept.trace::replay PASSED" in after.stdout
    assert "2 passed" in after.stdout
