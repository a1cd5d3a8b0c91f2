"""The wheel holds the two packages, typed, with the licence, and nothing else."""

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_exactly_the_two_packages(tmp_path: Path) -> None:
    build = pytest.importorskip("hatchling.build", reason="hatchling is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        name = build.build_wheel(str(tmp_path))

    names = zipfile.ZipFile(tmp_path / name).namelist()

    packages = {n.partition("/")[0] for n in names if ".dist-info/" not in n}
    assert packages == {"vmfuzz", "vmstore"}
    assert {"vmfuzz/py.typed", "vmstore/py.typed"} <= set(names)
    assert "vmfuzz/report/assets/explorer.js" in names
    assert "vmfuzz/scaffold/templates/vmfuzz-nightly.yml" in names
    assert any(n.endswith(".dist-info/licenses/LICENSE") for n in names)
