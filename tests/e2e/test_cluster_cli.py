"""What is refused before any cluster is looked for."""

import subprocess
from collections.abc import Callable
from importlib.util import find_spec

import pytest

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("atuo", "'atuo' (did you mean 'auto'?): allowed are auto, local, and HOST:PORT"),
        ("", "'': allowed are"),
        ("10.0.0.1", "'10.0.0.1': allowed are"),
        ("host:0", "'host:0': allowed are"),
        ("host:65536", "'host:65536': allowed are"),
        ("host:6379:6379", "'host:6379:6379': allowed are"),
        ("ray://host:10001", "'ray://host:10001': allowed are"),
        ("host\x1b[31m:6379", r"'host\\x1b[31m:6379': allowed are"),
        ("host:" + "9" * 5000, "allowed are"),
    ],
)
def test_an_address_that_is_none_is_a_usage_error(
    vmfuzz: Vmfuzz, address: str, problem: str
) -> None:
    done = vmfuzz("fuzz", "--cluster", address, "--workers", 2)

    assert done.returncode == 2
    assert problem in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_search_is_not_for_a_cluster(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("fuzz", "--cluster", "local", "--engine", "exhaustive", "--depth", 3)

    assert done.returncode == 2
    assert "--engine exhaustive: one search cannot be shared out" in done.stderr


@pytest.mark.skipif(find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_message_has_the_command(vmfuzz: Vmfuzz) -> None:
    done = vmfuzz("fuzz", "--cluster", "local", "--workers", 2, "--steps", 10)

    assert done.returncode == 2
    assert done.stderr == "vmfuzz: --cluster needs Ray: pip install 'vmfuzz[cluster]'\n"
