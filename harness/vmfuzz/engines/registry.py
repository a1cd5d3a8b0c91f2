"""The engines by name. Importing one is left until it is used: Hypothesis takes half a second."""

from typing import Final

from vmfuzz.engines.interface import Engine
from vmfuzz.errors import VmfuzzError, closest

ENGINE_NAMES: Final = ("swarm", "hypothesis", "atheris")  # those that draw traces
EXHAUSTIVE: Final = "exhaustive"
EVERY_ENGINE: Final = (*ENGINE_NAMES, EXHAUSTIVE)


def installed_engines() -> list[str]:
    """Return the engines whose packages are installed, in the order of `ENGINE_NAMES`."""
    from vmfuzz.engines.atheris_engine import is_installed

    return [name for name in ENGINE_NAMES if name != "atheris" or is_installed()]


def engine(name: str, *, is_live: bool = False) -> Engine:
    """Return the engine called `name`, or the one of that name for a live system.

    Errors: VmfuzzError naming the closest, or for one that drives the model only.
    """
    if name == "swarm" and is_live:
        from vmfuzz.engines.live_engine import LiveEngine

        return LiveEngine()
    if name in EVERY_ENGINE and is_live:
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
    if name == EXHAUSTIVE:
        from vmfuzz.engines.exhaustive_engine import ExhaustiveEngine

        return ExhaustiveEngine()
    raise VmfuzzError(f"unknown engine {name!r}{closest(name, list(EVERY_ENGINE))}")


def check_engines(names: list[str], feedback: str | None, *, is_live: bool) -> None:
    """Make sure that each engine can be had, with this feedback. Errors: VmfuzzError."""
    if feedback is not None and "atheris" not in names:
        raise VmfuzzError(f"--feedback {feedback}: only the atheris engine has feedback")
    if len(set(names)) < len(names):
        raise VmfuzzError(f"--engine {','.join(names)}: an engine is named twice")
    for name in names:
        engine(name, is_live=is_live)
