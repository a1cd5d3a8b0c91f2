"""Finds the clauses and faults of installed packages, and registers them with the model.

A package names them in its entry points; the name of an entry point is the prefix of their ids:

    [project.entry-points."vmfuzz.clauses"]
    acme = "acme_vm.checks:CLAUSES"
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from vmfuzz.clause_names import check_clause
from vmfuzz.errors import VmfuzzError
from vmstore.clauses.check import CLAUSES, ClauseError
from vmstore.extensions import ExtensionError, OwnFault, register_clauses, register_faults


@dataclass(frozen=True, slots=True)
class Extension:
    """What one entry point came to: the ids that it registered, or a problem."""

    group: str
    name: str
    distribution: str
    ids: tuple[str, ...] = ()
    problem: str = ""


_loaded: list[Extension] | None = None


def load_extensions() -> None:
    """Register what installed packages offer, once per process.

    Errors: VmfuzzError for a broken entry point, naming its distribution.
    """
    for extension in extensions():
        if extension.problem:
            raise VmfuzzError(
                f"extension {extension.name!r} of {extension.distribution}"
                f" ({extension.group}): {extension.problem}"
            )


def extensions() -> list[Extension]:
    """Return what every entry point came to. Effect: registers them at the first call."""
    global _loaded  # noqa: PLW0603  # the registry that it fills belongs to the process, too
    if _loaded is None:
        _loaded = [_load(point) for group in GROUPS for point in _sorted(entry_points(group=group))]
    return _loaded


def is_of_extension(error: BaseException) -> bool:
    """Return whether a clause or fault from outside raised this."""
    if isinstance(error, ClauseError):
        return error.clause not in {clause.id for clause in CLAUSES}
    return isinstance(error, ExtensionError)


def _register_faults(name: str, values: object) -> tuple[str, ...]:
    """Register faults whose clauses exist, and return their ids. Errors: ExtensionError."""
    for value in values if isinstance(values, tuple | list) else ():
        if isinstance(value, OwnFault) and value.clause:
            try:
                check_clause(value.clause)
            except VmfuzzError as error:
                raise ExtensionError(f"fault {value.id[:60]}: {error}") from None
    return register_faults(name, values)


GROUPS: Final[dict[str, Callable[[str, object], tuple[str, ...]]]] = {
    "vmfuzz.clauses": register_clauses,
    "vmfuzz.faults": _register_faults,
}


def _sorted(points: Iterable[EntryPoint]) -> list[EntryPoint]:
    return sorted(points, key=lambda point: (point.name, point.value))


def _load(point: EntryPoint) -> Extension:
    made = point.dist
    distribution = f"{made.name} {made.version}" if made is not None else "an unknown package"
    try:
        values = point.load()
        ids = GROUPS[point.group](point.name, values)
    except ExtensionError as error:
        problem = str(error)
    except (Exception, SystemExit) as error:  # a package may do anything when it is imported
        problem = f"cannot load {point.value}: {type(error).__name__}: {error}"
    else:
        return Extension(point.group, point.name, distribution, ids)
    return Extension(point.group, point.name, distribution, problem=problem)
