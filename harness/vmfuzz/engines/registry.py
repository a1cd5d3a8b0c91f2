"""The engines by name. Importing one is left until it is used: Hypothesis takes half a second."""

from importlib.util import find_spec
from typing import Final

from vmfuzz.engines.interface import Engine
from vmfuzz.errors import VmfuzzError, closest

ENGINE_NAMES: Final = ("swarm", "hypothesis", "atheris")


def installed_engines() -> list[str]:
    """Return the engines whose packages are installed, in the order of `ENGINE_NAMES`."""
    return [name for name in ENGINE_NAMES if name != "atheris" or find_spec("atheris")]


def engine(name: str, *, is_live: bool = False) -> Engine:
    """Return the engine called `name`, or the one of that name for a live system.

    Errors: VmfuzzError naming the closest, or for one that drives the model only.
    """
    if name == "swarm" and is_live:
        from vmfuzz.engines.live_engine import LiveEngine

        return LiveEngine()
    if name in ENGINE_NAMES and is_live:
        raise VmfuzzError(
            f"--engine {name}: a live system is driven by the swarm engine only;"
            " with --sut leave --engine out"
        )
    if name == "swarm":
        from vmfuzz.engines.swarm_engine import SwarmEngine

        return SwarmEngine()
    if name == "hypothesis":
        from vmfuzz.engines.hypothesis_engine import HypothesisEngine

        return HypothesisEngine()
    if name == "atheris":
        from vmfuzz.engines.atheris_engine import AtherisEngine

        return AtherisEngine()
    raise VmfuzzError(f"unknown engine {name!r}{closest(name, list(ENGINE_NAMES))}")
